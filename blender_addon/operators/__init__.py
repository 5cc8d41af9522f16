"""Operators: each reads the context, calls a function, reports."""

from . import (
    about,
    backend,
    bring_back,
    consent,
    direction,
    dropping,
    exporting,
    install_backend,
    jobs,
    line_preset,
    lines,
    live,
    performance,
    removal,
    viewing,
)

CLASSES = (
    *install_backend.CLASSES,
    *backend.CLASSES,
    *jobs.CLASSES,
    *lines.CLASSES,
    *bring_back.CLASSES,
    *performance.CLASSES,
    *exporting.CLASSES,
    *direction.CLASSES,
    *consent.CLASSES,
    *live.CLASSES,
    *viewing.CLASSES,
    *about.CLASSES,
    *dropping.CLASSES,
    *removal.CLASSES,
    *line_preset.CLASSES,
)
