"""Dataclasses from plain values (what JSON and msgpack carry), strictly: messages, jobs, and settings are read by it.

A field's annotation says what fits: bool, int, float, str, list, dict, an enum, pathlib.Path, tuple[T, ...], another
dataclass, a union of these with None, and Annotated[T, RULE] where RULE is Limits or OneOf.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, TypeVar

Built = TypeVar("Built")


class Unfit(ValueError):
    """Values that do not fit a dataclass.

    `name`: dotted name of the field. `reason`: what is wrong with it, to be read after the name. `known`: the names of
    the fields beside it, where there is no such field.
    """

    def __init__(self, name: str, reason: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(f"{name} {reason}")
        self.name = name
        self.reason = reason
        self.known = known


@dataclass(frozen=True)
class Limits:
    """Bounds of a number: at least `low`, or more than `above`; at most `high`. None: without that bound."""

    low: float | None = None
    high: float | None = None
    above: float | None = None

    def check(self, value: Any, name: str) -> None:
        """Raises Unfit where the number lies outside."""
        too_low = self.low is not None and value < self.low or self.above is not None and value <= self.above
        if too_low or self.high is not None and value > self.high:
            raise Unfit(name, f"is {value}, but must be {self}")

    def __str__(self) -> str:
        least = f"at least {self.low:g}" if self.low is not None else ""
        least = f"more than {self.above:g}" if self.above is not None else least
        return " and ".join(part for part in (least, f"at most {self.high:g}" if self.high is not None else "") if part)


@dataclass(frozen=True)
class OneOf:
    """The texts that a field may hold."""

    choices: tuple[str, ...]

    def check(self, value: Any, name: str) -> None:
        """Raises Unfit for another text."""
        if value not in self.choices:
            raise Unfit(name, f"is {value!r}, but must be {self}")

    def __str__(self) -> str:
        return f"one of {', '.join(self.choices)}"


def build(cls: type[Built], values: Any) -> Built:
    """An instance of the dataclass `cls` from a dict of its fields.

    Raises Unfit where a field is unknown, has a value that does not fit, or is missing and has no default.
    """
    return _build(cls, values, "")


def changed(instance: Built, values: Any, within: str = "") -> Built:
    """A copy of a dataclass instance with some fields replaced; a dict for a nested dataclass replaces some of its.

    `within`: what the names in an error begin with. Raises Unfit where a field is unknown or has a value that does not
    fit.
    """
    fitted = _fitted(type(instance), values, within, instance)
    return replace(instance, **fitted)  # type: ignore[type-var]


_FIELD_TYPES: dict[type, dict[str, Any]] = {}


def field_types(cls: type) -> dict[str, Any]:
    """The fields of a dataclass with their annotations, as objects."""
    if cls not in _FIELD_TYPES:
        hints = typing.get_type_hints(cls, include_extras=True)
        _FIELD_TYPES[cls] = {f.name: hints[f.name] for f in fields(cls)}
    return _FIELD_TYPES[cls]


def without_none(annotation: Any) -> tuple[list[Any], bool]:
    """The alternatives of an annotation but None, and whether None is one of them."""
    if typing.get_origin(annotation) not in (types.UnionType, typing.Union):
        return [annotation], False
    parts = typing.get_args(annotation)
    return [part for part in parts if part is not type(None)], type(None) in parts


def _build(cls: type[Built], values: Any, within: str) -> Built:
    fitted = _fitted(cls, values, within, None)
    needed = [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]  # type: ignore[arg-type]
    for name in needed:
        if name not in fitted:
            raise Unfit(_dotted(within, name), "is missing")
    return cls(**fitted)


def _fitted(cls: type, values: Any, within: str, base: object) -> dict[str, Any]:
    """The values as the fields hold them; those of nested dataclasses go over what `base` has there, if it is given."""
    if not isinstance(values, Mapping):
        raise Unfit(within or cls.__name__, f"is {_kind(values)}, but must be fields with their values")
    known = field_types(cls)
    result = {}
    for key, value in values.items():
        name = _dotted(within, str(key))
        if key not in known:
            raise Unfit(name, "is unknown", tuple(known))
        nested = getattr(base, key, None)
        if isinstance(value, Mapping) and is_dataclass(nested) and not isinstance(nested, type):
            result[key] = changed(nested, value, name)
        else:
            result[key] = _fit(value, known[key], name)
    return result


def _fit(value: Any, annotation: Any, name: str) -> Any:
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        base, *rules = typing.get_args(annotation)
        value = _fit(value, base, name)
        for rule in rules:
            rule.check(value, name)
        return value
    if origin in (types.UnionType, typing.Union):
        return _fit_any(value, annotation, name)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise Unfit(name, f"is {_kind(value)}, but must be several values")
        return tuple(_fit(item, typing.get_args(annotation)[0], name) for item in value)
    if is_dataclass(annotation) and isinstance(annotation, type):
        return value if isinstance(value, annotation) else _build(annotation, value, name)
    if annotation is float and type(value) in (int, float):
        if not math.isfinite(value):
            raise Unfit(name, f"is {value}, which is no finite number")
        return float(value)
    if annotation is Path and isinstance(value, (str, Path)):
        return Path(value)
    if issubclass(annotation, Enum) and type(value) is str and value in [member.value for member in annotation]:
        return annotation(value)
    if type(value) is not annotation:
        raise Unfit(name, f"is {_kind(value)}, but must be {_expected(annotation)}")
    return value


def _fit_any(value: Any, annotation: Any, name: str) -> Any:
    parts, has_none = without_none(annotation)
    if value is None and has_none:
        return None
    for part in parts[:-1]:
        try:
            return _fit(value, part, name)
        except Unfit:
            continue
    return _fit(value, parts[-1], name)


def _dotted(within: str, name: str) -> str:
    return f"{within}.{name}" if within else name


def _kind(value: Any) -> str:
    if isinstance(value, (str, int, float)) and not (isinstance(value, str) and len(value) > 40):
        return repr(value)
    return "nothing" if value is None else f"a {type(value).__name__}"


_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "a map",
    list: "a list",
    Path: "a path",
}


def _expected(annotation: type) -> str:
    if issubclass(annotation, Enum):
        return f"one of {', '.join(str(member.value) for member in annotation)}"
    return _WORDS.get(annotation, annotation.__name__)
