"""`python -m tools.house [--write]`: measures the house and says which rules are broken; status 1 if any is.

With --write, docs/architecture.md is brought up to date with the plan first.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import page
from .circles import circles
from .imports import arrows
from .rules import House, broken_rules, room_arrows

ROOT = Path(__file__).resolve().parents[2]


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0 when every rule is kept."""
    parser = argparse.ArgumentParser(prog="python -m tools.house", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the floors into docs/architecture.md")
    options = parser.parse_args(argv)
    house = House(ROOT)
    if options.write and page.write(ROOT, page.floors_text(house.modules(), house.houses)):
        print(f"{page.PAGE.as_posix()} is brought up to date.")
    for line in measures(house):
        print(line)
    broken = broken_rules(house)
    for sentence in broken:
        print(sentence)
    return 1 if broken else 0


def measures(house: House) -> list[str]:
    """Modules, lines, rooms, floors, arrows between rooms and circles, in words."""
    modules = house.modules()
    between = arrows(modules)
    roomy = {(arrow.source, arrow.target) for arrow in room_arrows(between, house.houses)}
    lines = sum(len((house.root / module.path).read_bytes().splitlines()) for module in modules.values())
    rooms = {room for floors in house.houses.values() for floor in floors for room in floor}
    heights = ", ".join(f"{title.lower()} {len(floors)}" for title, floors in house.houses.items())
    return [
        f"{len(modules)} modules with {lines} lines in {len(rooms)} rooms; floors: {heights}.",
        f"{len(roomy)} arrows between rooms, {len({(a.source, a.target) for a in between})} between modules.",
        f"{len(circles(roomy))} circles between rooms, "
        f"{len(circles((a.source, a.target) for a in between))} between modules.",
    ]


if __name__ == "__main__":
    sys.exit(main())
