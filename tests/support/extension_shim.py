"""Imports the add-on's client without Blender: a package laid out like the staged extension, without its __init__."""

from __future__ import annotations

import sys
import types

from tests.support.places import ROOT

NAME = "extension_without_blender"

if NAME not in sys.modules:
    package = types.ModuleType(NAME)
    package.__path__ = [str(ROOT / "blender_addon"), str(ROOT)]
    sys.modules[NAME] = package
