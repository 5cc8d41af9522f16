"""Operators: each reads the context, calls a function, reports."""

from . import backend, bring_back, consent, exporting, install_backend, jobs, performance, viewing

CLASSES = (
    *install_backend.CLASSES,
    *backend.CLASSES,
    *jobs.CLASSES,
    *bring_back.CLASSES,
    *performance.CLASSES,
    *exporting.CLASSES,
    *consent.CLASSES,
    *viewing.CLASSES,
)
