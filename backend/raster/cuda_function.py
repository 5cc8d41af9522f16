"""The cuda engine's stages as one differentiable torch function. Importing this module imports Warp.

Gradients do not depend on the order in which a GPU runs its threads, except the camera's, a sum of atomic additions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from shared.camera import Intrinsics

from . import cuda_projection as projection
from .cuda_blend import MOMENTS, blend_kernels
from .cuda_launch import Launcher
from .cuda_lists import present_watch, room_for
from .cuda_view import BLOCK, TILE, view_of
from .lens import lens_of


class Rasterize(torch.autograd.Function):
    """Features (H, W, C), alpha, depth of float32 tensors that are all on one device."""

    @staticmethod
    def forward(
        ctx: Any,
        means: Tensor,
        quaternions: Tensor,
        scales: Tensor,
        opacities: Tensor,
        features: Tensor,
        camera: Tensor,
        intrinsics: Intrinsics,
        blur: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        inputs = (means, quaternions, scales, opacities, features, camera)
        height, width, channels = intrinsics.height, intrinsics.width, features.shape[1]
        launch = Launcher(means.device)
        view, lens = view_of(intrinsics), lens_of(intrinsics, blur, means.device)
        screen = _project(launch, inputs, lens, view)
        lists = _list_by_tile(launch, screen, view)
        picture = means.new_empty(height, width, channels)
        alpha, depth = means.new_empty(height, width), means.new_empty(height, width)
        ends = torch.empty(height, width, dtype=torch.int32, device=means.device)
        launch(
            blend_kernels(channels).blend,
            lists.threads,
            (opacities, features, screen.pixels, screen.within, screen.conics, screen.depths, view),
            (lists.begins, lists.entries, picture.view(-1, channels), alpha.view(-1), depth.view(-1), ends.view(-1)),
            block=BLOCK,
        )
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(*inputs, picture, alpha, depth)
            ctx.screen, ctx.lists, ctx.ends, ctx.view, ctx.lens = screen, lists, ends, view, lens
        return picture, alpha, depth

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, picture_gradient: Tensor, alpha_gradient: Tensor, depth_gradient: Tensor
    ) -> tuple[Tensor | None, ...]:
        *inputs, picture, alpha, depth = ctx.saved_tensors
        means, quaternions, scales, opacities, features, camera = inputs
        screen, lists, view = ctx.screen, ctx.lists, ctx.view
        channels = features.shape[1]
        blend = blend_kernels(channels)
        on_screen = [torch.zeros_like(tensor) for tensor in (screen.within, screen.conics, screen.depths)]
        of_means, of_quaternions, of_scales, of_opacities, of_features = map(torch.zeros_like, inputs[:5])
        of_camera = torch.zeros_like(camera) if ctx.needs_input_grad[5] else None
        launch = Launcher(means.device)
        sums = means.new_zeros(len(lists.entries), MOMENTS + channels + 1)
        launch(
            blend.blend_backward,
            lists.threads,
            (opacities, features, screen.pixels, screen.within, screen.conics, screen.depths, view),
            (lists.begins, lists.entries, lists.slots, picture.view(-1, channels), alpha.view(-1), depth.view(-1)),
            (ctx.ends.view(-1), picture_gradient.contiguous().view(-1, channels)),
            (alpha_gradient.contiguous().view(-1), depth_gradient.contiguous().view(-1), sums),
            block=BLOCK,
        )
        launch(
            blend.gather,
            len(means),
            (opacities, screen.conics, screen.drawn, lists.first_slots, screen.counts, sums),
            (of_opacities, of_features, *on_screen),
        )
        launch.adjoint(
            projection.project,
            len(means),
            (means, quaternions, scales, camera, ctx.lens, view, screen.drawn),
            (screen.pixels, screen.within, screen.conics, screen.depths, screen.variances),
            (of_means, of_quaternions, of_scales, of_camera, None, view, None),
            (None, *on_screen, None),
        )
        gradients = (of_means, of_quaternions, of_scales, of_opacities, of_features, of_camera)
        return *(g if need else None for g, need in zip(gradients, ctx.needs_input_grad[:6], strict=True)), None, None


@dataclass
class _Screen:
    """N Gaussians on screen; rows of those that are not drawn are undefined."""

    drawn: Tensor
    """(N,) 1 or 0"""
    pixels: Tensor
    """(N, 2) whole px of the centres"""
    within: Tensor
    """(N, 2) what is left of the centres, px"""
    conics: Tensor
    """(N, 3): xx, xy, yy of the inverse covariance, 1/px^2"""
    depths: Tensor
    """(N,)"""
    variances: Tensor
    """(N, 2): xx, yy of the covariance, px^2"""
    boxes: Tensor
    """(N, 4) tiles: first column, end column, first row, end row"""
    counts: Tensor
    """(N,) tiles in the box"""
    nearness: Tensor
    """(N,) depths, infinite for those that are not drawn"""


@dataclass
class _Lists:
    """Room for P (tile, Gaussian) pairs, by tile, then front to back; those that there are come first. A pair's slot is
    its number before that, by Gaussian."""

    begins: Tensor
    """(tiles + 1,): where each tile's entries begin"""
    entries: Tensor
    """(P,) Gaussians"""
    slots: Tensor
    """(P,)"""
    first_slots: Tensor
    """(N,): each Gaussian's first slot"""
    threads: int
    """One for every pixel of every tile."""


def _project(launch: Launcher, inputs: tuple[Tensor, ...], lens: Tensor, view: Any) -> _Screen:
    means, quaternions, scales, opacities, features, camera = inputs
    count = len(means)

    def whole(*shape: int) -> Tensor:
        return torch.empty(*shape, dtype=torch.int32, device=means.device)

    screen = _Screen(
        drawn=whole(count),
        pixels=whole(count, 2),
        within=means.new_empty(count, 2),
        conics=means.new_empty(count, 3),
        depths=means.new_empty(count),
        variances=means.new_empty(count, 2),
        boxes=whole(count, 4),
        counts=whole(count),
        nearness=means.new_empty(count),
    )
    on_screen = (screen.pixels, screen.within, screen.conics, screen.depths, screen.variances)
    launch(projection.select, count, inputs, (screen.drawn,))
    launch(
        projection.project, count, (means, quaternions, scales, camera, lens, view, screen.drawn), on_screen,
    )  # fmt: skip
    launch(
        projection.cover, count, (opacities, *on_screen, view),
        (screen.drawn, screen.boxes, screen.counts, screen.nearness),
    )  # fmt: skip
    return screen


def _list_by_tile(launch: Launcher, screen: _Screen, view: Any) -> _Lists:
    """Raises ValueError if there are more than MOST_PAIRS pairs."""
    device = screen.counts.device
    tiles = view.tiles_x * ((view.height + TILE - 1) // TILE)
    room = room_for(device, view.height, view.width)
    order = screen.nearness.argsort(stable=True)
    ends = screen.counts[order].cumsum(0)
    first_slots = torch.empty_like(screen.counts)
    watch = present_watch()
    while True:
        keys = torch.full((room.pairs,), tiles, dtype=torch.int32, device=device)
        gaussians = torch.zeros(room.pairs, dtype=torch.int32, device=device)
        if watch is None:
            most = torch.zeros(1, dtype=torch.int64, device=device)
            overflow = torch.zeros(1, device=device)
        else:
            most, overflow = watch.counter(room), watch.overflow
        launch(
            projection.list_pairs,
            len(order),
            (order, ends, screen.boxes, screen.counts, view),
            (keys, gaussians, first_slots, most, overflow),
        )
        if watch is not None or room.suffices(int(most)):
            break
    by_tile, slots = keys.sort(stable=True)
    return _Lists(
        begins=torch.searchsorted(by_tile, torch.arange(tiles + 1, dtype=torch.int32, device=device), out_int32=True),
        entries=gaussians[slots],
        slots=slots,
        first_slots=first_slots,
        threads=tiles * BLOCK,
    )
