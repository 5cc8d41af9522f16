"""What build_addon.py does, a file a task. Standard library only."""
