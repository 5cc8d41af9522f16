"""What the Blender add-on and the backend share: messages, job states, time, cameras, file names, errors.

Standard library and msgpack only, so that it runs unchanged inside Blender's Python and the backend's.
"""
