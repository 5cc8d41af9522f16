"""Run by test_kernels.py in a child process with a library built for AddressSanitizer and UBSan: numpy and cffi only.

Feeds every kernel with sound and with unsound numbers, through the same header and loader as the backend; a sanitizer
ends the process at the first access out of bounds or undefined operation.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from backend.kernels.arguments import NULL, array, struct, structs
from backend.kernels.library import LIMITS, ffi, open_at

NASTY_SCENES = 60
OK, BAD_ARGUMENT = (ffi.typeof("enum talker_status").relements[f"TALKER_{name}"] for name in ("OK", "BAD_ARGUMENT"))


def planes_of(picture: np.ndarray) -> Any:
    """talker_planes of the channels of a picture (H, W, C). It must outlive them."""
    _, width, channels = picture.shape
    start = array(picture)
    return structs(
        "talker_plane", [{"data": start + c, "row": channels * width, "column": channels} for c in range(channels)]
    )


def plane_of(channel: np.ndarray | None) -> dict[str, Any]:
    """The talker_plane of a channel (H, W), or one that is zero everywhere."""
    return {"data": array(channel), "row": 0 if channel is None else channel.shape[1], "column": channel is not None}


def pointers(arrays: list[np.ndarray]) -> Any:
    return ffi.new("float *[]", [array(values) for values in arrays])


def exact(values: np.ndarray) -> np.ndarray:
    """A copy in a block of its own from malloc, so that a read past its end is seen."""
    return np.array(values, np.float32, order="C")


def rasterise(
    lib: Any, arrays: list[np.ndarray], width: int, height: int, focal: float, threads: int,
    harmonics: np.ndarray | None = None, upstream: str = "all", blur: float = 0.3,
) -> float:  # fmt: skip
    """Forward and backward; returns the sum of alpha. `upstream`: "all" planes have a gradient, "some", or as
    "channels last"."""
    arrays = [exact(a) for a in arrays]
    harmonics = None if harmonics is None else exact(harmonics)
    bases = 0 if harmonics is None else harmonics.shape[1]
    count, channels = arrays[4].shape
    means, quaternions, scales, opacities, features, camera_from_world = map(array, arrays)
    given: dict[str, Any] = {
        "count": count,
        "channels": channels,
        "means": means,
        "quaternions": quaternions,
        "scales": scales,
        "opacities": opacities,
        "features": features,
        "camera_from_world": camera_from_world,
        "fx": focal,
        "fy": focal,
        "cx": width / 2,
        "cy": height / 2,
        "width": width,
        "height": height,
        "blur": blur,
        "threads": threads,
        "bases": bases,
        "label_count": 0,
        "harmonics": array(harmonics),
        "labels": NULL,
    }
    scene = struct("talker_raster_scene", **given)
    channels += 3 * (bases > 0)
    draw_labelled(lib, given, channels)
    planes = np.empty((channels, height, width), np.float32)
    alpha, depth = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    frame = ffi.new("talker_raster_frame **")
    pictures = array(planes), array(alpha), array(depth)
    assert lib.talker_raster_forward(scene, *pictures, NULL) == OK
    assert lib.talker_raster_forward(scene, *pictures, frame) == OK
    for wrong in (0.0, -0.3, np.inf, np.nan):
        unfit = struct("talker_raster_scene", **given | {"blur": wrong})
        assert lib.talker_raster_forward(unfit, *pictures, NULL) == BAD_ARGUMENT
    values = exact(np.random.default_rng(1).standard_normal((channels + 2, height, width)))
    gradients = [plane_of(plane) for plane in values]
    if upstream == "some":
        gradients[::2] = [plane_of(None)] * len(gradients[::2])
    upstream_planes = structs("talker_plane", gradients)
    if upstream == "channels last":
        values = exact(np.moveaxis(values, 0, -1))
        upstream_planes = planes_of(values)
    outputs = [None if a is None else np.empty_like(a) for a in (*arrays[:5], harmonics)]
    camera = np.empty(12, np.float64) if upstream == "all" else None
    names = ("means", "quaternions", "scales", "opacities", "features", "harmonics", "camera")
    out = struct("talker_raster_gradient", **dict(zip(names, map(array, (*outputs, camera)), strict=True)))
    assert lib.talker_raster_backward(frame[0], scene, *pictures, upstream_planes, out) == OK
    lib.talker_raster_release(frame[0])
    assert np.isfinite(alpha).all()
    return float(alpha.sum())


def draw_labelled(lib: Any, given: dict[str, Any], channels: int) -> None:
    """The scene with every number of labels, with labels out of range, and where a gradient would be wanted."""
    height, width, most = given["height"], given["width"], LIMITS["TALKER_MOST_LABELS"]
    alpha, depth = (np.empty((height, width), np.float32) for _ in range(2))
    frame = ffi.new("talker_raster_frame **")
    for count in range(1, most + 2):
        labels = np.arange(given["count"]) % count
        planes = np.empty((channels + count, height, width), np.float32)
        pictures = array(planes), array(alpha), array(depth)
        labelled = struct("talker_raster_scene", **given | {"label_count": count, "labels": array(labels)})
        status = lib.talker_raster_forward(labelled, *pictures, NULL)
        assert status == (OK if count <= most else BAD_ARGUMENT)
        if status == OK:
            assert np.allclose(planes[channels:].sum(axis=0), alpha, atol=1e-5)
        assert lib.talker_raster_forward(labelled, *pictures, frame) == BAD_ARGUMENT
        for wrong in (-1, count, 1 << 40) if given["count"] else ():
            labels[-1] = wrong
            assert lib.talker_raster_forward(labelled, *pictures, NULL) == BAD_ARGUMENT


def scene(rng: np.random.Generator, count: int, channels: int, spread: float) -> list[np.ndarray]:
    pose = np.eye(4)
    pose[2, 3] = 10.0
    return [
        rng.standard_normal((count, 3)) * spread,
        rng.standard_normal((count, 4)),
        np.exp(rng.standard_normal((count, 3)) - 1),
        rng.random(count),
        rng.random((count, channels)),
        pose,
    ]


def spoil(rng: np.random.Generator, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Every tenth number becomes one that no arithmetic likes."""
    bad = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0.0, -0.0, 1e20, -1e9], np.float32)
    spoilt = []
    for index, values in enumerate(arrays):
        values = exact(values)
        if index != 5:  # the camera
            where = rng.random(values.shape) < 0.03
            values[where] = rng.choice(bad, where.sum())
        spoilt.append(values)
    return spoilt


def nasty(lib: Any, rng: np.random.Generator) -> None:
    """A scene with everything at random: size, spread, camera, harmonics, numbers that no arithmetic likes."""
    width, height = rng.integers(1, 100, 2)
    bases = rng.choice([0, 1, 4, 9, 16])
    arrays = scene(rng, int(rng.integers(0, 200)), int(rng.integers(bases == 0, 18)), 10 ** rng.uniform(-3, 3))
    arrays[2] *= 10 ** rng.uniform(-6, 6)
    arrays[3] = np.where(rng.random(arrays[3].shape) < 0.3, 1.0, arrays[3])
    arrays[5][:3] += rng.standard_normal((3, 4)) * rng.choice([0.0, 0.3, 10.0])
    harmonics = rng.standard_normal((len(arrays[0]), bases, 3)) if bases else None
    if rng.random() < 0.7:
        *arrays, spoilt_harmonics = spoil(rng, [*arrays, np.zeros(0) if harmonics is None else harmonics])
        harmonics = spoilt_harmonics if bases else None
    upstream = rng.choice(["all", "some", "channels last"])
    focal, blur = 10 ** rng.uniform(-3, 4), 10 ** rng.uniform(-6, 6)
    rasterise(lib, arrays, int(width), int(height), focal, 2, harmonics, upstream, blur)


def similarity(lib: Any, rng: np.random.Generator, width: int, height: int) -> None:
    pictures = [exact(rng.random((height, width, 3))) for _ in range(2)]
    gradient, total = np.empty((3, height, width), np.float32), ffi.new("double *")
    status = lib.talker_ssim(*map(planes_of, pictures), 3, width, height, 2, total, array(gradient))
    assert status == OK and np.isfinite(gradient).all()


def described(points: np.ndarray, box: np.ndarray, sizes: np.ndarray, features: int) -> dict[str, Any]:
    """The talker_planes of points in a box (2, 3)."""
    low, high = array(box[0]), array(box[1])
    return {
        "count": len(points),
        "points": array(points),
        "low": low,
        "high": high,
        "sizes": array(sizes),
        "level_count": len(sizes),
        "features": features,
        "threads": 2,
    }


def encoding(lib: Any, rng: np.random.Generator, count: int, sizes: tuple[int, ...], features: int) -> None:
    points = exact(rng.standard_normal((count, 3)) * 2)
    points[rng.random(points.shape) < 0.1] = np.nan
    points[rng.random(points.shape) < 0.1] = np.inf
    box, resolutions = exact(np.array([[0, 0, 0], [1, 1, 1]])), np.array(sizes, np.int32)
    levels = [exact(rng.random((3, features, size, size))) for size in sizes]
    outputs = np.empty((count, 3 * features * len(sizes)), np.float32)
    planes = struct("talker_planes", **described(points, box, resolutions, features))
    assert lib.talker_planes_forward(planes, pointers(levels), array(outputs)) == OK
    assert np.isfinite(outputs).all()
    assert lib.talker_planes_backward(planes, array(outputs), pointers(levels)) == OK
    assert np.isfinite(levels[0]).all()


LAYERS = ("first", "first_bias", "second", "second_bias", "head")


def deforming(
    lib: Any, rng: np.random.Generator, count: int, size: int, features: int, hidden: int, outputs: int
) -> None:
    points, box = exact(rng.random((count, 3))), exact(np.array([[0, 0, 0], [1, 1, 1]]))
    points[rng.random(points.shape) < 0.1] = np.nan
    level, sizes, inputs = exact(rng.random((3, features, size, size))), np.array([size], np.int32), 3 * features
    shapes = ((hidden, inputs), (hidden,), (hidden, hidden), (hidden,), (outputs, hidden))
    layers = [exact(rng.standard_normal(shape)) for shape in shapes]
    levels = pointers([level])
    field = struct(
        "talker_field",
        encoding=described(points, box, sizes, features),
        levels=levels,
        hidden=hidden,
        outputs=outputs,
        **dict(zip(LAYERS, map(array, layers), strict=True)),
    )
    kept = np.empty(lib.talker_field_kept(field), np.float32)
    change = np.empty((count, outputs), np.float32)
    places = array(kept), array(change)
    assert lib.talker_field_forward(field, *places) == OK
    assert np.isfinite(change).all()
    gradients = [np.empty_like(values) for values in (level, *layers)]
    level_gradients = pointers(gradients[:1])
    by_layer = dict(zip(LAYERS, map(array, gradients[1:]), strict=True))
    out = struct("talker_field_gradient", levels=level_gradients, **by_layer)
    assert lib.talker_field_backward(field, *places, out) == OK
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def posing_field(lib: Any, rng: np.random.Generator, count: int, hidden: int, outputs: int) -> None:
    values, head = exact(rng.standard_normal((count, hidden))), exact(rng.standard_normal((outputs, hidden)))
    values[count // 2 :: 7] = np.nan
    change = np.empty((count, outputs), np.float32)
    assert lib.talker_field_pose(array(values), array(head), count, hidden, outputs, 2, array(change)) == OK
    assert (np.isfinite(change) == np.isfinite(values[:, :1])).all()
    assert lib.talker_field_pose(NULL, NULL, -1, hidden, outputs, 2, NULL) == BAD_ARGUMENT


SET = ("means", "rotations", "log_scales", "opacity_logits", "colour_logits")
NECK = ("body", "centre", "rest_pose", "rest_rotation", "neck_y", "neck_log_softness")
POSED = ("means", "quaternions", "scales", "opacities", "features")


def posing(lib: Any, rng: np.random.Generator, counts: tuple[int, ...], width: int, channels: int) -> None:
    """Sets of which the last hangs at a neck, forward and backward, with unsound numbers among them."""
    alive, sets, gradients = [], [], []
    motion = exact(np.eye(4)), exact(rng.standard_normal(4))
    for index, count in enumerate(counts):
        shapes = ((count, 3), (count, 4), (count, 3), (count,), (count, 3), (count, width))
        arrays = spoil(rng, [rng.standard_normal(shape) for shape in shapes[:5]]) + [exact(rng.random(shapes[5]))]
        mattes, learned = rng.integers(-9, 9, count), [np.empty_like(values) for values in arrays]
        body = [exact(rng.random(shape)) for shape in (6, 3, (4, 4), 4, 1, 1)]
        by_body = [np.empty(size, np.float32) for size in (6, 1, 1)]
        neck = struct("talker_neck", turn_scale=0.05, **dict(zip(NECK, map(array, body), strict=True)))
        sets.append(
            dict(zip(SET, map(array, arrays[:5]), strict=True))
            | {
                "count": count,
                "change": array(arrays[5] if width else None),
                "mattes": array(mattes),
                "neck": neck if index + 1 == len(counts) else NULL,
                "change_width": width,
            }
        )
        gradients.append(
            dict(zip(SET, map(array, learned[:5]), strict=True))
            | {"change": array(learned[5] if width else None)}
            | dict(zip(("body", "neck_y", "neck_log_softness"), map(array, by_body), strict=True))
        )
        alive += [arrays, mattes, learned, body, by_body, neck]
    total = sum(counts)
    posed_shapes = ((total, 3), (total, 4), (total, 3), (total,), (total, channels))
    posed = [np.empty(shape, np.float32) for shape in posed_shapes]
    upstream = [exact(rng.standard_normal(shape)) for shape in posed_shapes]
    head = struct("talker_head_motion", pose=array(motion[0]), rotation=array(motion[1]))
    outputs, up = (
        struct("talker_pose_arrays", channels=channels, **dict(zip(POSED, map(array, arrays), strict=True)))
        for arrays in (posed, upstream)
    )
    call = structs("talker_pose_set", sets), len(counts), head, 2
    assert lib.talker_pose_forward(*call, outputs) == OK
    assert lib.talker_pose_backward(*call, outputs, up, structs("talker_pose_gradient", gradients)) == OK
    if channels > 3:
        assert set(np.unique(posed[4][:, 3:])) <= {0.0, 1.0}


def losing(lib: Any, rng: np.random.Generator, width: int, height: int, mattes: int) -> None:
    """The training loss of pictures whose channels lie side by side, and of one that is not a number."""
    for spoilt in (False, True):
        pictures = [exact(rng.random((height, width, channels))) for channels in (3, 3, 3, mattes, mattes)]
        alpha = exact(rng.random((height, width)))
        if spoilt:
            pictures[0][:], alpha[:] = np.nan, np.inf
        colours, background, target, drawn, regions = map(planes_of, pictures)
        case = struct(
            "talker_picture_loss_case",
            colours=colours,
            background=background,
            target=target,
            alpha=plane_of(alpha),
            mattes=drawn,
            regions=regions,
            matte_count=mattes,
            width=width,
            height=height,
            box_top=height // 3,
            box_bottom=height,
            box_left=width // 3,
            box_right=width,
            box_weight=2.0,
            l1_weight=1.0,
            ssim_weight=0.2,
            matte_weight=0.1,
            threads=2,
        )
        gradients, loss = np.empty((4 + mattes, height, width), np.float32), ffi.new("double *")
        places = (array(gradients) + height * width * k for k in (0, 3, 4))
        assert lib.talker_picture_loss(case, loss, *places) == OK
        assert spoilt or (np.isfinite(gradients).all() and loss[0] > 0)


def learning(lib: Any, rng: np.random.Generator, counts: tuple[int, ...]) -> None:
    arrays = [[exact(rng.random(count)) for _ in range(4)] for count in counts]
    names = ("parameter", "gradient", "mean", "square")
    tensors = [
        dict(zip(names, map(array, own), strict=True)) | {"count": count, "step_size": 0.01, "root_scale": 1.0}
        for count, own in zip(counts, arrays, strict=True)
    ]
    assert lib.talker_adam(structs("talker_adam_tensor", tensors), len(counts), 0.9, 0.999, 1e-15, 2) == OK
    assert all(np.isfinite(values).all() for own in arrays for values in own)


def expecting_depth(lib: Any, rng: np.random.Generator, count: int) -> None:
    alpha, depth = exact(rng.random(count)), exact(rng.random(count))
    alpha[::3] = 0.0
    assert lib.talker_expect_depth(array(alpha), array(depth), count, 0.1, 1e12, 2) == OK
    assert (depth[::3] == np.float32(1e12)).all() and np.isfinite(depth).all()


def passes(lib: Any, rng: np.random.Generator, width: int, height: int) -> None:
    pose = np.eye(4)
    planes = [exact(rng.random((height, width)) * 1.2 - 0.1) for _ in range(9)]
    for spoilt in (planes, [exact(plane) for plane in spoil(rng, [*planes, pose])[:5]] + planes[5:]):
        at = [array(plane) for plane in spoilt]
        drawn = struct(
            "talker_drawn",
            rgb=at[:3],
            alpha=at[3],
            depth=at[4],
            mattes=at[5:],
            depth_scale=0.01,
            empty_depth=1e10,
        )
        table, display = exact(np.linspace(0, 1, 4097)), exact(np.linspace(0, 1, 0x3C01))
        halves, depth = np.empty((8, height, width), np.uint16), np.empty((height, width), np.float32)
        status = lib.talker_store_passes(drawn, array(table), width, height, array(halves), array(depth))
        assert status == OK and (halves <= 0x3C00).all()
        for rgba in (halves[:4], rng.integers(0, 1 << 16, (4, height, width)).astype(np.uint16)):
            kept = [np.array(plane) for plane in rgba]
            plate, out = rng.integers(0, 256, (2, height, width, 3)).astype(np.uint8)
            plate, out = np.array(plate), np.array(out)
            rows = ffi.new("uint16_t *[]", [array(plane) for plane in kept])
            status = lib.talker_show_passes(rows, array(display), array(plate), width, height, array(out))
            assert status == OK


def main() -> None:
    lib = open_at(Path(sys.argv[1])).functions
    rng = np.random.default_rng(0)
    drawn = 0.0
    for count, channels, width, height, spread in (
        (0, 3, 5, 7, 1.0), (1, 1, 1, 1, 0.1), (700, 3, 97, 61, 2.0), (600, 9, 33, 32, 4.0), (100, 16, 64, 40, 30.0)
    ):  # fmt: skip
        arrays = scene(rng, count, channels, spread)
        for threads in (1, 2):
            drawn += rasterise(lib, arrays, width, height, 1.5 * width, threads)
        rasterise(lib, spoil(rng, arrays), width, height, 1.5 * width, 2)
    broken_camera = scene(rng, 50, 3, 1.0)
    broken_camera[5] = np.full((4, 4), np.nan)
    assert rasterise(lib, broken_camera, 20, 20, 30.0, 1) == 0.0
    for bases in (1, 4, 9, 16):
        arrays, harmonics = scene(rng, 21, 5, 1.0), rng.standard_normal((21, bases, 3))
        drawn += rasterise(lib, arrays, 40, 30, 60.0, 2, harmonics)
        arrays[4] = arrays[4][:, :0]
        drawn += rasterise(lib, arrays, 40, 30, 60.0, 1, harmonics, "some")
    for _ in range(NASTY_SCENES):
        nasty(lib, rng)
    for width, height in ((1, 1), (7, 5), (64, 65), (33, 130)):
        similarity(lib, rng, width, height)
    for count, sizes, features in ((0, (4,), 4), (700, (1, 3, 16), 4), (600, (5,), 12), (100, (2, 7), 3)):
        encoding(lib, rng, count, sizes, features)
    for case in ((0, 4, 4, 8, 3), (1, 1, 1, 1, 1), (131, 5, 3, 10, 9), (300, 8, 12, 64, 12)):
        deforming(lib, rng, *case)
    for field in ((0, 4, 3), (1, 1, 1), (7, 3, 12), (131, 10, 9), (300, 64, 12), (257, 32, 3)):
        posing_field(lib, rng, *field)
    for counts, width, channels in (((1, 7, 9), 12, 7), ((300, 0, 257), 9, 3), ((8, 16, 5), 3, 5), ((3, 4), 0, 7)):
        posing(lib, rng, counts, width, channels)
    for width, height, mattes in ((1, 1, 0), (7, 5, 4), (64, 65, 3), (33, 130, 4)):
        losing(lib, rng, width, height, mattes)
    learning(lib, rng, (0, 1, 7, 9, 40000))
    for count in (0, 1, 7, 9, 70000):
        expecting_depth(lib, rng, count)
    for width, height in ((1, 1), (7, 3), (8, 2), (41, 5)):
        passes(lib, rng, width, height)
    assert drawn > 100
    print("clean", ffi.string(lib.talker_kernels_name()).decode())


if __name__ == "__main__":
    main()
