"""Whether Python fits the header of the compiled kernels, read from both sources: nothing is compiled or loaded.

cffi checks the same when a kernel is called; this finds a field or an argument that was changed in C alone before
anything is called.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from backend.kernels.interface import declarations

HEADER = Path("backend/kernels/src/api.h")
USERS = "backend"
"""The folder whose modules call the kernels."""
CALLERS = {
    "tests/support/kernels_under_sanitizers.py": "nothing looks for reads and writes out of bounds in it",
    "tests/platforms/harness/*.cpp": "it is not run on other platforms",
}
"""Programs that are to call every function of the header, by what it means when one does not."""
ABOUT_ITSELF = {"talker_interface", "talker_kernels_name", "talker_thread_count"}
"""Functions by which the library only tells of itself."""
_STRUCT = re.compile(r"typedef struct(?: \w+)? \{(.*?)\} (\w+);")
_FUNCTION = re.compile(r"(talker_\w+)\s*\(([^;{]*)\)\s*;")


@dataclass(frozen=True)
class Header:
    """What api.h declares."""

    structs: dict[str, frozenset[str]]
    """Structures with the names of their fields."""
    functions: dict[str, int]
    """Functions with their number of arguments."""


def read_header(text: str) -> Header:
    """The structures and functions of a header's `text`."""
    declared = declarations(text)
    structs = {name: frozenset(_fields(body)) for body, name in _STRUCT.findall(declared)}
    functions = {
        name: 0 if arguments.strip() in ("", "void") else arguments.count(",") + 1
        for name, arguments in _FUNCTION.findall(declared)
    }
    return Header(structs, functions)


def differences(root: Path) -> list[str]:
    """A sentence for each place where Python and the header below `root` differ."""
    path = root / HEADER
    if not path.is_file():
        return []
    header = read_header(path.read_text(encoding="utf-8"))
    modules = {file.relative_to(root).as_posix(): _parse(file) for file in sorted((root / USERS).rglob("*.py"))}
    users = {name: tree for name, tree in modules.items() if _structs_named(tree, header)}
    given = {names for tree in users.values() for names in _name_sets(tree)}
    found = []
    for name, tree in modules.items():
        found += [f"{name}:{line}: {words}" for line, words in _wrong_calls(tree, header)]
    for name, tree in users.items():
        found += [f"{name}: {words}" for words in _wrong_structs(tree, header, given)]
    for place, what in CALLERS.items():
        text = "".join(file.read_text(encoding="utf-8") for file in sorted(root.glob(place)))
        missing = header.functions.keys() - set(re.findall(r"talker_\w+", text)) - ABOUT_ITSELF if text else ()
        found += [f"{place} does not call {name}: {what}." for name in sorted(missing)]
    return found


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def _fields(body: str) -> Iterator[str]:
    """The names in the declarations between a structure's braces."""
    for declaration in body.split(";"):
        for declarator in declaration.split(","):
            names = re.findall(r"\w+", re.sub(r"\[.*?\]", "", declarator))
            if names:
                yield names[-1]


def _wrong_calls(tree: ast.AST, header: Header) -> Iterator[tuple[int, str]]:
    """Calls of functions that the header does not have, or has with another number of arguments."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        name = node.func.attr
        if not name.startswith("talker_") or any(isinstance(argument, ast.Starred) for argument in node.args):
            continue
        if name not in header.functions:
            yield node.lineno, f"{name} is not in api.h."
        elif len(node.args) != header.functions[name]:
            yield node.lineno, f"{name} has {header.functions[name]} arguments in api.h, not {len(node.args)}."


def _wrong_structs(tree: ast.AST, header: Header, given: set[frozenset[str]]) -> Iterator[str]:
    """Structures that the module names, but that are filled in with other fields than the header has.

    The fields stand beside the name, as keywords of the same call; or else somewhere among the names that are `given`
    by the modules that use structures, as keys of a dictionary or in a tuple.
    """
    beside = dict(_calls_with_fields(tree, header))
    for name in sorted(_structs_named(tree, header)):
        wanted = header.structs[name]
        nearest = beside.get(name) or max(given, key=lambda names: (len(names & wanted), -len(names ^ wanted)))
        if nearest != wanted:
            yield f"{name} of api.h and what Python gives it differ in: {', '.join(sorted(nearest ^ wanted))}."


def _structs_named(tree: ast.AST, header: Header) -> set[str]:
    """The structures whose names appear in the module."""
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return texts & header.structs.keys()


def _calls_with_fields(tree: ast.AST, header: Header) -> Iterator[tuple[str, frozenset[str]]]:
    """Calls such as struct("talker_neck", body=…, …): the structure, and the fields that it is given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.keywords and all(keyword.arg for keyword in node.keywords):
            for name in _strings(node.args) & header.structs.keys():
                yield name, frozenset(keyword.arg for keyword in node.keywords if keyword.arg)


def _name_sets(tree: ast.AST) -> Iterator[frozenset[str]]:
    """Every set of names in a module that could be a structure's fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            yield _strings(node.keys)
        elif isinstance(node, ast.Tuple):
            yield _strings(node.elts)


def _strings(nodes: Iterable[ast.expr | None]) -> frozenset[str]:
    """The texts among `nodes`, and those in tuples that are unpacked there."""
    names: frozenset[str] = frozenset()
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            names |= {node.value}
        elif isinstance(node, ast.Starred) and isinstance(node.value, ast.Tuple):
            names |= _strings(node.value.elts)
    return names
