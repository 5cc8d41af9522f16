"""What an artist sees: the sidebar and the preferences."""

from . import panel, preferences

CLASSES = (*preferences.CLASSES, *panel.CLASSES)
