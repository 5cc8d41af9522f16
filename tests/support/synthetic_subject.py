"""A tiny subject folder with known contents: a blob face with a mouth that opens, turning over a torso blob."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation

from backend.media.audio_features import log_mel
from backend.performance.curves import FACE_CURVES
from backend.raster.rasterize import rasterize
from backend.settings import PortraitSettings, TrainSettings
from backend.subject.subject import Subject, SubjectInfo
from backend.subject.track import Track
from shared import layout

SIZE = 32
FRAMES = 12
FOCAL_PX = 60.0
DISTANCE_CM = 50.0

TINY = TrainSettings(
    portrait=PortraitSettings(
        head_gaussians=120, torso_gaussians=60, facial_planes=(8,), oral_planes=(8,), torso_planes=(4,), hidden=16
    ),
    size=SIZE,
    steps=20,
    holdout=0,
    block=2,
    threads=1,
)
"""A training that is over in a second."""


@dataclass
class BlobFace:
    """Stands in for MediaPipe's canonical face: 468 points on a half ellipsoid, with the lips' points on its mouth."""

    vertices: np.ndarray
    triangles: np.ndarray


def blob_face() -> BlobFace:
    """The mesh of the synthetic person."""
    from backend.face.points import CHIN, FOREHEAD_TOP, LIP_RING_INNER, LIP_RING_OUTER

    rows, columns = 18, 26
    v, u = np.meshgrid(np.linspace(-1.2, 1.2, rows), np.linspace(-1.3, 1.3, columns), indexing="ij")
    points = np.stack([7 * np.sin(u) * np.cos(v), 9 * np.sin(v), 6 * np.cos(u) * np.cos(v)], axis=-1).reshape(-1, 3)
    index = np.arange(rows * columns).reshape(rows, columns)
    corners = [index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]]
    a, b, c, d = (corner.ravel() for corner in corners)
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    for ring, height in ((LIP_RING_OUTER, 0.8), (LIP_RING_INNER, 0.4)):
        angle = np.linspace(0, 2 * np.pi, len(ring), endpoint=False)
        points[list(ring)] = np.stack(
            [-2.2 * np.cos(angle), -4 + height * np.sin(angle), np.full(len(ring), 5.4)], axis=1
        )
    points[FOREHEAD_TOP], points[CHIN] = (0, 8, 3), (0, -8.5, 3)
    return BlobFace(points, triangles)


def draw(pose: np.ndarray, opening: float, intrinsics) -> tuple[np.ndarray, np.ndarray]:
    """(S, S, 3) picture over grey and (S, S, 4) regions of the synthetic person."""
    mouth_height = 0.4 + 1.2 * opening
    parts = [  # centre, standard deviations, colour, region
        ((0, 1, -1), (4.5, 5.5, 3.0), (0.85, 0.65, 0.55), 1),
        ((0, 8, -3), (4.5, 2.5, 3.0), (0.25, 0.15, 0.1), 2),
        ((0, -4 - mouth_height / 2, 5.2), (1.2, mouth_height / 2, 0.2), (0.4, 0.1, 0.1), 0),
        ((0, -19, -4), (9, 5, 2), (0.2, 0.3, 0.7), 3),
    ]
    means = torch.tensor([part[0] for part in parts], dtype=torch.float32)
    regions = torch.eye(4)[[part[3] for part in parts]]
    features = torch.cat([torch.tensor([part[2] for part in parts]), regions], dim=1)
    out = rasterize(
        means, torch.tensor([[1.0, 0, 0, 0]]).repeat(4, 1), torch.tensor([part[1] for part in parts]),
        torch.full((4,), 0.95), features, torch.from_numpy(pose.astype(np.float32)), intrinsics, engine="reference",
    )  # fmt: skip
    picture = out.features[..., :3] + (1 - out.alpha)[..., None] * 0.5
    return picture.numpy(), out.features[..., 3:].numpy()


def shifted(poses: np.ndarray) -> np.ndarray:
    """(T, 4, 4) poses as landmarks alone tell them: a little to the right of the true ones."""
    return poses + 0.2 * (np.arange(16).reshape(4, 4) == 3)


def make_subject(root: Path, frames: int = FRAMES) -> Subject:
    """A subject folder with `frames` frames of SIZE px at 25 fps."""
    rng = np.random.default_rng(0)
    phase = np.linspace(0, 4 * np.pi, frames)
    opening = (0.5 + 0.5 * np.sin(3 * phase)).astype(np.float32)
    poses = np.tile(np.eye(4), (frames, 1, 1))
    turn = np.stack([0.1 * np.sin(phase), 0.15 * np.cos(phase), 0 * phase], axis=1)
    poses[:, :3, :3] = Rotation.from_rotvec(turn).as_matrix() @ np.diag([1.0, -1.0, -1.0])
    poses[:, :3, 3] = np.stack([0.5 * np.sin(phase), 0 * phase, DISTANCE_CM + 0 * phase], axis=1)
    curves = np.zeros((frames, len(FACE_CURVES)), np.float32)
    curves[:, FACE_CURVES.index("jawOpen")] = opening
    curves[:, FACE_CURVES.index("eyeBlinkLeft")] = rng.random(frames)
    landmarks = np.zeros((frames, 478, 3), np.float32)
    track = Track(
        focal_px=FOCAL_PX, principal_px=np.array([SIZE / 2, SIZE / 2]), camera_from_head=poses, landmarks=landmarks,
        shape_offsets=np.zeros((468, 3), np.float32), blendshapes=np.zeros((frames, 52), np.float32),
        blendshape_names=np.array([f"b{i}" for i in range(52)]), curves=curves, curve_names=np.array(FACE_CURVES),
        confidence=np.ones(frames, np.float32), reprojection_px=np.zeros(frames, np.float32),
        times_s=np.arange(frames) / 25, landmark_poses=shifted(poses),
        landmark_shape_offsets=np.full((468, 3), 0.1, np.float32),
    )  # fmt: skip
    intrinsics = track.intrinsics(SIZE, SIZE)
    vertices = blob_face().vertices
    for folder in (layout.FRAMES_FOLDER, layout.REGIONS_FOLDER):
        (root / folder).mkdir(parents=True)
    for index in range(frames):
        picture, regions = draw(poses[index], float(opening[index]), intrinsics)
        name = layout.frame_name(index + 1)
        cv2.imwrite(str(root / layout.FRAMES_FOLDER / name), (picture[..., ::-1] * 255 + 0.5).astype(np.uint8))
        cv2.imwrite(str(root / layout.REGIONS_FOLDER / name), (regions[..., [2, 1, 0, 3]] * 255 + 0.5).astype(np.uint8))
        seen = vertices @ poses[index, :3, :3].T + poses[index, :3, 3]
        landmarks[index, :468, :2] = seen[:, :2] / seen[:, 2:] * FOCAL_PX + SIZE / 2
    cv2.imwrite(str(root / layout.BACKGROUND_FILE), np.full((SIZE, SIZE, 3), 128, np.uint8))
    track.save(root / layout.TRACK_FILE)
    tone = np.sin(2 * np.pi * 220 * np.arange(16000 * frames // 25 + 8000) / 16000).astype(np.float32)
    log_mel(tone + 0.01 * rng.standard_normal(len(tone)).astype(np.float32), 16000).save(
        root / layout.AUDIO_FEATURES_FILE
    )
    info = SubjectInfo(
        source="blob.mp4", source_sha256="0" * 64, fps="25/1", frame_count=frames, size=SIZE,
        crop={"x": 0, "y": 0, "width": SIZE, "height": SIZE}, footage_width=SIZE, footage_height=SIZE,
    )  # fmt: skip
    subject = Subject(root, info)
    subject.save_info()
    return subject
