"""Lines that are called alike never meet in one folder."""

import importlib
import json
from pathlib import Path

import pytest

ALIKE = ("line A", "line_A", "line?A", "line_A.wav", "line_A.mp3")
HELD = {"id": str}
"""Makes of an id what a manifest holds of it."""


@pytest.fixture(params=["as given", "as files carry it"])
def takes(modules, addon, monkeypatch, request):
    """jobs.takes; what manifests hold is the id as older versions wrote it, or as it is written now."""
    if request.param == "as files carry it":
        public_id = importlib.import_module(f"{addon.__name__}.shared.take_ids").public_id
        monkeypatch.setitem(HELD, "id", public_id)
    return modules.takes


def line(addon, name, *, scene="Scene", source="STRIP", file=None):
    return addon.bridge.audio.Line(scene, name, 1, 10, source, file)


def rendered(takes, one, output, scene) -> Path:
    """Where a line is rendered into; leaves a manifest there as the backend does."""
    folder = takes.folder(one, output, scene)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"take_id": HELD["id"](takes.line_id(one, output))}))
    return folder


def test_lines_that_are_called_alike_have_a_folder_each_and_keep_it(addon, scene, takes, tmp_path):
    lines = [line(addon, name) for name in ALIKE]
    lines += [line(addon, "line_A", scene="Other"), line(addon, "line_A", source="RANGE")]
    for ending in ("wav", "mp3"):
        lines.append(line(addon, "line_A", source="FILE", file=tmp_path / "sound" / f"line_A.{ending}"))
    lines.append(line(addon, "line_A", source="FILE", file=tmp_path / "other" / "line_A.wav"))
    output = tmp_path / "lines"
    first = [rendered(takes, one, output, scene) for one in lines]
    assert first[0].name == "line_A", "the first one has the plain name"
    assert len(set(first)) == len(lines)
    assert [rendered(takes, one, output, scene) for one in reversed(lines)] == first[::-1]


def test_a_file_that_is_moved_with_its_project_keeps_its_take(addon, takes, tmp_path):
    ids = {
        takes.line_id(
            line(addon, "a", source="FILE", file=tmp_path / place / "sound" / "a.wav"), tmp_path / place / "out"
        )
        for place in ("here", "there")
    }
    assert len(ids) == 1


def test_a_take_from_before_there_were_ids_is_gone_on_with_unless_two_lines_may_own_it(addon, scene, takes, tmp_path):
    (tmp_path / "line").mkdir()
    (tmp_path / "line" / "manifest.json").write_text('{"take": "line.line.wav"}')
    editor = scene.sequence_editor_create()
    for name in ("line.wav", "other"):
        strip = addon.compat.strips(editor).new_sound(name, str(tmp_path / "none.wav"), 1, 1)
        strip.name = name
    assert takes.folder(line(addon, "line.wav"), tmp_path, scene) == tmp_path / "line"
    strip.name = "line.mp3"
    assert takes.folder(line(addon, "line.wav"), tmp_path, scene) != tmp_path / "line"


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"take_id": 5}'])
def test_a_folder_with_a_damaged_manifest_is_left_to_the_backend_to_name(addon, scene, takes, tmp_path, content):
    (tmp_path / "line").mkdir()
    (tmp_path / "line" / "manifest.json").write_bytes(content)
    assert takes.folder(line(addon, "line"), tmp_path, scene) == tmp_path / "line"
