"""One run of preprocessing as its stages share it, and the files by which they hand results on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from backend.media.audio import SPEECH_RATE
from backend.media.decode import VideoInfo
from backend.preprocess.stage_keys import stage_key
from backend.preprocess.working_folder import INTERMEDIATE_FOLDER, WorkingFolder
from backend.settings import PreprocessSettings
from shared.camera import Crop
from shared.consent import Consent
from shared.jobs import Reporter
from shared.timing import samples_for_frames

LANDMARKS_FILE = "landmarks.npz"
DAMAGE_FILE = "damage.json"
SCAN_FILE = "scan.json"
SCRATCH_FOLDER = "scratch"
"""Temporary files of the camera stage; the stage deletes what a killed run left there."""
SOUND_FILE = "sound.wav"
SOUND_WORDS_FILE = "sound_words.json"
"""What was mended in the sound, in words; only where something was."""
SYNC_FILE = "sync.json"
STILLNESS_FILE = "stillness.json"
NEVER_COVERED_FILE = "never_covered.npz"
"""Temporal deviation of the upper face in the head's frame, grey levels, before and after pose refinement."""


@dataclass
class StageRun:
    """State of one run that its stages share."""

    footage: Path
    settings: PreprocessSettings
    report: Reporter
    folder: WorkingFolder
    info: VideoInfo
    consent: Consent = Consent()
    """What the person shown has agreed to."""
    keys: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    crop: Crop = Crop(0, 0, 0, 0)
    size: int = 0
    turns: int = 0
    """Quarter turns anticlockwise, beyond what the footage says, by which it is turned."""
    first: int = 0
    """The first of the footage's pictures that is used, from 0."""

    def key(self, stage: str, *inputs: object) -> str:
        self.keys[stage] = stage_key(stage, self.settings, *inputs)
        return self.keys[stage]

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self.report.message(text)

    @property
    def first_sample(self) -> int:
        """The sample at SPEECH_RATE that sounds when picture `first` shows."""
        return samples_for_frames(self.first, SPEECH_RATE, self.info.fps)

    def intermediate(self, name: str) -> Path:
        return self.folder.intermediate / name


def handed_on(name: str) -> str:
    """The name in the subject's folder of a file that one stage hands to later ones."""
    return f"{INTERMEDIATE_FOLDER}/{name}"
