"""Each rule of the house, on small made-up trees that break it."""

from pathlib import Path

import pytest

from shared.errors import InputError
from tools.house import page
from tools.house.circles import circles
from tools.house.imports import arrows, read_module, read_modules
from tools.house.rules import House, broken_rules

HOUSES = {
    "The backend": [["shared"], ["backend.low", "backend.beside"], ["backend.high"]],
    "The add-on": [["shared"], ["blender_addon.client"], ["blender_addon.ui"]],
    "The tools": [["tools"], ["build_addon"]],
}
SOUND = {
    "build_addon.py": "from tools.main import main\n",
    "tools/main.py": '"""Commands."""\nimport sys\nfrom shared import errors\nfrom backend.low import store\n',
    "shared/errors.py": '"""Errors."""\nimport msgpack\n',
    "backend/low/store.py": '"""Stores."""\nimport numpy\nfrom shared.errors import x\n',
    "backend/beside/other.py": '"""Another."""\n',
    "backend/high/job.py": '"""Jobs."""\nfrom backend.low import store\n',
    "blender_addon/client/wire.py": '"""The wire."""\nimport zmq\nfrom ..shared.errors import x\n',
    "blender_addon/ui/panel.py": '"""The panel."""\nimport bpy\nfrom ..client import wire\n',
    "tests/unit/helping.py": "",
}


@pytest.fixture
def tree(tmp_path):
    """A function that lays a sound tree out, changed by some files, and says which rules it breaks."""

    def lay(changes=None, beside=frozenset()):
        for name, text in {**SOUND, **(changes or {})}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return broken_rules(House(tmp_path, HOUSES, set(beside)))

    return lay


def test_a_sound_tree_breaks_no_rule(tree):
    assert tree() == []


@pytest.mark.parametrize(
    "statement",
    [
        "from backend.high import job",
        "import backend.high.job",
        "import backend.high.job as work",
        "from ..high import job",
        "from ..high.job import run",
        "def f():\n    from backend.high import job",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from backend.high.job import Job",
        'import importlib\nimportlib.import_module("backend.high.job")',
        'from importlib import import_module\nimport_module("..high.job", __package__)',
        "try:\n    import backend.high.job\nexcept ImportError:\n    pass",
    ],
)
def test_an_upward_import_is_found_however_it_is_written(tree, statement):
    line = 1 + statement[: statement.index("high")].count("\n")
    assert tree({"backend/low/store.py": statement + "\n", "backend/high/job.py": ""}) == [
        f"backend/low/store.py:{line}: backend.low (floor 2) imports backend.high above it (floor 3)."
    ]


def test_rooms_on_one_floor_know_nothing_of_each_other_unless_the_plan_says_so(tree):
    change = {"backend/low/store.py": "from backend.beside import other\n"}
    assert tree(change) == ["backend/low/store.py:1: backend.low imports backend.beside beside it (floor 2)."]
    assert tree(change, {("backend.low", "backend.beside")}) == []
    assert tree(change, {("backend.beside", "backend.low")}) != []


def test_a_circle_of_modules_is_shown_as_a_path(tree):
    broken = tree(
        {
            "backend/low/store.py": "from . import first\n",
            "backend/low/first.py": "def f():\n    from .second import g\n",
            "backend/low/second.py": "import backend.low.store\n",
        }
    )
    path = "backend.low.first → backend.low.second → backend.low.store → backend.low.first"
    assert broken == [f"Modules import each other in a circle: {path}."]


def test_a_circle_of_rooms_is_found_where_no_module_is_in_one(tree):
    broken = tree(
        {
            "backend/low/store.py": "from backend.beside import other\n",
            "backend/beside/more.py": "from backend.low import again\n",
            "backend/low/again.py": "",
        },
        {("backend.low", "backend.beside"), ("backend.beside", "backend.low")},
    )
    assert broken == ["Rooms import each other in a circle: backend.beside → backend.low → backend.beside."]


@pytest.mark.parametrize(
    ("file", "library"),
    [
        ("backend/low/store.py", "bpy"),
        ("backend/high/job.py", "mathutils"),
        ("shared/errors.py", "bpy"),
        ("shared/errors.py", "numpy"),
        ("tools/main.py", "aud"),
        ("tools/main.py", "numpy"),
        ("blender_addon/ui/panel.py", "torch"),
        ("blender_addon/ui/panel.py", "numpy"),
        ("blender_addon/client/wire.py", "bpy"),
    ],
)
def test_a_library_where_it_must_not_be_is_found(tree, file, library):
    module = file.removesuffix(".py").replace("/", ".")
    assert tree({file: f"def f():\n    import {library}.part\n"}) == [f"{file}:2: {module} must not import {library}."]


@pytest.mark.parametrize(
    ("file", "statement", "words"),
    [
        ("blender_addon/ui/panel.py", "from backend.low import store", "blender_addon must not import backend."),
        ("blender_addon/ui/panel.py", "from ..backend.low import store", "blender_addon must not import backend."),
        ("backend/high/job.py", "import blender_addon.ui.panel", "backend must not import blender_addon."),
        ("shared/errors.py", "from backend.low import store", "shared must not import backend."),
        ("shared/errors.py", "from blender_addon.ui import panel", "shared must not import blender_addon."),
        ("backend/high/job.py", "from tools.main import main", "backend must not import tools."),
    ],
)
def test_neither_side_imports_the_other(tree, file, statement, words):
    assert f"{file}:1: {words}" in tree({file: statement + "\n"})


@pytest.mark.parametrize("statement", ["from tests.unit import helping", "import tests.unit.helping", "import helping"])
def test_nothing_outside_tests_imports_them(tree, statement):
    target = statement.replace("from tests.unit import ", "tests.unit.").removeprefix("import ")
    broken = tree({"backend/high/job.py": statement + "\n"})
    assert broken == [f"backend/high/job.py:1 imports {target}, which belongs to the tests."]


def test_a_module_without_a_room_is_found(tree):
    assert tree({"backend/loose.py": ""}) == [
        "backend/loose.py belongs to no room: move it into one, or give it one in tools/house/plan.py."
    ]


def test_a_room_without_a_module_is_found(tree, tmp_path):
    tree()
    (tmp_path / "backend" / "beside" / "other.py").unlink()
    assert broken_rules(House(tmp_path, HOUSES, set())) == [
        "The room backend.beside of tools/house/plan.py is empty: take it out."
    ]


def test_an_import_of_a_module_that_is_not_there_is_found(tree):
    assert tree({"backend/high/job.py": "def f():\n    from backend.moved.store import x\n"}) == [
        "backend/high/job.py:2 imports backend.moved.store.x, which is not there."
    ]


def test_a_long_file_is_found(tree):
    assert tree({"backend/high/job.py": "x = 1\n" * 400}) == []
    broken = tree({"backend/high/job.py": "x = 1\n" * 401, "shared/long.h": "\n" * 500})
    assert broken == [
        "backend/high/job.py has 401 lines, more than 400: split it by its jobs.",
        "shared/long.h has 500 lines, more than 400: split it by its jobs.",
    ]


def test_a_circle_of_cpp_includes_is_found(tree):
    source = "backend/kernels/src"
    sound = {
        f"{source}/one.cpp": '#include "parts/two.h"\n#include <vector>\n',
        f"{source}/parts/two.h": '#include "three.h"\n',
        f"{source}/parts/three.h": '  #  include "base.h"\n',
        f"{source}/base.h": "",
    }
    assert tree(sound) == []
    assert tree({f"{source}/base.h": '#include "parts/two.h"\n'}) == [
        "C++ files include each other in a circle: base.h → parts/two.h → parts/three.h → base.h."
    ]


def test_an_import_is_told_with_its_module_and_line(tmp_path):
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "__init__.py").write_text("from .a import b\n")
    (tmp_path / "backend" / "a.py").write_text('"""First.\n\nMore."""\n\nfrom . import c\nfrom .c import d\n')
    (tmp_path / "backend" / "c.py").write_text("d = 1\n")
    modules = read_modules(tmp_path, ["backend"])
    assert sorted((a.source, a.target, a.where) for a in arrows(modules)) == [
        ("backend.__init__", "backend.a", "backend/__init__.py:1"),
        ("backend.a", "backend.c", "backend/a.py:5"),
        ("backend.a", "backend.c", "backend/a.py:6"),
    ]
    assert read_module(tmp_path / "backend" / "a.py", tmp_path).docstring == "First."


def test_every_group_of_nodes_in_a_circle_is_told_once_by_its_shortest_path():
    edges = [("a", "b"), ("b", "c"), ("c", "a"), ("b", "a"), ("c", "d"), ("d", "e"), ("x", "y"), ("y", "x"), ("z", "z")]
    assert circles(edges) == [["a", "b", "a"], ["x", "y", "x"], ["z", "z"]]
    assert circles([("a", "b"), ("b", "c"), ("a", "c")]) == []


def lay_page(root: Path, text: str) -> str:
    content = f"# The house\n\n{page.BEGIN}\n\n{text}\n\n{page.END}\n\nMore.\n"
    path = root / page.PAGE
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return content


def test_a_page_that_no_longer_fits_is_shown_as_a_difference_and_can_be_rewritten(tree, tmp_path):
    tree()
    house = House(tmp_path, HOUSES, set())
    text = page.floors_text(house.modules(), HOUSES)
    assert "| 3 | `backend/high/` |" in text
    assert page.difference(lay_page(tmp_path, text), text) == ""
    stale = lay_page(tmp_path, text.replace("| 3 | `backend/high/` |", "| 2 | `backend/high/` |"))
    difference = page.difference(stale, text)
    assert "-| 2 | `backend/high/` |" in difference
    assert "+| 3 | `backend/high/` |" in difference
    assert page.write(tmp_path, text) is True
    assert page.difference((tmp_path / page.PAGE).read_text(encoding="utf-8"), text) == ""
    assert (tmp_path / page.PAGE).read_text(encoding="utf-8").endswith("More.\n")
    assert page.write(tmp_path, text) is False


def test_a_page_shows_a_room_by_its_place_and_its_purpose(tmp_path):
    (tmp_path / "backend" / "high").mkdir(parents=True)
    (tmp_path / "backend" / "high" / "__init__.py").write_text('"""Jobs | work."""\n')
    (tmp_path / "backend" / "single.py").write_text('"""One thing."""\n')
    modules = read_modules(tmp_path, ["backend"])
    text = page.floors_text(modules, {"The backend": [["backend.single"], ["backend.high"]]})
    assert text.splitlines()[-2:] == [
        "| 2 | `backend/high/` | Jobs \\| work. |",
        "| 1 | `backend/single.py` | One thing. |",
    ]


def test_a_page_without_its_comments_is_an_error_that_says_what_to_add():
    with pytest.raises(InputError, match="floors: begin"):
        page.with_floors("# The house\n", "text")
