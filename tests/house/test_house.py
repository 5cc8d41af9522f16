"""The project itself keeps the rules of its house (tools/house/plan.py)."""

from pathlib import Path

import pytest

from tools.house import page
from tools.house.rules import House, broken_rules

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def house():
    return House(ROOT)


def test_no_rule_of_the_house_is_broken(house):
    broken = broken_rules(house)
    assert not broken, "\n" + "\n".join(broken)


def test_the_architecture_page_shows_the_floors_as_planned(house):
    text = page.floors_text(house.modules(), house.houses)
    difference = page.difference((ROOT / page.PAGE).read_text(encoding="utf-8"), text)
    assert not difference, f"run `python3 build_addon.py check house --fix`:\n{difference}"
