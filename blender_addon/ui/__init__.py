"""The sidebar."""

from . import panel


def register() -> None:
    panel.register()


def unregister() -> None:
    panel.unregister()
