"""Names of the files and folders that both sides read and write."""

from __future__ import annotations

from pathlib import Path

SUBJECT_FILE = "subject.json"
CONSENT_FILE = "consent.json"
STAGES_FILE = "stages.json"
FRAMES_FOLDER = "frames"
REGIONS_FOLDER = "regions"
BACKGROUND_FILE = "background.png"
TRACK_FILE = "track.npz"
AUDIO_FILE = "audio.wav"
AUDIO_FEATURES_FILE = "audio_features.npz"
CONTACT_SHEET_FILE = "contact_sheet.png"
MODELS_FOLDER = "models"
CACHE_FOLDER = "cache"
FORGETTING_FILE = "forgetting.json"
"""Where the takes of a person lie, while all that is there of the person is being removed."""

MODEL_CONFIG_FILE = "config.json"
MODEL_WEIGHTS_FILE = "portrait.safetensors"
CHECKPOINT_FILE = "checkpoint.safetensors"
BEGUN_CHECKPOINT_FILE = "checkpoint.next.safetensors"
"""Of a training that goes on or stopped; the finished model's stays beside it."""
MODEL_PREVIEW_FILE = "preview.png"
EVALUATION_FOLDER = "evaluation"
SCORES_FILE = "scores.npz"

EXR_NAME = "head.{frame:06d}.exr"
PNG_NAME = "head.{frame:06d}.png"
PREVIEW_FILE = "preview.mp4"
PLATE_FILE = "plate.png"
"""Clean plate of the footage's whole frame: in a subject, and in every take."""
SUBJECT_FILES = (
    SUBJECT_FILE,
    CONSENT_FILE,
    STAGES_FILE,
    BACKGROUND_FILE,
    PLATE_FILE,
    TRACK_FILE,
    AUDIO_FILE,
    AUDIO_FEATURES_FILE,
    CONTACT_SHEET_FILE,
    FORGETTING_FILE,
)
"""Files of a subject, finished or not, outside its folders: those that go with a person."""
PERFORMANCE_FILE = "performance.json"
DIRECTION_FILE = "direction.json"
CAMERA_FILE = "camera.json"
MANIFEST_FILE = "manifest.json"
VOICE_FILE = "voice.json"
CHUNKS_FOLDER = "chunks"
CHUNK_RECORD_FILE = "line.json"
HEARD_VOICE_NAME = "voice.{key}.json"
"""The voice that a line of chunks was heard in; key: 16 hexadecimal digits, of all that it was heard from."""
SIGNATURE_FILE = "signature.json"
TAKE_FILES = (
    PREVIEW_FILE,
    PERFORMANCE_FILE,
    DIRECTION_FILE,
    CAMERA_FILE,
    AUDIO_FILE,
    VOICE_FILE,
    MANIFEST_FILE,
    CONTACT_SHEET_FILE,
    PLATE_FILE,
)
"""Files of a take beside its frames and its signature: those that are signed, verified, and go with a person."""

BESIDE_SOUND, BESIDE_POSES = ".line.wav", ".poses.json"
BESIDE_PERFORMANCE, BESIDE_DIRECTION = ".performance.json", ".direction.json"
BESIDE_ASKED = ".line.json"
"""What the line was rendered from."""
TAKE_COMPANIONS = (BESIDE_SOUND, BESIDE_ASKED, BESIDE_POSES, BESIDE_PERFORMANCE, BESIDE_DIRECTION)
"""Endings, after a take's name, of the files that the add-on writes beside it (`beside`)."""

REPORT_FILE = "report.json"
DEMO_BLEND_FILE = "demo.blend"

REGION_NAMES = ("oral", "face", "hair", "torso")
"""Channels of a region map, in this order; background is what is left to one."""

DUB_LAYER = "Dub"
"""Layer of a dub's frames: the matte through which they go over the footage."""

VISIBLE_ALPHA = 1.0 / 255.0
"""A pixel with less coverage than this has no depth and, delivered, no colour."""
DEPTH_EMPTY = 1e10
"""Depth of such a pixel, in metres."""


def frame_name(frame: int, suffix: str = ".png") -> str:
    """File name of a frame, counted from 1, six digits."""
    return f"{frame:06d}{suffix}"


def beside(take: Path, ending: str) -> Path:
    """The file beside a take's folder whose name goes on with one of TAKE_COMPANIONS."""
    return take.with_name(take.name + ending)


def model_folder(subject: Path, name: str) -> Path:
    """Folder of one trained model of a subject."""
    return subject / MODELS_FOLDER / name
