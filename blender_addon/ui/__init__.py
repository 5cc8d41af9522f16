"""The sidebar."""

from . import panel, pictures


def register() -> None:
    pictures.register()
    panel.register()


def unregister() -> None:
    panel.unregister()
    pictures.unregister()
