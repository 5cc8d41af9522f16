"""The drawn presenter: poses that its own head refines are nearer to the truth; others show no hole and no seam, and
another voice's line does not press its lips into each other."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from backend.face.mesh import load_canonical_face
from backend.media.audio_features import AudioFeatures, log_mel
from backend.performance.curves import ordered_curves
from backend.performance.speech import SpeechModel
from backend.performance.voice import Voice
from backend.preprocess.pipeline import preprocess
from backend.presenter.make import draw_clip
from backend.presenter.speech import speak
from backend.settings import PortraitSettings, PreprocessSettings, SelfTrackingSettings, TrainSettings
from backend.tracking.self_tracking import self_track
from backend.train.trainer import prepare, steps
from shared import layout
from shared.jobs import Reporter
from tests.support.lip_gap import lip_gaps
from tests.support.presenter_truth import pose_errors

pytestmark = pytest.mark.slow
SENTENCE = "Papa bought a map, and we sail before five in the morning."
OTHER_VOICES = ("de+f3", "fr+m2")
OTHER_SENTENCE = "Mama, pump up the blue balloon before Bob and Pam come by."
FPS = 25
SIZE = 256
BEYOND_DEGREES = 15.0
GAP_PX = 13
"""Holes up to this wide are looked for."""
SEAM_PX = 5
"""Head and torso meet where both are within half of this."""
DEEPER_CM = 0.05
"""How much further than in the footage lips may press together."""
OPENS_CM = 0.3
"""How far they open at least."""


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("presenter")
    truth = draw_clip(SENTENCE, folder / "presenter.mp4", seed=0)
    subject = preprocess(folder / "presenter.mp4", folder / "subject", PreprocessSettings(size=SIZE), Reporter())
    return subject, truth


def test_poses_by_rendering_are_nearer_to_the_truth(filmed):
    subject, truth = filmed
    found = self_track(subject, SelfTrackingSettings(size=192, steps=600, more_steps=200), Reporter())
    track = subject.track()
    before, after = (
        pose_errors(track.posed_by(poses).camera_from_head, truth.camera_from_head)[0]
        for poses in ("refined", "rendered")
    )
    print(f"{before.mean():.3f} (worst {before.max():.3f}) to {after.mean():.3f} ({after.max():.3f}) degrees; {found}")
    assert after.mean() < 0.8 * before.mean() and after.max() < before.max()


def turned(portrait, curves: np.ndarray, turn: np.ndarray):
    """The head in the middle of the clip, turned from its rest."""
    rest = portrait.rest_pose.numpy().astype(np.float64)
    pose = rest.copy()
    pose[:3, :3] = Rotation.from_rotvec(turn).as_matrix() @ rest[:3, :3]
    return portrait.render(portrait.drive(curves, np.tile(pose, (len(curves), 1, 1))), len(curves) // 2, SIZE)


def holes(alpha: np.ndarray) -> float:
    """Share of a head, per cent, through which one looks though it is closed all about."""
    above = alpha[: SIZE * 4 // 5]  # below it ends with the picture's lower edge
    closed = cv2.morphologyEx(above, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (GAP_PX, GAP_PX)))
    return 100.0 * float((closed - above).sum() / above.sum())


def seam(frame) -> float:
    """Mean gradient magnitude where head and torso meet, grey levels a pixel."""
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (SEAM_PX, SEAM_PX))
    parts = (frame.mattes[..., :3].sum(axis=-1), frame.mattes[..., 3])
    head, torso = (cv2.dilate((part > 0.5).astype(np.uint8), near) > 0 for part in parts)
    grey = cv2.cvtColor(np.clip(frame.rgb, 0, 1).astype(np.float32) * 255, cv2.COLOR_RGB2GRAY)
    gradient = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 8
    return float(gradient[head & torso].mean())


def test_a_head_that_is_turned_further_than_it_was_filmed_has_no_holes_and_no_seam(filmed):
    subject, _ = filmed
    track = subject.track()
    rest = Rotation.from_matrix(track.camera_from_head[:, :3, :3])
    turns = (rest * rest.mean().inv()).as_rotvec()
    beyond = np.radians(BEYOND_DEGREES)
    shares = {}
    for name, portrait in (("with", PortraitSettings()), ("without", PortraitSettings(inside_share=0.0))):
        run = prepare(subject, TrainSettings(portrait=portrait, size=SIZE, steps=700, holdout=0, more_for_long=False))
        list(steps(run))
        head = run.portrait.eval()
        curves = ordered_curves(track, head.curve_names)
        seen, seams = [], []
        for axis in (0, 1):
            for edge in (turns[:, axis].min() - beyond, turns[:, axis].max() + beyond):
                frame = turned(head, curves, edge * np.eye(3)[axis])
                seen.append(holes(frame.alpha))
                seams.append(seam(frame))
        shares[name] = seen
        if name == "with":
            recorded = head.drive(curves, track.camera_from_head)
            usual = np.mean([seam(head.render(recorded, index, SIZE)) for index in range(0, len(curves), 12)])
            against_recorded = np.array(seams) / usual
    print({name: [round(value, 2) for value in seen] for name, seen in shares.items()})
    print("seam, of the recorded poses':", against_recorded.round(2))
    assert max(shares["with"]) < 1.0
    assert np.mean(shares["with"]) < 0.7 * np.mean(shares["without"])
    assert against_recorded.max() < 1.3


def test_no_line_presses_the_lips_further_together_than_the_footage_does(filmed):
    subject, _ = filmed
    track = subject.track()
    run = prepare(subject, TrainSettings(size=SIZE, steps=700, holdout=0, more_for_long=False))
    list(steps(run))
    head = run.portrait.eval()
    own = ordered_curves(track, head.curve_names)
    vertices = load_canonical_face().vertices + track.shape_offsets
    filmed_gaps = lip_gaps(head, own, vertices)
    voice = SpeechModel.fit(AudioFeatures.load(subject.root / layout.AUDIO_FEATURES_FILE), own, track.times_s)
    nearest, widest = [], []
    for name in OTHER_VOICES:
        line = speak(OTHER_SENTENCE, name)
        features = log_mel(line.samples, line.sample_rate)
        times = np.arange(0.0, line.duration_s, 1 / FPS)
        heard = Voice.of(features)
        spoken = voice.predict_array(features, times, heard, strength=1.0)
        curves = np.concatenate([spoken, np.tile(own[:, spoken.shape[1] :].mean(axis=0), (len(spoken), 1))], axis=1)
        gaps = lip_gaps(head, curves.astype(np.float32), vertices)
        nearest.append(np.nanmin(gaps))
        widest.append(np.nanmax(gaps))
    print(f"lips apart, cm: filmed {np.nanmin(filmed_gaps):.2f} to {np.nanmax(filmed_gaps):.2f};", end=" ")
    print("lines", [f"{low:.2f} to {high:.2f}" for low, high in zip(nearest, widest, strict=True)])
    assert min(nearest) > np.nanmin(filmed_gaps) - DEEPER_CM
    assert min(widest) > np.nanmin(filmed_gaps) + OPENS_CM, "lips that do not move cannot press"
