"""The add-on without a window: functions for scripts, and the command of `blender -b FILE --command talker`."""
