"""Making a Python environment with pinned packages: used by build_addon.py and by the add-on's preferences.

Standard library only. `python -m shared.setup` is the child process that the add-on runs; `environment.prepare` is
the one function behind both.
"""
