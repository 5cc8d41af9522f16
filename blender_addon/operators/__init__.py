"""Operators: each reads the context, calls a function, reports."""

from . import about, backend, bring_back, consent, dropping, install_backend, jobs, line_preset, performance, viewing

CLASSES = (
    *install_backend.CLASSES,
    *backend.CLASSES,
    *jobs.CLASSES,
    *bring_back.CLASSES,
    *performance.CLASSES,
    *consent.CLASSES,
    *viewing.CLASSES,
    *about.CLASSES,
    *dropping.CLASSES,
    *line_preset.CLASSES,
)
