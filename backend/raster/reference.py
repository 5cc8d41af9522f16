"""The reference engine: the splatting model in plain torch, on any device and in any floating-point type.

In float64 it is the oracle that the other engines are tested against; it is also what runs where no other engine can.
Written to be read: project every Gaussian, list the (Gaussian, pixel) pairs of one band of rows front to back, blend
them with one cumulative sum, go on to the next band. Bands bound the memory; in training each band is recomputed in the
backward pass (torch.utils.checkpoint) for the same reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from shared.camera import Intrinsics

from . import constants

MAX_PAIRS = 1 << 20
"""Pairs of one band; about 100 bytes each in float64."""


@dataclass
class Splats:
    """N Gaussians on screen, nearest first."""

    centres: Tensor
    """(N, 2) px"""
    conics: Tensor
    """(N, 3): xx, xy, yy of the inverse covariance, 1/px^2"""
    depths: Tensor
    """(N,) planar depth"""
    opacities: Tensor
    """(N,)"""
    features: Tensor
    """(N, C)"""
    boxes: Tensor
    """(N, 4) whole px: first column, end column, first row, end row of where alpha may reach the cut-off"""


def render(
    means: Tensor,
    quaternions: Tensor,
    scales: Tensor,
    opacities: Tensor,
    features: Tensor,
    camera_from_world: Tensor,
    intrinsics: Intrinsics,
    threads: int = 0,
    *,
    blur: float = constants.BLUR_PX2,
    alpha_cutoff: float = constants.ALPHA_CUTOFF,
    transmittance_stop: float = constants.TRANSMITTANCE_STOP,
    max_pairs: int = MAX_PAIRS,
) -> tuple[Tensor, Tensor, Tensor]:
    """Features (H, W, C), alpha (H, W), depth (H, W); arguments as `rasterize`. `threads` is ignored.

    With `alpha_cutoff` and `transmittance_stop` at 0 the picture is a smooth function of every input (for gradcheck).
    """
    splats = project(
        means, quaternions, scales, opacities, features, camera_from_world, intrinsics,
        blur=blur, alpha_cutoff=alpha_cutoff,
    )  # fmt: skip
    width, height = intrinsics.width, intrinsics.height
    bands = []
    for first, end in _bands(splats.boxes, height, max_pairs):
        index, pixel = _pairs(splats.boxes, first, end, width)
        arguments = (
            splats.centres,
            splats.conics,
            splats.depths,
            splats.opacities,
            splats.features,
            index,
            pixel,
            (first, end, width),
            (alpha_cutoff, transmittance_stop),
        )
        if torch.is_grad_enabled():
            bands.append(checkpoint(_blend, *arguments, use_reentrant=False))
        else:
            bands.append(_blend(*arguments))
    out = torch.cat(bands).view(height, width, -1)
    return out[..., :-2], out[..., -2], out[..., -1]


def project(
    means: Tensor,
    quaternions: Tensor,
    scales: Tensor,
    opacities: Tensor,
    features: Tensor,
    camera_from_world: Tensor,
    intrinsics: Intrinsics,
    *,
    blur: float = constants.BLUR_PX2,
    alpha_cutoff: float = constants.ALPHA_CUTOFF,
) -> Splats:
    """The Gaussians that can be seen, on screen, nearest first (Zwicker et al. 2001, EWA splatting)."""
    keep = _drawable(means, quaternions, scales, opacities, features, camera_from_world, alpha_cutoff)
    means, quaternions, scales = means[keep], quaternions[keep], scales[keep]
    opacities, features = opacities[keep], features[keep]
    fx, fy, cx, cy = intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy
    width, height = intrinsics.width, intrinsics.height

    rotation = camera_from_world[:3, :3]
    in_camera = means @ rotation.T + camera_from_world[:3, 3]
    axes = rotation @ rotation_matrices(quaternions) * scales[:, None, :]

    x, y, z = in_camera.unbind(-1)
    tan_x, tan_y = x / z, y / z
    margin_x, margin_y = constants.FOV_MARGIN * 0.5 * width / fx, constants.FOV_MARGIN * 0.5 * height / fy
    slope_x = tan_x.clamp(-cx / fx - margin_x, (width - cx) / fx + margin_x)
    slope_y = tan_y.clamp(-cy / fy - margin_y, (height - cy) / fy + margin_y)
    # Rows of the perspective's Jacobian times the Gaussian's axes: its standard deviations on screen, as vectors.
    screen_x = (fx / z)[:, None] * (axes[:, 0] - slope_x[:, None] * axes[:, 2])
    screen_y = (fy / z)[:, None] * (axes[:, 1] - slope_y[:, None] * axes[:, 2])
    xx = (screen_x * screen_x).sum(-1) + blur
    xy = (screen_x * screen_y).sum(-1)
    yy = (screen_y * screen_y).sum(-1) + blur
    determinant = xx * yy - xy * xy

    centres = torch.stack([fx * tan_x + cx, fy * tan_y + cy], -1)
    conics = torch.stack([yy, -xy, xx], -1) / determinant[:, None]
    boxes = _boxes(centres, xx, yy, opacities, width, height, alpha_cutoff)
    with torch.no_grad():
        # A Gaussian that has grown too large has no finite inverse covariance: not drawn, like one that holds a NaN.
        sound = torch.isfinite(centres).all(-1) & torch.isfinite(conics).all(-1) & (determinant > 0)
        on_screen = (boxes[:, 1] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 2]) & sound
        seen = on_screen.nonzero()[:, 0]
        order = seen[torch.argsort(z[seen], stable=True)]
    return Splats(centres[order], conics[order], z[order], opacities[order], features[order], boxes[order])


def rotation_matrices(quaternions: Tensor) -> Tensor:
    """(N, 3, 3) rotations of the quaternions (N, 4) w, x, y, z, which are normalised first."""
    w, x, y, z = (quaternions / quaternions.norm(dim=-1, keepdim=True)).unbind(-1)
    rows = [
        torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], -1),
        torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], -1),
        torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], -1),
    ]
    return torch.stack(rows, -2)


@torch.no_grad()
def _drawable(
    means: Tensor,
    quaternions: Tensor,
    scales: Tensor,
    opacities: Tensor,
    features: Tensor,
    camera_from_world: Tensor,
    alpha_cutoff: float,
) -> Tensor:
    """Indices of the Gaussians that are finite, in front of the camera and opaque enough. The others are left
    out of the differentiable part: a NaN times a zero gradient would be a NaN gradient."""
    depths = means @ camera_from_world[2, :3] + camera_from_world[2, 3]
    keep = torch.isfinite(depths) & (depths > constants.NEAR) & (opacities >= alpha_cutoff) & torch.isfinite(opacities)
    for tensor in (means, quaternions, scales, features):
        keep &= torch.isfinite(tensor).all(-1)
    length = quaternions.norm(dim=-1)
    keep &= (length > 1e-12) & torch.isfinite(length)
    if not torch.isfinite(camera_from_world).all():
        keep = torch.zeros_like(keep)
    return keep.nonzero()[:, 0]


@torch.no_grad()
def _boxes(
    centres: Tensor, xx: Tensor, yy: Tensor, opacities: Tensor, width: int, height: int, alpha_cutoff: float
) -> Tensor:
    """(N, 4) px that bound the ellipse on which alpha equals the cut-off; the whole picture for a cut-off of 0."""
    if alpha_cutoff <= 0:
        return torch.tensor([0, width, 0, height], device=centres.device).expand(len(centres), 4)
    squared_radius = 2 * torch.log((opacities / alpha_cutoff).clamp(min=1.0))
    sides = []
    for centre, variance, size in ((centres[:, 0], xx, width), (centres[:, 1], yy, height)):
        reach = torch.sqrt(squared_radius * variance) * (1 + 1e-5) + 1e-3
        first = torch.ceil(centre - reach - constants.PIXEL_CENTRE)
        end = torch.floor(centre + reach - constants.PIXEL_CENTRE) + 1
        sides += [torch.nan_to_num(first).clamp(0, size).long(), torch.nan_to_num(end).clamp(0, size).long()]
    return torch.stack(sides, -1)


@torch.no_grad()
def _bands(boxes: Tensor, height: int, max_pairs: int) -> list[tuple[int, int]]:
    """Rows [first, end) of every band: as many rows as hold at most `max_pairs` pairs, but at least one."""
    widths = boxes[:, 1] - boxes[:, 0]
    change = torch.zeros(height + 1, dtype=torch.long, device=boxes.device)
    change.index_add_(0, boxes[:, 2], widths).index_add_(0, boxes[:, 3], -widths)
    bands, first, pairs = [], 0, 0
    for row, row_pairs in enumerate(change.cumsum(0)[:height].tolist()):
        if row > first and pairs + row_pairs > max_pairs:
            bands.append((first, row))
            first, pairs = row, 0
        pairs += row_pairs
    return [*bands, (first, height)]


@torch.no_grad()
def _pairs(boxes: Tensor, first_row: int, end_row: int, width: int) -> tuple[Tensor, Tensor]:
    """Every (splat, pixel of the band) within the boxes, by pixel, then front to back: two (P,) index tensors."""
    top, bottom = boxes[:, 2].clamp(min=first_row), boxes[:, 3].clamp(max=end_row)
    inside = (bottom > top).nonzero()[:, 0]
    left, columns = boxes[inside, 0], boxes[inside, 1] - boxes[inside, 0]
    top, rows = top[inside], (bottom - top)[inside]
    count = columns * rows
    splat = torch.repeat_interleave(torch.arange(len(inside), device=boxes.device), count)
    within = torch.arange(len(splat), device=boxes.device) - (count.cumsum(0) - count)[splat]
    column = left[splat] + within % columns[splat]
    row = top[splat] + torch.div(within, columns[splat], rounding_mode="floor")
    pixel, order = torch.sort((row - first_row) * width + column, stable=True)
    return inside[splat[order]], pixel


def _blend(
    centres: Tensor,
    conics: Tensor,
    depths: Tensor,
    opacities: Tensor,
    features: Tensor,
    index: Tensor,
    pixel: Tensor,
    band: tuple[int, int, int],
    limits: tuple[float, float],
) -> Tensor:
    """(pixels of the band, C + 2): premultiplied features, alpha, depth."""
    first_row, end_row, width = band
    alpha_cutoff, transmittance_stop = limits
    size = (end_row - first_row) * width
    x = (pixel % width).to(centres.dtype) + constants.PIXEL_CENTRE
    y = (torch.div(pixel, width, rounding_mode="floor") + first_row).to(centres.dtype) + constants.PIXEL_CENTRE
    dx, dy = x - centres[index, 0], y - centres[index, 1]
    conic = conics[index]
    exponent = 0.5 * (conic[:, 0] * dx * dx + conic[:, 2] * dy * dy) + conic[:, 1] * dx * dy
    alpha = (opacities[index] * torch.exp(-exponent)).clamp(max=constants.ALPHA_CAP)
    kept = (alpha.detach() >= alpha_cutoff).nonzero()[:, 0]
    alpha, index, pixel = alpha[kept], index[kept], pixel[kept]

    # Transmittance before a pair = product of (1 - alpha) over the pairs of its pixel that lie in front: one running
    # sum of logarithms over the whole band, from which each pixel subtracts what had been summed where it begins.
    log_pass = torch.log1p(-alpha).double()
    running = torch.cat([log_pass.new_zeros(1), log_pass.cumsum(0)])
    count = torch.bincount(pixel, minlength=size)
    begins = (count.cumsum(0) - count)[pixel]
    before = torch.exp(running[:-1] - running[begins])
    after = before.detach() * (1 - alpha.detach().double())
    weight = alpha * before.to(alpha.dtype) * (after > transmittance_stop)

    values = torch.cat([features[index], torch.ones_like(weight)[:, None], depths[index, None]], -1)
    out = torch.zeros(size, values.shape[1], dtype=values.dtype, device=values.device)
    return out.index_add(0, pixel, weight[:, None] * values)
