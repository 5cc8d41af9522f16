"""The preview movie of a take: only groups of frames that have changed are coded again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from backend.deliver.keys import digest
from backend.media.encode import GROUP_FRAMES, CodedMovie, MovieWriter
from shared.files import file_sha256
from shared.timing import fps_text


@dataclass(frozen=True)
class PreviewRecord:
    """What a movie's groups were coded from, kept in the take's manifest."""

    sha256: str
    """Of the movie file that this record describes."""
    groups: tuple[str, ...]
    """Key of every group."""

    def to_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def of(cls, manifest: Mapping | None) -> PreviewRecord | None:
        """The record in a manifest; None where there is none or a damaged one: the movie is then coded anew."""
        values = (manifest or {}).get("preview")
        try:
            return cls(str(values["sha256"]), tuple(map(str, values["groups"]))) if values else None
        except (KeyError, TypeError):
            return None


class Preview:
    """Brings a movie up to date with the frames of a line."""

    def __init__(
        self,
        path: Path,
        keys: Sequence[str],
        plate: np.ndarray,
        fps: Fraction,
        earlier: PreviewRecord | None,
        sound: tuple[np.ndarray | Iterable[np.ndarray], int],
        metadata: Mapping[str, str],
        earlier_path: Path | None = None,
    ) -> None:
        """path: where it is written; keys: of every frame of the movie, in order; plate (H, W, 3) uint8: what is shown
        behind the frames; earlier: of the movie that is there now, at `earlier_path` (None: at `path`); sound and
        metadata as MovieWriter takes them."""
        self._earlier_path = earlier_path or path
        self._path, self._plate, self._fps, self._sound, self._metadata = path, plate, fps, sound, metadata
        self._count = len(keys)
        look = digest(plate.tobytes(), str(plate.shape), fps_text(fps), av.__version__)
        self._groups = [digest(look, *keys[at : at + GROUP_FRAMES]) for at in range(0, len(keys), GROUP_FRAMES)]
        self._copied = {index for index, key in enumerate(self._groups) if self._has(earlier, index, key)}

    def missing(self) -> Iterator[int]:
        """Frames (from 0) whose pictures are needed: those of groups that cannot be copied."""
        for index in range(len(self._groups)):
            if index not in self._copied:
                yield from self._frames_of(index)

    @contextmanager
    def writing(self) -> Iterator[_Filling]:
        """Write the movie; after an error the one that was there stays."""
        height, width = self._plate.shape[:2]
        with ExitStack() as files:
            earlier = files.enter_context(CodedMovie(self._earlier_path)) if self._copied else None
            movie = files.enter_context(MovieWriter(self._path, width, height, self._fps, self._sound, self._metadata))
            filling = _Filling(movie, earlier, self._copied)
            yield filling
            filling.copy_until(self._count)

    def record(self) -> PreviewRecord:
        """Of the movie that was just written."""
        return PreviewRecord(file_sha256(self._path), tuple(self._groups))

    def _has(self, earlier: PreviewRecord | None, index: int, key: str) -> bool:
        if earlier is None or index >= len(earlier.groups) or earlier.groups[index] != key:
            return False
        return self._is_there(earlier.sha256)

    def _is_there(self, sha256: str) -> bool:
        if not hasattr(self, "_sha256"):
            self._sha256 = file_sha256(self._earlier_path) if self._earlier_path.is_file() else ""
        return self._sha256 == sha256

    def _frames_of(self, group: int) -> range:
        return range(group * GROUP_FRAMES, min((group + 1) * GROUP_FRAMES, self._count))


class _Filling:
    """A movie being written from new pictures, in order, and copied groups of the earlier movie between them."""

    def __init__(self, movie: MovieWriter, earlier: CodedMovie | None, copied: set[int]) -> None:
        self._movie, self._earlier, self._copied = movie, earlier, copied
        self._next = 0

    def add(self, frame: int, picture: np.ndarray) -> None:
        """The picture (H, W, 3) uint8 of a frame (from 0), later than those before. One that is copied is left out."""
        if frame // GROUP_FRAMES in self._copied:
            return
        self.copy_until(frame)
        self._movie.write(picture)
        self._next += 1

    def copy_until(self, frame: int) -> None:
        """Copy the groups before a frame."""
        while self._next < frame:
            if self._earlier is None:
                raise ValueError(f"the picture of frame {self._next} is missing, and there is no movie to copy it from")
            group = self._earlier.group(self._next // GROUP_FRAMES)
            self._movie.copy(group)
            self._next += len(group)
