"""Run by test_kernels.py in a child process with a library built for AddressSanitizer and UBSan: numpy and ctypes only.

Feeds every kernel with sound and with unsound numbers; a sanitizer ends the process at the first
access out of bounds or undefined operation.
"""

from __future__ import annotations

import ctypes
import sys

import numpy as np

SCENE = [("count", ctypes.c_int64), ("channels", ctypes.c_int64)]
SCENE += [(f"array{i}", ctypes.c_void_p) for i in range(6)]
SCENE += [(name, ctypes.c_float) for name in ("fx", "fy", "cx", "cy")]
SCENE += [(name, ctypes.c_int32) for name in ("width", "height", "threads", "bases", "label_count")]
SCENE += [("harmonics", ctypes.c_void_p), ("labels", ctypes.c_void_p)]
NASTY_SCENES = 60
BAD_ARGUMENT = 3


class Scene(ctypes.Structure):
    _fields_ = tuple(SCENE)


class Plane(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("row", ctypes.c_int64), ("column", ctypes.c_int64))


class Gradient(ctypes.Structure):
    _fields_ = tuple((f"array{i}", ctypes.c_void_p) for i in range(7))


def address(array: np.ndarray | None) -> int | None:
    return None if array is None else array.ctypes.data


def exact(array: np.ndarray) -> np.ndarray:
    """A copy in a block of its own from malloc, so that a read past its end is seen."""
    return np.array(array, np.float32, copy=True)


def rasterise(
    lib: ctypes.CDLL, arrays: list[np.ndarray], width: int, height: int, focal: float, threads: int,
    harmonics: np.ndarray | None = None, upstream: str = "all",
) -> float:  # fmt: skip
    """Forward and backward; returns the sum of alpha. `upstream`: "all" planes have a gradient, "some", or as
    "channels last"."""
    arrays = [exact(a) for a in arrays]
    harmonics = None if harmonics is None else exact(harmonics)
    bases = 0 if harmonics is None else harmonics.shape[1]
    count, channels = arrays[4].shape
    scene = Scene(
        count, channels, *map(address, arrays), focal, focal, width / 2, height / 2, width, height, threads, bases, 0,
        address(harmonics), None,
    )  # fmt: skip
    channels += 3 * (bases > 0)
    draw_labelled(lib, scene, channels)
    planes = np.empty((channels, height, width), np.float32)
    alpha, depth = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    frame = ctypes.c_void_p()
    pictures = tuple(ctypes.c_void_p(address(a)) for a in (planes, alpha, depth))
    assert lib.talker_raster_forward(ctypes.byref(scene), *pictures, None) == 0
    status = lib.talker_raster_forward(
        ctypes.byref(scene),
        *pictures,
        ctypes.byref(frame),
    )
    assert status == 0, status
    values = exact(np.random.default_rng(1).standard_normal((channels + 2, height, width)))
    gradients = [Plane(address(plane), width, 1) for plane in values]
    if upstream == "some":
        gradients[::2] = [Plane()] * len(gradients[::2])
    if upstream == "channels last":
        values = exact(np.moveaxis(values, 0, -1))
        column = channels + 2
        gradients = [Plane(address(values) + 4 * c, column * width, column) for c in range(channels + 2)]
    outputs = [None if a is None else np.empty_like(a) for a in (*arrays[:5], harmonics)]
    camera = np.empty(12, np.float64) if upstream == "all" else None
    out = Gradient(*map(address, (*outputs, camera)))
    status = lib.talker_raster_backward(
        frame,
        ctypes.byref(scene),
        *pictures,
        (Plane * (channels + 2))(*gradients),
        ctypes.byref(out),
    )
    assert status == 0, status
    lib.talker_raster_release(frame)
    assert np.isfinite(alpha).all()
    return float(alpha.sum())


def draw_labelled(lib: ctypes.CDLL, scene: Scene, channels: int) -> None:
    """The scene with every number of labels, with labels out of range, and where a gradient would be wanted."""
    alpha, depth = (np.empty((scene.height, scene.width), np.float32) for _ in range(2))
    frame = ctypes.c_void_p()
    for count in range(1, 6):
        labels = np.arange(scene.count) % count
        planes = np.empty((channels + count, scene.height, scene.width), np.float32)
        pictures = tuple(ctypes.c_void_p(address(a)) for a in (planes, alpha, depth))
        labelled = Scene.from_buffer_copy(scene)
        labelled.label_count, labelled.labels = count, address(labels)
        status = lib.talker_raster_forward(ctypes.byref(labelled), *pictures, None)
        assert status == (0 if count <= 4 else BAD_ARGUMENT)
        if status == 0:
            assert np.allclose(planes[channels:].sum(axis=0), alpha, atol=1e-5)
        assert lib.talker_raster_forward(ctypes.byref(labelled), *pictures, ctypes.byref(frame)) == BAD_ARGUMENT
        for wrong in (-1, count, 1 << 40) if scene.count else ():
            labels[-1] = wrong
            assert lib.talker_raster_forward(ctypes.byref(labelled), *pictures, None) == BAD_ARGUMENT


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
    for index, array in enumerate(arrays):
        array = np.array(array, np.float32)
        if index == 5:  # the camera
            spoilt.append(array)
            continue
        where = rng.random(array.shape) < 0.03
        array[where] = rng.choice(bad, where.sum())
        spoilt.append(array)
    return spoilt


def nasty(lib: ctypes.CDLL, rng: np.random.Generator) -> None:
    """A scene with everything at random: size, spread, camera, harmonics, numbers that no arithmetic likes."""
    width, height = rng.integers(1, 100, 2)
    bases = rng.choice([0, 1, 4, 9, 16])
    arrays = scene(rng, rng.integers(0, 200), rng.integers(bases == 0, 18), 10 ** rng.uniform(-3, 3))
    arrays[2] *= 10 ** rng.uniform(-6, 6)
    arrays[3] = np.where(rng.random(arrays[3].shape) < 0.3, 1.0, arrays[3])
    arrays[5][:3] += rng.standard_normal((3, 4)) * rng.choice([0.0, 0.3, 10.0])
    harmonics = rng.standard_normal((len(arrays[0]), bases, 3)) if bases else None
    if rng.random() < 0.7:
        *arrays, spoilt_harmonics = spoil(rng, [*arrays, np.zeros(0) if harmonics is None else harmonics])
        harmonics = spoilt_harmonics if bases else None
    upstream = rng.choice(["all", "some", "channels last"])
    rasterise(lib, arrays, int(width), int(height), 10 ** rng.uniform(-3, 4), 2, harmonics, upstream)


def similarity(lib: ctypes.CDLL, rng: np.random.Generator, width: int, height: int) -> None:
    pictures = [exact(rng.random((height, width, 3))) for _ in range(2)]
    planes = [(Plane * 3)(*(Plane(address(p) + 4 * c, 3 * width, 3) for c in range(3))) for p in pictures]
    gradient, total = np.empty((3, height, width), np.float32), ctypes.c_double()
    status = lib.talker_ssim(*planes, 3, width, height, 2, ctypes.byref(total), ctypes.c_void_p(address(gradient)))
    assert status == 0 and np.isfinite(gradient).all()


class Planes(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("points", "low", "high", "sizes")),
        *((name, ctypes.c_int32) for name in ("level_count", "features", "threads")),
    )


def encoding(lib: ctypes.CDLL, rng: np.random.Generator, count: int, sizes: tuple[int, ...], features: int) -> None:
    points = exact(rng.standard_normal((count, 3)) * 2)
    points[rng.random(points.shape) < 0.1] = np.nan
    points[rng.random(points.shape) < 0.1] = np.inf
    box, resolutions = exact(np.array([[0, 0, 0], [1, 1, 1]])), np.array(sizes, np.int32)
    levels = [exact(rng.random((3, features, size, size))) for size in sizes]
    outputs = np.empty((count, 3 * features * len(sizes)), np.float32)
    low, high = address(box), address(box) + 12
    planes = Planes(count, address(points), low, high, address(resolutions), len(sizes), features, 2)
    pointers = (ctypes.c_void_p * len(sizes))(*map(address, levels))
    assert lib.talker_planes_forward(ctypes.byref(planes), pointers, ctypes.c_void_p(address(outputs))) == 0
    assert np.isfinite(outputs).all()
    assert lib.talker_planes_backward(ctypes.byref(planes), ctypes.c_void_p(address(outputs)), pointers) == 0
    assert np.isfinite(levels[0]).all()


class Field(ctypes.Structure):
    _fields_ = (
        *(("encoding", Planes), ("levels", ctypes.c_void_p), ("hidden", ctypes.c_int32), ("outputs", ctypes.c_int32)),
        *((f"array{i}", ctypes.c_void_p) for i in range(5)),
    )


class FieldGradient(ctypes.Structure):
    _fields_ = tuple((f"array{i}", ctypes.c_void_p) for i in range(6))


def deforming(
    lib: ctypes.CDLL, rng: np.random.Generator, count: int, size: int, features: int, hidden: int, outputs: int
) -> None:
    points, box = exact(rng.random((count, 3))), exact(np.array([[0, 0, 0], [1, 1, 1]]))
    points[rng.random(points.shape) < 0.1] = np.nan
    level, sizes, inputs = exact(rng.random((3, features, size, size))), np.array([size], np.int32), 3 * features
    shapes = ((hidden, inputs), (hidden,), (hidden, hidden), (hidden,), (outputs, hidden))
    layers = [exact(rng.standard_normal(shape)) for shape in shapes]
    levels = (ctypes.c_void_p * 1)(address(level))
    planes = Planes(count, address(points), address(box), address(box) + 12, address(sizes), 1, features, 2)
    field = Field(planes, ctypes.addressof(levels), hidden, outputs, *map(address, layers))
    lib.talker_field_kept.restype = ctypes.c_int64
    kept = np.empty(lib.talker_field_kept(ctypes.byref(field)), np.float32)
    change = np.empty((count, outputs), np.float32)
    places = ctypes.c_void_p(address(kept)), ctypes.c_void_p(address(change))
    assert lib.talker_field_forward(ctypes.byref(field), *places) == 0
    assert np.isfinite(change).all()
    gradients = [np.empty_like(array) for array in (level, *layers)]
    level_gradients = (ctypes.c_void_p * 1)(address(gradients[0]))
    out = FieldGradient(ctypes.addressof(level_gradients), *map(address, gradients[1:]))
    assert lib.talker_field_backward(ctypes.byref(field), *places, ctypes.byref(out)) == 0
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def posing_field(lib: ctypes.CDLL, rng: np.random.Generator, count: int, hidden: int, outputs: int) -> None:
    values, head = exact(rng.standard_normal((count, hidden))), exact(rng.standard_normal((outputs, hidden)))
    values[count // 2 :: 7] = np.nan
    change = np.empty((count, outputs), np.float32)
    places = (ctypes.c_void_p(address(array)) for array in (values, head))
    widths = ctypes.c_int64(count), hidden, outputs, 2
    assert lib.talker_field_pose(*places, *widths, ctypes.c_void_p(address(change))) == 0
    assert (np.isfinite(change) == np.isfinite(values[:, :1])).all()
    assert lib.talker_field_pose(None, None, ctypes.c_int64(-1), hidden, outputs, 2, None) == BAD_ARGUMENT


class Neck(ctypes.Structure):
    _fields_ = (*((f"array{i}", ctypes.c_void_p) for i in range(6)), ("turn_scale", ctypes.c_float))


class PoseSet(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_int64),
        *((f"array{i}", ctypes.c_void_p) for i in range(7)),
        ("neck", ctypes.POINTER(Neck)),
        ("change_width", ctypes.c_int32),
    )


class PoseArrays(ctypes.Structure):
    _fields_ = (*((f"array{i}", ctypes.c_void_p) for i in range(5)), ("channels", ctypes.c_int64))


class PoseGradient(ctypes.Structure):
    _fields_ = tuple((f"array{i}", ctypes.c_void_p) for i in range(9))


def posing(lib: ctypes.CDLL, rng: np.random.Generator, counts: tuple[int, ...], width: int, channels: int) -> None:
    """Sets of which the last hangs at a neck, forward and backward, with unsound numbers among them."""
    alive, sets, gradients = [], (PoseSet * len(counts))(), (PoseGradient * len(counts))()
    motion = exact(np.eye(4)), exact(rng.standard_normal(4))
    for index, count in enumerate(counts):
        shapes = ((count, 3), (count, 4), (count, 3), (count,), (count, 3), (count, width))
        arrays = spoil(rng, [rng.standard_normal(shape) for shape in shapes[:5]]) + [exact(rng.random(shapes[5]))]
        mattes, learned = rng.integers(-9, 9, count), [np.empty_like(array) for array in arrays]
        body = [exact(rng.random(shape)) for shape in (6, 3, (4, 4), 4, 1, 1)]
        by_body = [np.empty(size, np.float32) for size in (6, 1, 1)]
        neck = ctypes.pointer(Neck(*map(address, body), 0.05)) if index + 1 == len(counts) else None
        change = address(arrays[5]) if width else None
        sets[index] = PoseSet(count, *map(address, arrays[:5]), change, address(mattes), neck, width)
        gradients[index] = PoseGradient(
            *map(address, learned[:5]), change and address(learned[5]), *map(address, by_body)
        )
        alive += [arrays, mattes, learned, body, by_body]
    total = sum(counts)
    shapes = ((total, 3), (total, 4), (total, 3), (total,), (total, channels))
    posed = [np.empty(shape, np.float32) for shape in shapes]
    upstream = [exact(rng.standard_normal(shape)) for shape in shapes]
    head = (ctypes.c_void_p * 2)(*map(address, motion))
    outputs, up = (PoseArrays(*map(address, arrays), channels) for arrays in (posed, upstream))
    call = sets, len(counts), ctypes.byref(head), 2
    assert lib.talker_pose_forward(*call, ctypes.byref(outputs)) == 0
    assert lib.talker_pose_backward(*call, ctypes.byref(outputs), ctypes.byref(up), gradients) == 0
    if channels > 3:
        assert set(np.unique(posed[4][:, 3:])) <= {0.0, 1.0}


class LossCase(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("colours", "background", "target")),
        ("alpha", Plane),
        *((name, ctypes.c_void_p) for name in ("mattes", "regions")),
        *((name, ctypes.c_int32) for name in ("matte_count", "width", "height", "top", "bottom", "left", "right")),
        *((f"weight{i}", ctypes.c_float) for i in range(4)),
        ("threads", ctypes.c_int32),
    )


def losing(lib: ctypes.CDLL, rng: np.random.Generator, width: int, height: int, mattes: int) -> None:
    """The training loss of pictures whose channels lie side by side, and of one that is not a number."""
    for spoilt in (False, True):
        pictures = [exact(rng.random((height, width, channels))) for channels in (3, 3, 3, mattes, mattes)]
        alpha = exact(rng.random((height, width)))
        if spoilt:
            pictures[0][:], alpha[:] = np.nan, np.inf
        planes = [
            (Plane * p.shape[2])(
                *(Plane(address(p) + 4 * c, p.shape[2] * width, p.shape[2]) for c in range(p.shape[2]))
            )
            for p in pictures
        ]
        box = height // 3, height, width // 3, width
        case = LossCase(
            *map(ctypes.addressof, planes[:3]), Plane(address(alpha), width, 1), *map(ctypes.addressof, planes[3:]),
            mattes, width, height, *box, 2.0, 1.0, 0.2, 0.1, 2,
        )  # fmt: skip
        gradients, loss = np.empty((4 + mattes, height, width), np.float32), ctypes.c_double()
        places = (ctypes.c_void_p(address(gradients) + 4 * height * width * k) for k in (0, 3, 4))
        assert lib.talker_picture_loss(ctypes.byref(case), ctypes.byref(loss), *places) == 0
        assert spoilt or (np.isfinite(gradients).all() and loss.value > 0)


class AdamTensor(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_int64),
        *((f"array{i}", ctypes.c_void_p) for i in range(4)),
        *(("step_size", ctypes.c_float), ("root_scale", ctypes.c_float)),
    )


def learning(lib: ctypes.CDLL, rng: np.random.Generator, counts: tuple[int, ...]) -> None:
    arrays = [[exact(rng.random(count)) for _ in range(4)] for count in counts]
    tensors = (AdamTensor * len(counts))(
        *(AdamTensor(count, *map(address, own), 0.01, 1.0) for count, own in zip(counts, arrays, strict=True))
    )
    settings = (ctypes.c_double(value) for value in (0.9, 0.999, 1e-15))
    assert lib.talker_adam(tensors, len(counts), *settings, 2) == 0
    assert all(np.isfinite(array).all() for own in arrays for array in own)


def expecting_depth(lib: ctypes.CDLL, rng: np.random.Generator, count: int) -> None:
    alpha, depth = exact(rng.random(count)), exact(rng.random(count))
    alpha[::3] = 0.0
    places = ctypes.c_void_p(address(alpha)), ctypes.c_void_p(address(depth))
    limits = ctypes.c_float(0.1), ctypes.c_float(1e12)
    assert lib.talker_expect_depth(*places, ctypes.c_int64(count), *limits, 2) == 0
    assert (depth[::3] == np.float32(1e12)).all() and np.isfinite(depth).all()


class Drawn(ctypes.Structure):
    _fields_ = (
        ("rgb", ctypes.c_void_p * 3),
        *((name, ctypes.c_void_p) for name in ("alpha", "depth")),
        ("mattes", ctypes.c_void_p * 4),
        *((name, ctypes.c_float) for name in ("depth_scale", "empty_depth")),
    )


def passes(lib: ctypes.CDLL, rng: np.random.Generator, width: int, height: int) -> None:
    pose = np.eye(4)
    planes = [exact(rng.random((height, width)) * 1.2 - 0.1) for _ in range(9)]
    for spoilt in (planes, [exact(plane) for plane in spoil(rng, [*planes, pose])[:5]] + planes[5:]):
        at = [address(plane) for plane in spoilt]
        drawn = Drawn((ctypes.c_void_p * 3)(*at[:3]), at[3], at[4], (ctypes.c_void_p * 4)(*at[5:]), 0.01, 1e10)
        table, display = exact(np.linspace(0, 1, 4097)), exact(np.linspace(0, 1, 0x3C01))
        halves, depth = np.empty((8, height, width), np.uint16), np.empty((height, width), np.float32)
        pointers = [ctypes.c_void_p(address(array)) for array in (table, halves, depth)]
        status = lib.talker_store_passes(ctypes.byref(drawn), pointers[0], width, height, pointers[1], pointers[2])
        assert status == 0 and (halves <= 0x3C00).all()
        for rgba in (halves[:4], rng.integers(0, 1 << 16, (4, height, width)).astype(np.uint16)):
            kept = [np.array(plane) for plane in rgba]
            plate, out = rng.integers(0, 256, (2, height, width, 3)).astype(np.uint8)
            plate, out = np.array(plate), np.array(out)
            status = lib.talker_show_passes(
                (ctypes.c_void_p * 4)(*map(address, kept)), ctypes.c_void_p(address(display)),
                ctypes.c_void_p(address(plate)), width, height, ctypes.c_void_p(address(out)),
            )  # fmt: skip
            assert status == 0


def main() -> None:
    lib = ctypes.CDLL(sys.argv[1])
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
    for case in ((0, 4, 3), (1, 1, 1), (7, 3, 12), (131, 10, 9), (300, 64, 12), (257, 32, 3)):
        posing_field(lib, rng, *case)
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
    lib.talker_kernels_name.restype = ctypes.c_char_p
    print("clean", lib.talker_kernels_name().decode())


if __name__ == "__main__":
    main()
