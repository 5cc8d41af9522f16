"""The rules of the house. Each function returns a sentence for each thing that breaks its rule."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from . import c_interface, plan
from .circles import circles
from .imports import Arrow, Module, arrows, owner, read_modules

SOURCE_SUFFIXES = (".py", ".cpp", ".h")
_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


@dataclass(frozen=True)
class House:
    """Sources below a root, and the plan that they have to follow."""

    root: Path
    houses: dict[str, plan.Floors] = field(default_factory=lambda: plan.HOUSES)
    beside: set[tuple[str, str]] = field(default_factory=lambda: plan.BESIDE)

    def modules(self) -> dict[str, Module]:
        """Every module outside tests/."""
        return read_modules(self.root, plan.SIDES)


def broken_rules(house: House) -> list[str]:
    """Everything in which `house` does not follow its plan."""
    modules = house.modules()
    between = arrows(modules)
    return [
        *homeless_modules(modules, house.houses),
        *empty_rooms(modules, house.houses),
        *missing_modules(modules),
        *wrong_arrows(between, house),
        *crossed_sides(modules),
        *foreign_libraries(modules),
        *imported_tests(modules, house.root),
        *(f"Modules import each other in a circle: {path}." for path in _paths(between)),
        *(f"Rooms import each other in a circle: {path}." for path in _paths(room_arrows(between, house.houses))),
        *(f"C++ files include each other in a circle: {path}." for path in _paths(includes(house.root))),
        *c_interface.differences(house.root),
        *long_files(house.root),
    ]


def room_of(module: str, houses: dict[str, plan.Floors]) -> str | None:
    """The room that owns `module`: the one with the longest name."""
    rooms = {room for floors in houses.values() for floor in floors for room in floor}
    fitting = [room for room in rooms if module == room or module.startswith(f"{room}.")]
    return max(fitting, key=len, default=None)


def room_arrows(between: Iterable[Arrow], houses: dict[str, plan.Floors]) -> list[Arrow]:
    """The arrows that lead from one room to another one."""
    found = []
    for arrow in between:
        source, target = room_of(arrow.source, houses), room_of(arrow.target, houses)
        if source is not None and target is not None and source != target:
            found.append(Arrow(source, target, arrow.where))
    return found


def homeless_modules(modules: dict[str, Module], houses: dict[str, plan.Floors]) -> list[str]:
    """Modules that no room owns."""
    return [
        f"{module.path.as_posix()} belongs to no room: move it into one, or give it one in tools/house/plan.py."
        for module in modules.values()
        if room_of(module.name, houses) is None
    ]


def empty_rooms(modules: dict[str, Module], houses: dict[str, plan.Floors]) -> list[str]:
    """Rooms of the plan that own no module."""
    lived_in = {room_of(name, houses) for name in modules}
    rooms = {room for floors in houses.values() for floor in floors for room in floor}
    return [f"The room {room} of tools/house/plan.py is empty: take it out." for room in sorted(rooms - lived_in)]


def missing_modules(modules: dict[str, Module]) -> list[str]:
    """Imports of the project's own modules that do not exist."""
    return [
        f"{module.path.as_posix()}:{imported.line} imports {imported.target}, which is not there."
        for module in modules.values()
        for imported in module.imports
        if _top(imported.target) in plan.SIDES and owner(imported.target, modules) is None
        if imported.target not in plan.SIDES
    ]


def wrong_arrows(between: Iterable[Arrow], house: House) -> list[str]:
    """Imports of a room above, or of one beside that the plan does not allow."""
    found = []
    for arrow in room_arrows(between, house.houses):
        for floors in house.houses.values():
            level = {room: number for number, floor in enumerate(floors, start=1) for room in floor}
            if arrow.source not in level or arrow.target not in level:
                continue
            below, above = level[arrow.source], level[arrow.target]
            if above > below:
                found.append(
                    f"{arrow.where}: {arrow.source} (floor {below}) imports {arrow.target} above it (floor {above})."
                )
            elif above == below and (arrow.source, arrow.target) not in house.beside:
                found.append(f"{arrow.where}: {arrow.source} imports {arrow.target} beside it (floor {below}).")
    return sorted(set(found))


def crossed_sides(modules: dict[str, Module]) -> list[str]:
    """Imports of one of the project's packages by one that may not know it, such as the backend by the add-on."""
    return [
        f"{module.path.as_posix()}:{imported.line}: {_top(module.name)} must not import {_top(imported.target)}."
        for module in modules.values()
        for imported in module.imports
        if _top(imported.target) in plan.SIDES and _top(imported.target) not in plan.SIDES[_top(module.name)]
    ]


def foreign_libraries(modules: dict[str, Module]) -> list[str]:
    """Imports of libraries that a package may not use, such as torch in the add-on or bpy in the backend."""
    found = []
    for module in modules.values():
        fitting = [name for name in plan.ONLY_LIBRARIES if module.name == name or module.name.startswith(f"{name}.")]
        allowed = plan.ONLY_LIBRARIES[max(fitting, key=len)] if fitting else None
        forbidden = plan.NO_LIBRARIES.get(_top(module.name), set())
        for imported in module.imports:
            library = _top(imported.target)
            if library in sys.stdlib_module_names or library in plan.SIDES or library == "tests":
                continue
            if library in forbidden or (allowed is not None and library not in allowed):
                found.append(f"{module.path.as_posix()}:{imported.line}: {module.name} must not import {library}.")
    return found


def imported_tests(modules: dict[str, Module], root: Path) -> list[str]:
    """Imports of tests, or of their helpers, which pytest lets them import by bare name."""
    helpers = {path.stem for path in (root / "tests").rglob("*.py")} - {"__init__"} - set(sys.stdlib_module_names)
    helpers = {name for name in helpers if not (root / name).exists()} | {"tests"}
    return [
        f"{module.path.as_posix()}:{imported.line} imports {imported.target}, which belongs to the tests."
        for module in modules.values()
        for imported in module.imports
        if _top(imported.target) in helpers
    ]


def includes(root: Path) -> list[Arrow]:
    """`#include "..."` between the C++ sources; a name is looked for beside the file first, then from the top."""
    top = root / plan.CPP_SOURCES
    found = []
    for path in sorted(file for file in top.rglob("*") if file.suffix in (".cpp", ".h")):
        for match in _INCLUDE.finditer(path.read_text(encoding="utf-8")):
            candidates = (path.parent / match[1], top / match[1])
            target = next((candidate.resolve() for candidate in candidates if candidate.is_file()), None)
            if target is not None:
                names = (path.relative_to(top).as_posix(), target.relative_to(top.resolve()).as_posix())
                found.append(Arrow(*names, where=path.relative_to(root).as_posix()))
    return found


def long_files(root: Path) -> list[str]:
    """Source files with more lines than the plan allows."""
    found = []
    for package in plan.SIDES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in SOURCE_SUFFIXES:
                lines = len(path.read_bytes().splitlines())
                if lines > plan.LONGEST_FILE:
                    name = path.relative_to(root).as_posix()
                    found.append(f"{name} has {lines} lines, more than {plan.LONGEST_FILE}: split it by its jobs.")
    return found


def _paths(between: Iterable[Arrow]) -> list[str]:
    """Circles as text."""
    return [" → ".join(path) for path in circles((arrow.source, arrow.target) for arrow in between)]


def _top(name: str) -> str:
    return name.partition(".")[0]
