"""The local process that preprocesses, trains, renders, evaluates and serves. Never imports bpy."""
