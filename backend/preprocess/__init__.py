"""Footage to a subject folder: faces, crop, camera, regions, background, sync, quality."""
