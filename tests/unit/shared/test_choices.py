"""What the panel offers by name is what the backend knows by name."""

import ast

from backend.settings import PRESETS as SETTINGS
from shared import choices
from tests.support.places import ROOT


def test_the_panel_offers_the_presets_and_recipes_that_there_are():
    tree = ast.parse((ROOT / "blender_addon" / "properties.py").read_text(encoding="utf-8"))
    lists = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Tuple)
    }
    offered = {
        name: tuple(ast.literal_eval(entry.elts[0]) for entry in lists[name].elts if isinstance(entry, ast.Tuple))
        for name in ("PRESETS", "RECIPES")
    }
    assert offered == {"PRESETS": choices.PRESETS, "RECIPES": choices.RECIPES}
    assert tuple(SETTINGS) == choices.PRESETS
