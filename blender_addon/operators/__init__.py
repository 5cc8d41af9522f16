"""Operators: each reads the context, calls a function, reports."""

from . import backend, bring_back, consent, install_backend, jobs, live, performance, viewing

CLASSES = (
    *install_backend.CLASSES,
    *backend.CLASSES,
    *jobs.CLASSES,
    *bring_back.CLASSES,
    *performance.CLASSES,
    *consent.CLASSES,
    *live.CLASSES,
    *viewing.CLASSES,
)
