"""Portrait and a line of dialogue to EXR frames, preview movie, camera and manifest."""
