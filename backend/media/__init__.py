"""Reading and writing of video, audio, EXR and colour."""
