"""Counts the rooms of the package, the floors they stand on, and the arrows between them.

A room is a folder or file right below `deepcli/`; an arrow joins two rooms of which one imports the other, at the top of a
module or inside a function; a floor is the longest way down. `python benchmarks/rooms.py [FOLDER]` looks at the checkout
in FOLDER, default: this one.
"""

import argparse
import sys
from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).parent.parent


def rooms_of(folder: Path) -> dict[str, set[str]]:
    """Map each room to the rooms that it imports."""
    sys.path.insert(0, str(folder))
    graph = grimp.build_graph("deepcli", exclude_type_checking_imports=True, cache_dir=None)
    rooms: dict[str, set[str]] = {}
    for module in graph.modules:
        room = name_of(module)
        imported = {name_of(other) for other in graph.find_modules_directly_imported_by(module)}
        rooms.setdefault(room, set()).update(imported - {room})
    return rooms


def name_of(module: str) -> str:
    """Name the room of a module."""
    return ".".join(module.split(".")[1:2]) or "__init__"


def floors(rooms: dict[str, set[str]]) -> dict[str, int]:
    """Map each room to its floor, 0 for one that imports no other.

    Raises:
        RecursionError: Rooms import each other in a circle.
    """

    @cache
    def floor(room: str) -> int:
        return 1 + max(map(floor, rooms[room]), default=-1)

    return {room: floor(room) for room in rooms}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT)
    folder = parser.parse_args().folder
    rooms = rooms_of(folder)
    levels = floors(rooms)
    for level in range(max(levels.values()), -1, -1):
        print(f"{level:2}  {', '.join(sorted(room for room in rooms if levels[room] == level))}")
    files = len(list((folder / "deepcli").glob("*.py")))
    arrows = sum(map(len, rooms.values()))
    print(f"{len(rooms)} rooms, {max(levels.values()) + 1} floors, {arrows} arrows, {files} files at the root")


if __name__ == "__main__":
    main()
