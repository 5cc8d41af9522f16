"""Odd footage and odd sound, made from the drawn presenter, and what the program makes of each."""
