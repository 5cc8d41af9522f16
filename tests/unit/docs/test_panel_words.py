"""The options that the panel gives other names to are those that the backend's sentences name."""

import ast
import re

from tests.support.places import ROOT


def test_each_option_that_the_panel_renames_is_in_a_sentence_of_the_backends():
    module = ast.parse((ROOT / "blender_addon" / "jobs" / "words.py").read_text(encoding="utf-8"))
    renamed = next(
        ast.literal_eval(node.value)
        for node in module.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_OPTIONS_IN_PANEL"
    )
    said = sentences()
    for option in renamed:
        assert any(option in text for text in said), option


def test_no_option_of_preprocessing_is_left_in_what_the_panel_shows():
    """Sentences on footage and its sound name options only in ways that the panel knows."""
    module = (ROOT / "blender_addon" / "jobs" / "words.py").read_text(encoding="utf-8")
    for text in sentences():
        for option in re.findall(r"(?<![\w`-])--[a-z]+(?:-[a-z]+)*", text):
            assert option in module, text


def sentences():
    """Texts of the rooms that read footage, without docstrings."""
    found = []
    for room in ("preprocess", "media"):
        for path in sorted((ROOT / "backend" / room).glob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            found += [
                node.value
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
            ]
    return found
