"""What is promised to have equal bits has them: on other processors, with other libraries, whatever else is computed.

Processors are stood in for by what makes the libraries in use behave as on them: OpenBLAS's kernels, numpy's, torch's,
MKL's and the C library's choice of instructions, and our own library's.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from scipy.special import ndtr

from backend import exact
from backend.deliver.camera_file import write_camera
from backend.media.audio import save_wav
from backend.media.audio_features import _filter_bank, log_mel
from backend.performance.curves import CURVE_NAMES
from backend.performance.speech import SpeechModel
from backend.performance.voice import Voice
from backend.portrait.frame import PortraitSizes
from backend.portrait.head_motion import motion_features
from backend.portrait.portrait import Portrait
from backend.portrait.saving import save_portrait
from backend.settings import PortraitSettings, SpeechSettings
from shared import layout
from tests.support.places import ROOT
from tests.support.synthetic_subject import FRAMES, make_subject

RATE = 48000
FPS = Fraction(25)
IS_X86 = platform.machine().lower() in ("x86_64", "amd64")

OLDEST = {
    "TALKER_KERNELS": "portable",
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "NPY_DISABLE_CPU_FEATURES": " ".join(name for name in __cpu_dispatch__ if __cpu_features__[name]),
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX,-FMA4,-AVX512F",
    "OMP_NUM_THREADS": "1",
}
"""A processor of before AVX, for every library but OpenBLAS."""


def processors() -> dict[str, dict[str, str]]:
    """Environment variables that stand in for other processors, by name."""
    if not IS_X86:
        return {"this": {}, "one thread": {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}}
    others = {
        "this": {},
        "Prescott": {"OPENBLAS_CORETYPE": "Prescott", **OLDEST},
        "Nehalem": {"OPENBLAS_CORETYPE": "Nehalem", "MKL_CBWR": "COMPATIBLE", "OMP_NUM_THREADS": "2"},
        "SandyBridge": {"OPENBLAS_CORETYPE": "Sandybridge", "MKL_ENABLE_INSTRUCTIONS": "AVX"},
    }
    if "avx2" in _cpu_flags():
        avx2 = {"TALKER_KERNELS": "avx2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
        others |= {"Haswell": {"OPENBLAS_CORETYPE": "Haswell", **avx2}, "Zen": {"OPENBLAS_CORETYPE": "Zen"}}
    if "avx512f" in _cpu_flags():
        others |= {"SkylakeX": {"OPENBLAS_CORETYPE": "SkylakeX"}}
    return others


def _cpu_flags() -> set[str]:
    """Names of instruction sets that this processor has, as numpy finds them, in small letters."""
    names = {name.lower() for name, there in __cpu_features__.items() if there}
    return names | ({"avx2"} if "x86_v3" in names else set()) | ({"avx512f"} if "x86_v4" in names else set())


def speech(seconds: float, seed: int = 0) -> np.ndarray:
    """(n,) noise of changing loudness and colour at RATE."""
    draw = np.random.default_rng(seed)
    words: list[np.ndarray] = []
    while sum(len(word) for word in words) < seconds * RATE:
        word = np.convolve(draw.standard_normal(RATE // 4), draw.standard_normal(25), "same")
        words += [word * np.hanning(len(word)) * draw.uniform(0.01, 0.05), np.zeros(RATE // 12)]
    return np.concatenate(words)[: round(seconds * RATE)].astype(np.float32)


@pytest.fixture(scope="module")
def hearing() -> SpeechModel:
    """A speech model that has hardly learned, and believes all that it hears."""
    draw = np.random.default_rng(1)
    settings = SpeechSettings(steps=2)
    model = SpeechModel.fit(log_mel(speech(8.0), RATE), draw.random((200, 51)), np.arange(200) / 25, settings)
    state = model.state()
    state["readout"] = 0.1 * torch.randn(state["readout"].shape, generator=torch.Generator().manual_seed(0))
    state["low"], state["high"] = torch.zeros(27), torch.ones(27)
    return SpeechModel.from_state(state)


def moving_portrait() -> Portrait:
    """A portrait with a body that follows the head, at some linear rule, and low-passed head motion."""
    torch.manual_seed(0)
    settings = PortraitSettings(
        facial_planes=(4,), oral_planes=(4,), torso_planes=(4,), hidden=8, motion_windows_s=(0.0, 0.3)
    )
    sizes = PortraitSizes(
        face=6, oral=6, torso=6, curves=len(CURVE_NAMES), speech_components=3, upper_components=3, lips=4, body=5
    )
    portrait = Portrait(settings, sizes, CURVE_NAMES)
    torso = portrait.torso_motion
    assert torso is not None
    torso.follow.copy_(torch.randn(torso.follow.shape))
    portrait.rest_pose[2, 3] = 50.0
    return portrait.eval()


@pytest.fixture(scope="module")
def stage(tmp_path_factory, hearing) -> list[str]:
    """Arguments of line_digests: a subject with a model, a sound, a camera.json."""
    folder = tmp_path_factory.mktemp("stage")
    subject = make_subject(folder / "subject")
    track = subject.track()
    track.body = np.random.default_rng(4).standard_normal((FRAMES, 5)).astype(np.float32)
    track.save(subject.root / layout.TRACK_FILE)
    model = subject.model("m")
    save_portrait(moving_portrait(), model)
    hearing.save(model.speech_file)
    save_wav(folder / "line.wav", speech(3.0, seed=5), RATE)
    poses, camera = track.camera_from_head, folder / "camera.json"
    write_camera(camera, Fraction(24), track.intrinsics(32, 32), subject.crop, (32, 32), poses)
    return [str(subject.root), str(folder / "line.wav"), str(camera)]


@pytest.mark.slow
def test_curves_poses_and_keys_of_a_line_are_the_same_bits_on_every_processor(stage):
    of_libraries = ("OPENBLAS_", "MKL_", "NPY_", "ATEN_", "OMP_", "TALKER_KERNELS", "GLIBC_TUNABLES")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(of_libraries)}
    path = {"PYTHONPATH": str(ROOT)}
    found = {}
    for name, variables in processors().items():
        command = [sys.executable, "-m", "tests.support.line_digests", *stage]
        done = subprocess.run(command, capture_output=True, text=True, env=clean | path | variables, check=False)
        assert done.returncode == 0, f"{name}: {done.stderr[-2000:]}"
        found[name] = json.loads(done.stdout.splitlines()[-1])
    lines = {name: result["line"] for name, result in found.items()}
    differ = {f"{name}, {part}" for name, line in lines.items() for part in line if line[part] != lines["this"][part]}
    assert not differ
    if IS_X86 and sys.platform == "linux":  # else nothing would have been tried
        for library in ("BLAS", "torch", "numpy"):
            assert len({result["libraries"][library] for result in found.values()}) > 1, library


@pytest.mark.parametrize("rows", [1, 7, 64, 200])
def test_equal_rows_have_equal_products_wherever_they_stand(rows):
    draw = np.random.default_rng(rows)
    row, matrix = draw.standard_normal(240).astype(np.float32), draw.standard_normal((5, 240, 48)).astype(np.float32)
    alone = exact.product(row[None], matrix)
    block = draw.standard_normal((rows, 240)).astype(np.float32) * 1e3
    block[::3] = row
    assert (exact.product(block, matrix)[:, ::3] == alone).all()
    assert (exact.small_product(block, matrix[0])[::3] == exact.small_product(row[None], matrix[0])).all()


@pytest.mark.parametrize("width", [1, 2, 13, 144, 240, 512])
def test_the_sums_of_a_product_are_whole_numbers_that_no_order_rounds(width):
    """In the worst case, all values as large as they may be and of one sign."""
    x, matrix = np.full((1, width), 1.0 - 2.0**-30), np.full((width, 1), 3.0 - 2.0**-30)
    bits = 53 - (width - 1).bit_length()
    rows, row_unit = exact._whole(x, bits // 2, axis=-1)
    columns, column_unit = exact._whole(matrix, bits - bits // 2, axis=-2)
    assert bits // 2 >= 22
    assert sum(int(a) * int(b) for a, b in zip(rows[0], columns[:, 0], strict=True)) <= 2**53
    assert np.array_equal(rows, np.rint(rows)) and np.array_equal(columns, np.rint(columns))
    assert np.allclose(rows * row_unit, x, rtol=2.0**-22) and np.allclose(columns * column_unit, matrix, rtol=2.0**-22)
    assert exact.product(x, matrix) == pytest.approx(3.0 * width, rel=1e-6)


def test_a_product_is_as_precise_as_one_in_single_precision():
    draw = np.random.default_rng(0)
    x, matrix = draw.standard_normal((200, 240)), draw.standard_normal((240, 48))
    single = x.astype(np.float32) @ matrix.astype(np.float32)
    assert np.abs(exact.product(x, matrix) - x @ matrix).max() < 2.0 * np.abs(single - x @ matrix).max()
    assert np.array_equal(exact.product(np.zeros((2, 3)), np.ones((3, 1))), np.zeros((2, 1)))


def test_logarithm_exponential_and_activation_are_those_of_the_libraries_to_rounding():
    x = np.linspace(-20.0, 20.0, 40001)
    assert np.abs(exact.exp(x) / np.exp(x) - 1.0).max() < 1e-13
    assert np.abs(exact.log(np.exp(x)) - x).max() < 1e-13
    assert np.abs(exact.gelu(x) - x * ndtr(x)).max() < 2e-7


def test_the_mel_bands_are_librosa_s():
    librosa = pytest.importorskip("librosa")
    theirs = librosa.filters.mel(sr=16000, n_fft=512, n_mels=80, fmin=55.0, fmax=7600.0).T
    assert np.abs(_filter_bank() - theirs).max() < 1e-6 * theirs.max()


def test_a_word_cut_off_a_line_leaves_the_features_and_curves_before_it_as_they_were(hearing):
    sound = speech(6.0, seed=2)
    whole, cut = log_mel(sound, RATE), log_mel(sound[: 4 * RATE], RATE)
    # Resampling rounds within blocks, which reach a little further than the sound itself.
    before = round(3.0 * whole.rate_hz)
    assert np.array_equal(whole.log_mel[:before], cut.log_mel[:before])
    voice, times_s = Voice.of(whole), np.arange(60) / 25
    curves = hearing.predict_array(whole, times_s, voice)
    assert np.array_equal(curves, hearing.predict_array(cut, times_s, voice))
    assert np.ptp(curves, axis=0).min() > 1e-3


def test_frames_of_one_sound_and_pose_have_equal_rows_wherever_they_stand_in_a_line(hearing):
    features = log_mel(speech(2.0, seed=3), RATE)
    curves = hearing.predict_array(features, np.full(150, 0.9))
    assert (curves == curves[0]).all()
    others = hearing.predict_array(features, np.concatenate([np.linspace(0, 2, 77), [0.9], np.linspace(0, 2, 9)]))
    assert np.array_equal(others[77], curves[0])


def test_the_motion_of_a_frame_does_not_depend_on_the_frames_far_from_it(hearing):
    portrait = moving_portrait()
    draw = np.random.default_rng(0)
    poses = np.tile(np.eye(4), (100, 1, 1))
    poses[:, :3, 3] = np.cumsum(draw.standard_normal((100, 3)), axis=0) + [0.0, 0.0, 50.0]
    curves = np.zeros((100, len(CURVE_NAMES)), np.float32)
    whole = portrait.drive(curves, poses, 25.0).motion
    reach = round(4 * 0.3 * 25)
    for first, last in ((0, 50), (13, 77), (31, 100)):
        part = portrait.drive(curves[first:last], poses[first:last], 25.0).motion
        inner = slice(0 if first == 0 else reach, last - first - (0 if last == 100 else reach))
        assert torch.equal(part[inner], whole[first:last][inner])
    held = motion_features(poses[:1].repeat(30, axis=0), np.eye(4), 25.0, (0.3,))
    assert (held == held[0]).all()


def test_principal_axes_are_those_of_the_matrix_the_largest_first():
    values = np.random.default_rng(5).normal(size=(60, 27)) @ np.diag(np.linspace(0.0, 3.0, 27))
    matrix = values.T @ values
    found, axes = exact.principal_axes(matrix)
    assert found == pytest.approx(np.linalg.eigvalsh(matrix)[::-1], abs=1e-9)
    assert axes * found @ axes.T == pytest.approx(matrix, abs=1e-9)
    assert axes.T @ axes == pytest.approx(np.eye(27), abs=1e-12)
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(27)] > 0).all()
    nothing, unit = exact.principal_axes(np.zeros((3, 3)))
    assert not nothing.any() and (unit == np.eye(3)).all()
