"""Between a render folder and Blender's data: small functions on bpy, each usable from a script."""
