"""Lets tests import the add-on's parts that need no Blender, as `extension_without_blender`."""

import extension_shim  # noqa: F401
