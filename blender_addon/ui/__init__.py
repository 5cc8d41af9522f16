"""What an artist sees: the sidebar and the preferences."""

from . import dropping, line_list, panel, preferences, presets

CLASSES = (*preferences.CLASSES, *line_list.CLASSES, *panel.CLASSES, *dropping.CLASSES, *presets.CLASSES)
