"""Colour that depends on the direction from which it is seen, as real spherical harmonics of degree 0 to 3.

Basis, signs and order are those of Kerbl et al. 2023 and of gsplat (Sloan 2013, "Efficient Spherical Harmonic
Evaluation"), and so is the colour: max(0, 0.5 + sum of coefficient x basis). Plain torch, on any device and in any
floating-point type: the oracle of the native engine's own code, and what the other engines use.
"""

from __future__ import annotations

import torch
from torch import Tensor

BASES = (1, 4, 9, 16)
"""Coefficients of a colour channel for degree 0, 1, 2, 3."""


def colours(means: Tensor, harmonics: Tensor, camera_from_world: Tensor) -> Tensor:
    """(N, 3) colours of Gaussians at `means` (N, 3) with coefficients `harmonics` (N, K, 3), K one of BASES, as seen
    from the camera. NaN where a mean or a coefficient is not finite: the engines do not draw such a Gaussian."""
    centre = -camera_from_world[:3, :3].T @ camera_from_world[:3, 3]
    # What is not finite must stay out of the differentiable part: a NaN times a zero gradient would be a NaN gradient.
    sound = (torch.isfinite(means).all(-1) & torch.isfinite(harmonics).flatten(1).all(-1)).nonzero()[:, 0]
    offset = means[sound] - centre
    direction = offset / offset.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(offset.dtype).tiny)
    seen = (basis(direction, harmonics.shape[1])[..., None] * harmonics[sound]).sum(1) + 0.5
    return torch.full_like(means, torch.nan, dtype=seen.dtype).index_copy(0, sound, seen.clamp(min=0))


def basis(direction: Tensor, count: int) -> Tensor:
    """(N, count) values of the first `count` basis functions in the unit directions (N, 3)."""
    x, y, z = direction.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    values = [torch.full_like(x, 0.28209479177387814)]
    if count > 1:
        values += [-0.4886025119029199 * y, 0.4886025119029199 * z, -0.4886025119029199 * x]
    if count > 4:
        values += [
            1.0925484305920792 * x * y,
            -1.0925484305920792 * y * z,
            0.31539156525252005 * (2 * zz - xx - yy),
            -1.0925484305920792 * x * z,
            0.5462742152960396 * (xx - yy),
        ]
    if count > 9:
        values += [
            -0.5900435899266435 * y * (3 * xx - yy),
            2.890611442640554 * x * y * z,
            -0.4570457994644658 * y * (4 * zz - xx - yy),
            0.3731763325901154 * z * (2 * zz - 3 * xx - 3 * yy),
            -0.4570457994644658 * x * (4 * zz - xx - yy),
            1.445305721320277 * z * (xx - yy),
            -0.5900435899266435 * x * (xx - 3 * yy),
        ]
    return torch.stack(values, -1)
