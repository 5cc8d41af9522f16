"""The pages under docs/: their links lead somewhere, and the files that they name are there."""

from __future__ import annotations

import re

import pytest

from tests.support import pages

PAGES = (
    "README.md",
    *(
        f"docs/{n}.md"
        for n in (
            "colour",
            "consent",
            "formats",
            "glossary",
            "how-to-add",
            "kernels",
            "life",
            "protocol",
            "scaling",
            "testing",
            "tutorial",
            "why",
        )
    ),
)
EXAMPLES = {
    "backend/preprocess/exposure.py",
    "backend/kernels/gain.py",
    "tests/unit/kernels/test_gain.py",
    "backend/kernels/lib/PLATFORM",
}
"""What is not there: pages make it up to show how a thing is added, or say PLATFORM for several."""


def text_of(page):
    return (pages.ROOT / page).read_text(encoding="utf-8")


def anchors(text):
    """What a link may name in a page: its headings as forges spell them."""
    headings = re.findall(r"^#+ +(.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (pages.ROOT / page).parent / name if name else pages.ROOT / page
        assert path.is_file(), target
        assert not anchor or anchor in anchors(path.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_of_the_repository_that_a_page_names_is_there(page):
    named = re.findall(r"`((?:backend|shared|tests|tools|docs|requirements)/[\w./-]+)`", text_of(page))
    missing = [path for path in named if path not in EXAMPLES and not (pages.ROOT / path).exists()]
    assert missing == []


def test_the_pages_name_files_at_all():
    assert sum(len(re.findall(r"`backend/[\w./-]+`", text_of(page))) for page in PAGES) > 50
