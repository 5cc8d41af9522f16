"""What a pose must be: a rotation, and a place that is not beyond all measure."""

from __future__ import annotations

import numpy as np

_RIGID = 1e-3
"""How far the columns of a rotation may be from being of length 1 and at right angles."""
_FARTHEST_CM = 1e6
"""Nobody is filmed from further away."""


def require_rigid(name: str, poses: np.ndarray) -> None:
    """Raises ValueError where poses (T, 4, 4) do not turn and move a head that is somewhere near."""
    poses = np.asarray(poses, np.float64)
    turns = poses[:, :3, :3]
    with np.errstate(over="ignore", invalid="ignore"):
        off = np.abs(np.swapaxes(turns, 1, 2) @ turns - np.eye(3)).max(axis=(1, 2), initial=0.0)
        wrong = ~(off < _RIGID) | ~(np.linalg.det(turns) > 0) | (poses[:, 3] != (0, 0, 0, 1)).any(axis=1)
    wrong |= np.abs(poses[:, :3, 3]).max(axis=1, initial=0.0) > _FARTHEST_CM
    if wrong.any():
        raise ValueError(f"{name} of frame {np.flatnonzero(wrong)[0] + 1} is no position of a head")
