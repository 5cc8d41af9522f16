"""Names of numbered files: `head.####.png` stands for head.0001.png, head.0002.png and so on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DIGITS = 6
"""Of a number, where a name does not say how many."""


@dataclass(frozen=True)
class Numbered:
    """The files that one name with a place for a number stands for."""

    folder: Path
    before: str
    digits: int
    after: str

    @classmethod
    def of(cls, path: Path) -> Numbered:
        """The last run of # in a name is the number's place; a name without one has it before its ending, after a
        point."""
        found = re.fullmatch(r"(.*?)(#+)([^#]*)", path.name, re.DOTALL)
        if found is not None:
            return cls(path.parent, found[1], len(found[2]), found[3])
        return cls(path.parent, f"{path.stem}.", DIGITS, path.suffix)

    @property
    def pattern(self) -> Path:
        """The name with # for the digits."""
        return self.folder / f"{self.before}{'#' * self.digits}{self.after}"

    def path(self, number: int) -> Path:
        """The file of a number; larger numbers have more digits."""
        return self.folder / f"{self.before}{number:0{self.digits}d}{self.after}"

    def there(self) -> list[Path]:
        """Those of them that are there, by number. Raises OSError where the folder cannot be read."""
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if self.is_one(path.name)]
        return sorted(found, key=lambda path: (len(path.name), path.name))

    def is_one(self, name: str) -> bool:
        """Whether a file of this name is one of them."""
        return bool(re.fullmatch(f"{re.escape(self.before)}\\d{{{self.digits},}}{re.escape(self.after)}", name))
