"""Operators: each reads the context, calls a function, reports."""

from . import import_take, jobs, look, performance

_MODULES = (jobs, import_take, performance, look)


def register() -> None:
    for module in _MODULES:
        module.register()


def unregister() -> None:
    for module in reversed(_MODULES):
        module.unregister()
