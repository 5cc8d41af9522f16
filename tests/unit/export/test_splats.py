"""Gaussians of a take: read back and rasterised, they are the picture that the portrait draws."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.deliver.camera_file import read_poses
from backend.deliver.frames import frame_passes
from backend.deliver.render import render
from backend.export import splats as exported
from backend.export.export import export
from backend.export.options import SPACES, ExportOptions
from backend.forgetting.marked import is_marked
from backend.media import colour
from backend.media.audio import load_audio, save_wav
from backend.media.exr import read_layers
from backend.media.splats import Splats, is_whole_ply, is_whole_spz, write_ply, write_spz
from backend.portrait.frame import PortraitFrame
from backend.portrait.saving import open_portrait
from backend.provenance.verify import verify
from backend.raster.rasterize import rasterize
from backend.settings import RenderSettings, SpeechSettings
from backend.subject.subject import Subject
from backend.train.trainer import train
from shared import layout
from shared.camera import WORLD_FROM_HEAD_AXES
from shared.errors import InputError
from shared.jobs import Reporter
from shared.training import Start
from tests.support.exported_files import read_ply, read_spz
from tests.support.synthetic_subject import TINY, blob_face, make_subject

pytestmark = pytest.mark.slow  # together: a model is trained

RATE = 16000
FRAMES = (2, 4)
LEAST_SPZ_DB = 40.0


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with a subject, a model of it, and takes of a line: as it moves by itself, and by a file of poses."""
    root = tmp_path_factory.mktemp("splats")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backend.train.data.load_canonical_face", lambda models_dir=None: blob_face())
        subject = make_subject(root / "subject")
        train(subject, replace(TINY, steps=6, model="m", speech=SpeechSettings(steps=2), start=Start.ANEW), Reporter())
    sound = 0.1 * np.random.default_rng(0).standard_normal(RATE // 4)
    save_wav(root / "line.wav", sound.astype(np.float32), RATE)
    settings = RenderSettings(engine="reference", frames=f"{FRAMES[0]}:{FRAMES[1]}")
    render(subject, root / "line.wav", root / "take", settings, Reporter())
    given = replace(settings, pose=str(root / "take" / layout.CAMERA_FILE))
    render(subject, root / "line.wav", root / "posed", given, Reporter())
    controls = {"turn": {"1": 0, "6": 20}, "smile": 1, "jaw": 0.5}
    (root / "direction.json").write_text(json.dumps({"fps": "25/1", "controls": controls}))
    directed = replace(settings, direction=str(root / "direction.json"))
    render(subject, root / "line.wav", root / "directed", directed, Reporter())
    return root


def to_camera(project: Path, space: str, take: str, number: int) -> np.ndarray:
    """(4, 4) OpenCV's camera from a space of the exports, m, by the take's camera.json."""
    pose = read_poses(project / take / layout.CAMERA_FILE)[1][number - 1].copy()
    pose[:3, 3] /= 100
    axes = {"head": np.eye(4), "world": np.linalg.inv(np.array(WORLD_FROM_HEAD_AXES, float))}
    return np.eye(4) if space == "camera" else pose @ axes[space]


def drawn(
    project: Path, splats: Splats, camera_from_space: np.ndarray, take: str = "take", number: int = 3
) -> np.ndarray:
    """(S, S, 4) scene-linear premultiplied picture of Gaussians, through the take's lens, by the reference engine."""
    subject = Subject.open(project / "subject")
    portrait = open_portrait(subject.model("m"))
    assert portrait.distances_cm is not None
    distance = float(np.float32(read_poses(project / take / layout.CAMERA_FILE)[1][number - 1][2, 3]))
    # A head that is farther than it was filmed is drawn finer, and averaged.
    fine = subject.crop.width * (2 if distance > portrait.distances_cm[1] + 1e-3 else 1)
    camera = portrait.intrinsics(fine)
    turns, opacities, colours = (torch.from_numpy(x) for x in (splats.quaternions, splats.opacities, splats.colours))
    out = rasterize(
        torch.from_numpy(splats.means * 100), turns, torch.from_numpy(splats.scales * 100), opacities, colours,
        torch.from_numpy(in_cm(camera_from_space)), camera, blur=portrait.blur(camera, distance), engine="reference",
    )  # fmt: skip
    size = subject.crop.width
    rgb, alpha = (mean_of(values.numpy(), fine // size) for values in (out.features, out.alpha))
    none = np.zeros((size, size), np.float32)
    frame = PortraitFrame(rgb, alpha, none, np.zeros((size, size, 4), np.float32))
    return frame_passes(frame, subject.info.input_colour)["Combined"].astype(np.float32)


def mean_of(picture: np.ndarray, count: int) -> np.ndarray:
    """The mean of every `count` x `count` pixels."""
    height, width = picture.shape[0] // count, picture.shape[1] // count
    return picture.reshape(height, count, width, count, *picture.shape[2:]).mean((1, 3))


def in_cm(pose: np.ndarray) -> np.ndarray:
    return np.concatenate([np.concatenate([pose[:3, :3], 100 * pose[:3, 3:]], axis=1), pose[3:]])


def display(picture: np.ndarray) -> np.ndarray:
    """Display values of a scene-linear premultiplied picture over black."""
    return colour.transfer("srgb")[1](np.clip(picture[..., :3], 0, 1))


def stored(project: Path, take: str, number: int) -> np.ndarray:
    return read_layers(project / take / layout.EXR_NAME.format(frame=number))[0]["Combined"].astype(np.float32)


@pytest.mark.parametrize("take", ["take", "posed", "directed"])
@pytest.mark.parametrize("space", SPACES)
def test_a_ply_shows_the_frames_of_the_take(project, tmp_path, take, space):
    told = export(project / take, tmp_path / "head.ply", Reporter(), ExportOptions(space=space))
    assert told["frames"] == 3 and sorted(path.name for path in tmp_path.iterdir()) == [
        f"head.00000{number}.ply" for number in (2, 3, 4)
    ]
    for number in range(FRAMES[0], FRAMES[1] + 1):
        splats, text = read_ply(tmp_path / f"head.{number:06d}.ply")
        assert text["space"] == f"{space}, metres"
        picture = drawn(project, splats, to_camera(project, space, take, number), take, number)
        wanted = stored(project, take, number)
        assert wanted[..., 3].max() > 0.9
        assert np.abs(picture[..., 3] - wanted[..., 3]).max() < 1 / 255
        assert np.abs(display(picture) - display(wanted)).max() < 1 / 255


@pytest.mark.parametrize("space", ["head", "camera"])
def test_an_spz_shows_nearly_the_same(project, tmp_path, space):
    export(project / "take", tmp_path / "head.spz", Reporter(), ExportOptions(space=space, frames="3"))
    splats, comment = read_spz(tmp_path / "head.000003.spz")
    assert json.loads(comment)["m2dao_talker.subject"] == Subject.open(project / "subject").id
    turned = np.diag([1.0, -1.0, -1.0, 1.0]) if space == "camera" else np.eye(4)
    picture = drawn(project, splats, to_camera(project, space, "take", 3) @ turned)
    apart = display(picture) - display(stored(project, "take", 3))
    decibels = -10 * np.log10(np.mean(apart**2))
    print(f"SPZ, {space}: {decibels:.1f} dB")
    assert decibels > LEAST_SPZ_DB


def test_gaussians_carry_the_marks_and_replace_nothing_else(project, tmp_path):
    for name in ("head.ply", "head.spz"):
        for _ in range(2):
            export(project / "take", tmp_path / name, Reporter(), ExportOptions(frames="3"))
        path = tmp_path / f"head.000003{Path(name).suffix}"
        assert verify(path, None, Reporter())["subject"] == Subject.open(project / "subject").id
        assert is_marked(path, Subject.open(project / "subject").id)
        before = path.read_bytes()
        path.write_bytes(before[: len(before) // 2])
        with pytest.raises(InputError, match="cut off"):
            verify(path, None, Reporter())
        path.write_bytes(b"ply\nmine")
        with pytest.raises(InputError, match="was not exported"):
            export(project / "take", tmp_path / name, Reporter(), ExportOptions(frames="3"))
        assert path.read_bytes() == b"ply\nmine"


def test_a_take_whose_motion_its_sound_does_not_give_again_is_refused_in_words(project, tmp_path, monkeypatch):
    poses = read_poses(project / "take" / layout.CAMERA_FILE)
    moved = poses[1] + 0.05 * (np.arange(16).reshape(4, 4) == 3)
    monkeypatch.setattr(exported, "read_poses", lambda path: (poses[0], moved))
    with pytest.raises(InputError, match="does not give its head's motion again") as refused:
        export(project / "take", tmp_path / "head.ply", Reporter())
    assert "--audio" in refused.value.do and not list(tmp_path.glob("*.ply"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"subject_folder": None}, "does not say where its subject is"),
        ({"subject": "0123456789abcdef"}, "another person"),
        ({"inputs": {}}, "which model drew it"),
        ({"inputs": {"model": {"name": "m", "sha256": "0"}}}, "was trained since"),
        ({"settings": None}, "settings of .* cannot be read"),
        ({"settings": {"threads": "many"}}, "settings of .* cannot be read"),
    ],
)
def test_a_take_that_does_not_tell_what_drew_it_is_refused_in_words(project, tmp_path, change, said):
    take = tmp_path / "take"
    take.mkdir()
    for path in (project / "take").iterdir():
        (take / path.name).write_bytes(path.read_bytes())
    values = json.loads((take / layout.MANIFEST_FILE).read_text())
    values["subject_folder"] = str(project / "subject")
    (take / layout.MANIFEST_FILE).write_text(json.dumps(values | change))
    with pytest.raises(InputError, match=said):
        export(take, tmp_path / "head.ply", Reporter())


def invented(count: int, far_m: float = 0.3) -> Splats:
    rng = np.random.default_rng(1)
    means, turns = rng.uniform(-far_m, far_m, (count, 3)), rng.standard_normal((count, 4))
    scales = np.exp(rng.uniform(-8, -3, (count, 3)))
    return Splats(means, turns, scales, rng.uniform(0.01, 1, count), rng.random((count, 3)))


def test_both_formats_keep_what_they_are_given(tmp_path):
    given = invented(500)
    unit = given.quaternions / np.linalg.norm(given.quaternions, axis=1, keepdims=True)
    write_ply(tmp_path / "a.ply", given, {"comments": "of nobody\nÄ"})
    read, text = read_ply(tmp_path / "a.ply")
    assert text == {"comments": "of nobody \\xc4"}
    write_spz(tmp_path / "a.spz", given, "of nobody")
    packed, comment = read_spz(tmp_path / "a.spz")
    assert comment == "of nobody"
    for splats, place, size, share in ((read, 1e-7, 1e-5, 1e-5), (packed, 1e-5, 0.033, 0.008)):
        assert np.abs(splats.means - given.means).max() < place
        assert np.abs(splats.scales / given.scales - 1).max() < size
        assert np.abs(splats.opacities - given.opacities).max() < share
        assert np.abs(splats.colours - given.colours).max() < share
        dots = np.abs((splats.quaternions * unit).sum(axis=1)) / np.linalg.norm(splats.quaternions, axis=1)
        assert dots.min() > 1 - 1e-5


def test_an_spz_is_what_its_page_says(tmp_path):
    """Niantic's description of version 3, byte by byte, with another reader of gzip."""
    one = Splats(
        np.array([[0.5, -0.25, 0.125]]), np.array([[0.5, 0.5, -0.5, 0.5]]), np.array([[np.exp(-5.0)] * 3]),
        np.array([1.0]), np.array([[0.5, 0.5, 0.5]]),
    )  # fmt: skip
    write_spz(tmp_path / "a.spz", one, "")
    data = gzip.decompress((tmp_path / "a.spz").read_bytes())
    assert data[:16] == b"NGSP" + bytes([3, 0, 0, 0, 1, 0, 0, 0, 0, 16, 0, 0])
    assert [int.from_bytes(data[at : at + 3], "little", signed=True) / 65536 for at in (16, 19, 22)] == [
        0.5,
        -0.25,
        0.125,
    ]
    assert data[25] == 255 and list(data[26:29]) == [128] * 3 and list(data[29:32]) == [80] * 3
    packed, half = int.from_bytes(data[32:36], "little"), round(511 * 0.5 * 2**0.5)
    assert packed >> 30 == 0 and [packed >> shift & 511 for shift in (20, 10, 0)] == [half] * 3
    assert [packed >> shift >> 9 & 1 for shift in (20, 10, 0)] == [1, 0, 0], "signs of y, z, w where x is positive"


@pytest.mark.parametrize("far_m", [200.0, 4e6])
def test_what_lies_far_away_is_told_with_fewer_bits(tmp_path, far_m):
    given = invented(50, far_m)
    write_spz(tmp_path / "a.spz", given, "")
    assert np.abs(read_spz(tmp_path / "a.spz")[0].means - given.means).max() <= far_m / (1 << 22)
    with pytest.raises(InputError, match="farther than SPZ can tell"):
        write_spz(tmp_path / "b.spz", invented(2, 1e8), "")


@pytest.mark.parametrize("name", ["a.ply", "a.spz"])
def test_a_damaged_file_is_not_whole(tmp_path, name):
    path, is_whole = tmp_path / name, is_whole_ply if name == "a.ply" else is_whole_spz
    if name == "a.ply":
        write_ply(path, invented(9), {})
    else:
        write_spz(path, invented(9), "x")
    assert is_whole(path)
    data = path.read_bytes()
    for cut in (
        b"",
        data[:3],
        data[:40],
        data[:-1],
        data + b"more",
        b"ply\nformat binary_little_endian 1.0\nend_header\n",
    ):
        path.write_bytes(cut)
        assert not is_whole(path)


def test_the_line_is_read_from_the_takes_own_sound(project):
    assert np.array_equal(load_audio(project / "take" / "audio.wav")[: RATE // 4], load_audio(project / "line.wav"))


def test_what_is_known_of_the_consent_is_told_once(project, tmp_path):
    told = []
    export(project / "take", tmp_path / "head.ply", Reporter(lambda progress: told.append(progress.message)))
    assert sum("consent" in message for message in told if message) == 1
