"""What a model's scores belong to: the very training that was scored, and the kind of training it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from backend.train.resuming import MAY_DIFFER

_OF_ONE_FOLD = ("holdout_fold", "seed")
"""Settings in which the trainings of several folds and seeds of one model differ."""


def fingerprint(record: Mapping[str, Any]) -> str:
    """Of one training, by its record in config.json: another one, or a further round, has another."""
    return _hash(record)


def kind(record: Mapping[str, Any]) -> str:
    """Of how it was trained: that of all folds and seeds of a model is the same. Raises KeyError for a record without
    its settings."""
    left_out = (*_OF_ONE_FOLD, *MAY_DIFFER)
    settings = {name: value for name, value in record["settings"].items() if name not in left_out}
    return _hash({"settings": settings, "rounds": record.get("rounds")})


def _hash(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]
