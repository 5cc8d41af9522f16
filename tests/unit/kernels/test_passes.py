"""Frames as they are stored, by the compiled kernels, against the same in numpy."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from backend.deliver import frames
from backend.kernels import passes
from backend.media import colour
from backend.portrait.portrait import PortraitFrame
from shared import layout
from tests.support.places import ROOT

HALF_STEPS = 1
"""Neighbouring half floats that may stand for the same colour: the kernel's table against the curve's formula."""


def drawn(width: int = 45, height: int = 30) -> PortraitFrame:
    """A frame with empty, soft and full pixels, dark and saturated colour, and mattes that do not sum to alpha."""
    rng = np.random.default_rng(0)
    alpha = np.clip(rng.random((height, width)) * 1.6 - 0.3, 0, 0.999).astype(np.float32)
    rgb = (rng.random((height, width, 3)) ** 3 * alpha[..., None]).astype(np.float32)
    mattes = (rng.random((height, width, 4)) * alpha[..., None]).astype(np.float32)
    depth = np.where(alpha > 0, 40 + 20 * rng.random((height, width)), 1e12).astype(np.float32)
    return PortraitFrame(rgb, alpha, depth, mattes)


def steps_between(a: np.ndarray, b: np.ndarray) -> int:
    """Half floats between two arrays of half floats of [0, 1], at most."""
    return int(
        np.abs(np.ascontiguousarray(a).view(np.int16).astype(int) - np.ascontiguousarray(b).view(np.int16)).max()
    )


@pytest.mark.kernels
@pytest.mark.parametrize("name", list(colour.TRANSFERS))
def test_stored_passes_are_those_of_numpy_to_half_precision(name):
    frame = drawn()
    expected = frames.frame_passes(frame, name)
    stored, _ = frames.stored_passes(frame, name)
    assert list(stored) == list(expected)
    assert np.array_equal(stored["Depth"], expected["Depth"]) and stored["Depth"].dtype == np.float32
    for layer in ("Combined", "Oral", "Face", "Hair", "Torso"):
        assert stored[layer].dtype == np.float16
        assert steps_between(stored[layer], expected[layer].astype(np.float16)) <= HALF_STEPS
    assert np.array_equal(stored["Combined"][..., 3], expected["Combined"][..., 3].astype(np.float16))


@pytest.mark.kernels
def test_a_stored_frame_over_the_plate_looks_as_the_drawn_one():
    frame = drawn()
    plate = np.random.default_rng(1).integers(0, 256, (30, 45, 3)).astype(np.uint8)
    for name in colour.TRANSFERS:
        stored, _ = frames.stored_passes(frame, name)
        shown = frames.combined_over_plate(stored["Combined"], name, plate)
        visible = frame.alpha >= layout.VISIBLE_ALPHA
        assert np.abs(shown.astype(int) - frames.over_plate(frame, plate))[visible].max() <= 1
        assert np.array_equal(shown[~visible], plate[~visible])


@pytest.mark.kernels
def test_without_the_compiled_kernels_numpy_says_the_same(monkeypatch):
    frame, plate = drawn(), np.full((30, 45, 3), 90, np.uint8)
    with monkeypatch.context() as patch:
        patch.setattr(passes, "serves", lambda: False)
        slow, _ = frames.stored_passes(frame, "rec709")
        picture = frames.combined_over_plate(slow["Combined"], "rec709", plate)
    fast, _ = frames.stored_passes(frame, "rec709")
    assert steps_between(slow["Combined"], fast["Combined"]) <= HALF_STEPS
    assert np.abs(picture.astype(int) - frames.combined_over_plate(fast["Combined"], "rec709", plate)).max() <= 1


@pytest.mark.kernels
def test_memory_is_used_again_only_for_frames_of_the_same_size():
    first, buffers = frames.stored_passes(drawn(), "srgb")
    kept = first["Oral"].copy()
    again, same = frames.stored_passes(drawn(), "srgb", buffers)
    assert same is not None and buffers is not None
    assert same[0] is buffers[0] and np.array_equal(again["Oral"], kept)
    _, other = frames.stored_passes(drawn(20, 10), "srgb", buffers)
    assert other is not None
    assert other[0] is not buffers[0] and other[0].shape == (8, 10, 20)


@pytest.mark.kernels
def test_arrays_of_other_shapes_are_refused():
    frame = drawn()
    assert frame.mattes is not None
    with pytest.raises(ValueError, match="mattes"):
        passes.store(frame.rgb, frame.alpha, frame.depth, frame.mattes[..., :3], np.zeros(4097), 1.0, 0.0)
    with pytest.raises(ValueError, match="plate"):
        passes.show(np.zeros((4, 3, 3), np.float16), np.zeros(passes.HALF_ONE + 1), np.zeros((3, 4, 3), np.uint8))


@pytest.mark.slow
@pytest.mark.kernels
def test_the_portable_kernels_store_the_same_bits():
    code = (
        "import hashlib, numpy as np; from tests.unit.kernels.test_passes import drawn;"
        "from backend.deliver import frames;"
        "s, _ = frames.stored_passes(drawn(), 'linear'); print(hashlib.sha256(s['Combined'].tobytes()).hexdigest())"
    )
    path = str(ROOT)
    outputs = {
        subprocess.check_output(
            [sys.executable, "-c", code], text=True, env=os.environ | {"PYTHONPATH": path, "TALKER_KERNELS": wish}
        )
        for wish in ("", "portable")
    }
    assert len(outputs) == 1
