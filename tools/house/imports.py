"""What every module of the project imports, read from its source by `ast`; nothing is run.

Imports inside functions and under TYPE_CHECKING count as much as those at the top, and so does
`importlib.import_module("name")` with a literal name. That importing `a.b` also runs `a/__init__.py` does not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .plan import BUNDLED


@dataclass(frozen=True)
class Import:
    """One imported name."""

    target: str
    """Absolute dotted name, as far as the statement tells it: a module, or a name within one."""
    line: int
    """Line of the statement, from 1."""


@dataclass(frozen=True)
class Module:
    """A source file."""

    name: str
    """Dotted name below the repository's root; a package's own file ends in `.__init__`."""
    path: Path
    """Relative to the repository's root."""
    docstring: str
    """First line of its docstring, or nothing."""
    imports: tuple[Import, ...] = field(repr=False)


@dataclass(frozen=True)
class Arrow:
    """One module of the project imports another one."""

    source: str
    target: str
    where: str
    """PATH:LINE of the import."""


def read_modules(root: Path, packages: Iterable[str]) -> dict[str, Module]:
    """The modules of `packages` (folders or single files below `root`) by name."""
    modules = {}
    for package in packages:
        single = root / f"{package}.py"
        paths = [single] if single.is_file() else sorted((root / package).rglob("*.py"))
        for path in paths:
            module = read_module(path, root)
            modules[module.name] = module
    return modules


def read_module(path: Path, root: Path) -> Module:
    """The module in `path`, a file below `root`. Raises SyntaxError."""
    relative = path.relative_to(root)
    name = ".".join(relative.with_suffix("").parts)
    tree = ast.parse(path.read_bytes(), filename=str(path))
    docstring = (ast.get_docstring(tree) or "").partition("\n")[0]
    found = tuple(Import(_unbundled(target), line) for target, line in _imports(tree, name))
    return Module(name, relative, docstring, found)


def arrows(modules: dict[str, Module]) -> list[Arrow]:
    """Imports between `modules`. What a module imports of itself is left out."""
    found = []
    for module in modules.values():
        for imported in module.imports:
            target = owner(imported.target, modules)
            if target is not None and target != module.name:
                found.append(Arrow(module.name, target, f"{module.path.as_posix()}:{imported.line}"))
    return found


def owner(target: str, modules: dict[str, Module]) -> str | None:
    """The module that `target` names or lies in; None if it is none of `modules`."""
    parent = target.rpartition(".")[0]
    for name in (target, f"{target}.__init__", parent, f"{parent}.__init__"):
        if name in modules:
            return name
    return None


def _unbundled(target: str) -> str:
    for inside, name in BUNDLED.items():
        if target == inside or target.startswith(f"{inside}."):
            return name + target.removeprefix(inside)
    return target


def _imports(tree: ast.AST, name: str) -> Iterator[tuple[str, int]]:
    package = name.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), package)
            for alias in node.names:
                yield base if alias.name == "*" else f"{base}.{alias.name}".lstrip("."), node.lineno
        elif isinstance(node, ast.Call) and _is_import_call(node.func) and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield _absolute(first.value, package), node.lineno


def _absolute(name: str, package: list[str]) -> str:
    """`name` without its leading dots, seen from `package`."""
    bare = name.lstrip(".")
    level = len(name) - len(bare)
    if level == 0:
        return bare
    base = package[: len(package) - (level - 1)]
    return ".".join([*base, bare] if bare else base)


def _is_import_call(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("import_module", "__import__")
