"""M2DAO Talker: a talking head from footage and a line of dialogue, in Blender's timeline."""

from . import command, operators, preferences, properties, ui

_MODULES = (properties, preferences, operators, ui, command)


def register() -> None:
    for module in _MODULES:
        module.register()


def unregister() -> None:
    for module in reversed(_MODULES):
        module.unregister()
