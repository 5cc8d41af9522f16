"""Names and buttons in other languages."""

import ast
import json
from pathlib import Path

import pytest

ADDON = Path(__file__).resolve().parents[2] / "blender_addon"
LANGUAGES = sorted((ADDON / "languages").glob("*.json"))


@pytest.fixture(scope="module")
def texts():
    """All texts of the add-on's code."""
    found = set()
    for path in ADDON.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_every_text_that_is_translated_is_one_of_the_add_ons(path, texts):
    translated = json.loads(path.read_text(encoding="utf-8"))
    assert [text for text in translated if text not in texts] == []
    assert all(translated.values())


def test_the_buttons_of_the_four_steps_are_translated_in_every_language(addon):
    assert LANGUAGES
    for known in addon.ui.languages.read(ADDON / "languages").values():
        for button in ("Preprocess Footage", "Train", "Render Line", "Bring Back", "Do It All"):
            assert known["Operator", button]


def test_blender_shows_them_in_its_own_language_and_no_longer_once_they_are_taken_back(addon, bpy):
    view = bpy.context.preferences.view
    before = view.language, view.use_translate_interface
    try:
        view.language = "de_DE"
    except TypeError:
        pytest.skip("Blender as a Python module comes without languages")
    try:
        view.use_translate_interface = True
        look_up = bpy.app.translations.pgettext_iface
        assert look_up("Do It All", "Operator") == "Alles erledigen"
        assert look_up("Preprocess the footage first.") == "Zuerst die Aufnahme vorbereiten."
        addon.ui.languages.unregister()
        assert look_up("Do It All", "Operator") == "Do It All"
        addon.ui.languages.register()
    finally:
        view.language = before[0]
        view.use_translate_interface = before[1]
