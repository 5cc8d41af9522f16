"""A tree of settings: nested dataclasses whose fields are reached by dotted names, as in bundle.shape_spread_cm."""

from __future__ import annotations

import ast
import difflib
import hashlib
import inspect
import json
import textwrap
import typing
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from enum import Enum
from typing import Annotated, Any, TypeVar

from shared.checked import Unfit, changed, field_types, without_none
from shared.errors import InputError

Settings = TypeVar("Settings")

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class Entry:
    """A field at the end of a branch."""

    name: str
    """Dotted."""
    value: Any
    fits: str
    """What it may hold, in words."""
    sentence: str
    """What it is for, as its source says."""


def with_changes(settings: Settings, changes: Mapping[str, Any], within: str = "") -> Settings:
    """A copy with some fields replaced; `changes` is nested or has dotted names.

    `within`: what the names in an error begin with. Raises InputError where a name or a value does not fit.
    """
    try:
        return changed(settings, nested(changes), within)
    except Unfit as error:
        known = names(type(settings))
        raise refusal(error, tuple(f"{within}.{name}" for name in known) if within else known) from error


def nested(*changes: Mapping[str, Any]) -> dict[str, Any]:
    """{"a.b": 1, "a": {"c": 2}} as {"a": {"b": 1, "c": 2}}, several of them as one.

    Raises Unfit where a field is given twice.
    """
    result: dict[str, Any] = {}
    for part in changes:
        for name, value in part.items():
            _put(result, str(name), value, str(name))
    return result


def _put(into: dict[str, Any], path: str, value: Any, name: str) -> None:
    """Put a value where `path`, dotted, says; `name` is the whole of it."""
    first, _, rest = path.partition(".")
    if not rest and not isinstance(value, Mapping):
        if first in into:
            raise Unfit(name, "is given twice")
        into[first] = value
        return
    group = into.setdefault(first, {})
    if not isinstance(group, dict):
        raise Unfit(name, "is given twice")
    for key, inner in ({rest: value} if rest else value).items():
        _put(group, str(key), inner, name if rest else f"{name}.{key}")


def from_text(cls: type, name: str, text: str) -> Any:
    """The value that `text` means for the field `name`, dotted, of a tree: by the field's type.

    "none" for a field that may be None, true or false (also yes, on, 1, no, off, 0) for a bool, values with commas for
    a tuple. Raises InputError where there is no such field, or the text is no such value.
    """
    try:
        return _from_text(_annotation(cls, name), name, text)
    except Unfit as error:
        raise refusal(error, names(cls)) from error


def _annotation(cls: type, name: str) -> Any:
    annotation: Any = cls
    for part in name.split("."):
        known = field_types(annotation) if is_dataclass(annotation) and isinstance(annotation, type) else {}
        if part not in known:
            raise Unfit(name, "is unknown", tuple(known))
        annotation = known[part]
    return annotation


def _from_text(annotation: Any, name: str, text: str) -> Any:
    if typing.get_origin(annotation) is Annotated:
        return _from_text(typing.get_args(annotation)[0], name, text)
    parts, has_none = without_none(annotation)
    if has_none and text.lower() == "none":
        return None
    if len(parts) > 1 or parts[0] is not annotation:
        return _from_text(parts[0], name, text)
    if typing.get_origin(annotation) is tuple:
        return [_from_text(typing.get_args(annotation)[0], name, part.strip()) for part in text.split(",") if part]
    if is_dataclass(annotation) and isinstance(annotation, type):
        first = next(iter(field_types(annotation)))
        raise Unfit(name, f"is a group of settings: name one of them, as in {name}.{first}")
    if annotation is bool:
        if text.lower() not in _TRUE + _FALSE:
            raise Unfit(name, f"is {text!r}, but must be true or false")
        return text.lower() in _TRUE
    if annotation in (int, float):
        try:
            return annotation(text)
        except ValueError as error:
            raise Unfit(name, f"is {text!r}, but must be {_WORDS[annotation]}") from error
    return text


def refusal(error: Unfit, known: tuple[str, ...], kind: str = "setting") -> InputError:
    """`error` as the user sees it; `known` are the dotted names that could have been meant, `kind` what they name."""
    if error.reason != "is unknown":
        return InputError(f"The {kind} {error.name} {error.reason}.", "Correct it and run it again.")
    near = near_names(error.name, known)
    what = f"There is no {kind} {error.name!r}."
    if near:
        return InputError(what, f"Did you mean {' or '.join(near)}?")
    return InputError(what, f"There {'are' if len(error.known) > 1 else 'is'} {', '.join(error.known)}.")


def near_names(name: str, known: tuple[str, ...]) -> list[str]:
    """Up to three of the dotted names `known` that `name` may be a slip of: alike as a whole, or in their last part."""
    last = name.rpartition(".")[2]
    by_last: dict[str, list[str]] = {}
    for other in known:
        by_last.setdefault(other.rpartition(".")[2], []).append(other)
    alike = [full for end in difflib.get_close_matches(last, by_last, 3, 0.75) for full in by_last[end]]
    return list(dict.fromkeys([*difflib.get_close_matches(name, known, 3, 0.75), *alike]))[:3]


def names(cls: type) -> tuple[str, ...]:
    """The dotted names of all fields of a tree, without the groups that hold them."""
    found: list[str] = []
    for name, annotation in field_types(cls).items():
        if is_dataclass(annotation) and isinstance(annotation, type):
            found += [f"{name}.{inner}" for inner in names(annotation)]
        else:
            found.append(name)
    return tuple(found)


def digest(settings: object, without: tuple[str, ...] = ()) -> str:
    """Hash of all values of a tree, or of a dict of such trees. `without`: names of fields that are left out."""
    values = settings if isinstance(settings, Mapping) else asdict(settings)  # type: ignore[call-overload]
    plain = _without({name: asdict(value) if is_dataclass(value) else value for name, value in values.items()}, without)  # type: ignore[arg-type]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _without(values: Mapping[str, Any], left_out: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: _without(value, left_out) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if name not in left_out
    }


def entries(settings: Any, within: str = "") -> Iterator[Entry]:
    """All fields of a tree with their values, in the order of their source."""
    told = sentences(type(settings))
    for name, annotation in field_types(type(settings)).items():
        value, dotted = getattr(settings, name), f"{within}{name}"
        if is_dataclass(value):
            yield from entries(value, f"{dotted}.")
        else:
            yield Entry(dotted, value, in_words(annotation), told.get(name, ""))


def sentences(cls: type) -> dict[str, str]:
    """The text that the source of a class has under each of its fields."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            assert isinstance(field.target, ast.Name)
            found[field.target.id] = " ".join(str(text.value.value).split())
    return found


_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def in_words(annotation: Any) -> str:
    """What a field with this annotation may hold."""
    if typing.get_origin(annotation) is Annotated:
        base, *rules = typing.get_args(annotation)
        bounds = " and ".join(str(rule) for rule in rules)
        return bounds if base is str else f"{in_words(base)}, {bounds}"
    parts, has_none = without_none(annotation)
    if has_none:
        return f"{' or '.join(map(in_words, parts))}; or none"
    if typing.get_origin(annotation) is tuple:
        return f"values with commas, each {in_words(typing.get_args(annotation)[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return f"one of {', '.join(str(member.value) for member in annotation)}"
    return _WORDS[annotation]
