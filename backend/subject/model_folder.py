"""The folder of one trained model of a subject: the one place that knows its files.

config.json             settings, sizes, camera (Portrait), and how it was trained (`training`, once it is finished)
portrait.safetensors    weights
speech.safetensors      sound to speech curves of this speaker
heard.npy               speech curves of the footage as predicted from its sound; read by training only
checkpoint.safetensors  the training that made it, to be trained on; its header says how far it is (shared.training)
*.next.*                what a training has made and config.json does not name yet, its checkpoint too; see `publish`
preview.png             a recorded frame beside the portrait's
evaluation.png          pictures of the last evaluation
evaluation/             its scores frame by frame, and some of its pictures (evaluate.kept)
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from backend.subject.split import Split
from shared import layout
from shared.errors import InputError
from shared.files import explaining, file_sha256, publish, read_json_object, write_json
from shared.training import read_training

_WAITED = "waited"
"""Entry of config.json: the hashes of the files that waited to become the model's when it was written."""
_FOLD = re.compile(r"(?P<model>.+)_fold\d+(_seed\d+)?")


def fold_name(model: str, fold: int, seed: int) -> str:
    """Name of the model that is trained like `model`, but for the part of the clip that is kept out and the seed.

    fold: from 1; seed: its number, from 0.
    """
    return f"{model}_fold{fold}" + (f"_seed{seed}" if seed else "")


def waiting_file(path: Path) -> Path:
    """The name under which a new version of a model's file waits until all of the model is there."""
    return path.with_name(f"{path.stem}.next{path.suffix}")


class ModelFolder:
    """models/NAME of a subject, there already or not."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @classmethod
    def of(cls, subject_root: Path, name: str) -> ModelFolder:
        """Model `name` of a subject. Raises InputError for a name that would lie elsewhere."""
        if not name or name in (".", "..") or any(mark in name for mark in "/\\:\0"):
            raise InputError(f"{name!r} is no name for a model.", "Use letters, digits, - and _.")
        return cls(layout.model_folder(subject_root, name))

    @classmethod
    def newest_of(cls, subject_root: Path) -> ModelFolder:
        """The model that was trained last, but for those of folds. Raises InputError if there is none."""
        configs = (subject_root / layout.MODELS_FOLDER).glob(f"*/{layout.MODEL_CONFIG_FILE}")
        own = [path for path in configs if not _FOLD.fullmatch(path.parent.name)]
        if not own:
            raise InputError(f"{subject_root} holds no trained model.", "Train one first.")
        return cls(max(own, key=lambda path: path.stat().st_mtime).parent)

    @property
    def name(self) -> str:
        return self.path.name

    def folds(self) -> list[ModelFolder]:
        """The models that were trained like this one on other parts of the clip, or with other seeds (`fold_name`)."""
        beside = sorted(self.path.parent.glob("*_fold*"))
        return [ModelFolder(path) for path in beside if (m := _FOLD.fullmatch(path.name)) and m["model"] == self.name]

    @property
    def config_file(self) -> Path:
        return self.path / layout.MODEL_CONFIG_FILE

    @property
    def weights_file(self) -> Path:
        return self.path / layout.MODEL_WEIGHTS_FILE

    @property
    def speech_file(self) -> Path:
        return self.path / "speech.safetensors"

    @property
    def heard_file(self) -> Path:
        return self.path / "heard.npy"

    @property
    def checkpoint_file(self) -> Path:
        return self.path / layout.CHECKPOINT_FILE

    @property
    def preview_file(self) -> Path:
        return self.path / "preview.png"

    @property
    def evaluation_file(self) -> Path:
        return self.path / "evaluation.png"

    @property
    def evaluation_folder(self) -> Path:
        return self.path / "evaluation"

    @property
    def begun_file(self) -> Path:
        """Checkpoint of a training that is going on, or stopped; it becomes the model's when that is published."""
        return self.path / layout.BEGUN_CHECKPOINT_FILE

    @property
    def newest_speech_file(self) -> Path:
        """The voice that a training goes on with: the one that waits to be published, else the model's."""
        return self._newest(self.speech_file)

    @property
    def newest_heard_file(self) -> Path:
        """What was heard of that voice in the footage, in the same way."""
        return self._newest(self.heard_file)

    @property
    def has_speech(self) -> bool:
        """Whether the speaker's voice has been learned, for training."""
        return self.newest_heard_file.is_file() and self.newest_speech_file.is_file()

    @property
    def _published(self) -> tuple[Path, ...]:
        """What becomes the model's in one step; the checkpoint last, since what waits beside it belongs to it."""
        return self.weights_file, self.speech_file, self.heard_file, self.checkpoint_file

    def make(self) -> None:
        """Make the folder. Raises InputError where that cannot be."""
        with explaining(self.path):
            self.path.mkdir(parents=True, exist_ok=True)

    def config(self) -> dict[str, Any]:
        """What config.json holds. Raises InputError where there is none, or a damaged one."""
        if not self.config_file.is_file():
            raise InputError(f"{self.path} holds no trained model.", "Train one first.")
        config = read_json_object(self.config_file, "Train the model again.")
        self._settle(config)
        return config

    def settle(self) -> None:
        """End what a killed `publish` began, before anything else is made. Raises InputError."""
        self._settle(self._known_config())

    def update_config(self, entries: dict[str, Any]) -> None:
        """Replace entries of config.json; others stay as they are. Raises OSError."""
        write_json(self.config_file, self._known_config() | entries)

    def _known_config(self) -> dict[str, Any]:
        """What config.json holds; nothing where there is none, or a damaged one, which a training replaces."""
        try:
            return read_json_object(self.config_file, "")
        except InputError:
            return {}

    def publish(self, entries: dict[str, Any]) -> None:
        """Make the files that wait (`waiting_file`) the model's own, together with `entries` of config.json, in one
        step: config.json names them by their hashes. Raises OSError.

        Who is killed before config.json has its name leaves the model of before; who is killed after it, the new one:
        the next to read config.json gives the files theirs.
        """
        known = self._known_config().get(_WAITED)
        named = known if isinstance(known, dict) else {}
        waiting = [path for path in self._published if waiting_file(path).is_file()]
        named = named | {path.name: file_sha256(waiting_file(path)) for path in waiting}
        self.update_config(entries | {_WAITED: named})
        self.settle()

    def drop_begun(self) -> None:
        """Remove all that waits: what was begun cannot be gone on with any more. Raises InputError."""
        for path in reversed(self._published):  # the checkpoint first: without it the others count no more
            with explaining(path):
                waiting_file(path).unlink(missing_ok=True)

    def _settle(self, config: dict[str, Any]) -> None:
        """Give the files that config.json names, and that still wait, their own names. Raises InputError."""
        named = config.get(_WAITED)
        for path in self._published:
            waiting = waiting_file(path)
            if isinstance(named, dict) and path.name in named and waiting.is_file() and self._may_be_whole(waiting):
                with explaining(path), suppress(FileNotFoundError):  # another reader has just done it
                    if file_sha256(waiting) == named[path.name]:
                        publish(waiting, path)

    def _newest(self, path: Path) -> Path:
        """What waits counts with its checkpoint only: a training that was killed before that is not gone on with."""
        waiting = waiting_file(path)
        return waiting if self.begun_file.is_file() and waiting.is_file() else path

    def _may_be_whole(self, waiting: Path) -> bool:
        """False for the checkpoint of a training that goes on: that is known without reading all of it."""
        state = read_training(waiting) if waiting == self.begun_file else None
        return state is None or state.is_finished

    def training_record(self) -> dict[str, Any]:
        """How the model was trained. Raises InputError for one that is not finished."""
        record = self.config().get("training")
        if record is None:
            raise InputError(f"The model in {self.path} is not trained to the end.", "Train it with --resume.")
        return record

    def split(self, frame_count: int) -> Split:
        """Which frames of its clip, of `frame_count` frames, the model learned from; all, for one that is not finished.

        Raises InputError where config.json is missing or damaged.
        """
        try:
            return Split.of_record(self.config().get("training") or {}, frame_count)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{self.config_file} is damaged ({error!r}).", "Train the model again.") from error
