"""What the panel offers by name is what the backend knows by name."""

import ast

from backend.settings import PRESETS as SETTINGS
from shared import choices
from tests.support.places import ROOT


def test_the_panel_offers_the_presets_recipes_and_colour_spaces_that_there_are():
    assert offered("properties.py", "PRESETS") == choices.PRESETS == tuple(SETTINGS)
    assert offered("properties.py", "RECIPES") == choices.RECIPES
    assert offered("footage_settings.py", "INPUT_COLOURS") == choices.INPUT_COLOURS


def offered(module, name):
    """The first entries of a list of choices in a module of the add-on, which cannot be imported here."""
    tree = ast.parse((ROOT / "blender_addon" / module).read_text(encoding="utf-8"))
    found = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name
    )
    assert isinstance(found, ast.Tuple)
    return tuple(ast.literal_eval(entry.elts[0]) for entry in found.elts if isinstance(entry, ast.Tuple))
