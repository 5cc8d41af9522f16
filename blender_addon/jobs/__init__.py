"""Jobs of the backend as this Blender does them: the connection, the steps, what is shown of them, and the watch."""
