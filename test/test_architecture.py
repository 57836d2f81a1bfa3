"""The floors and rooms of docs/architecture.md: every room is there, and imports only point down."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text()
FLOORS = {"illumigan_ros": "illumigan_ros", "illumigan_training": "training", "illumigan_model": "illumigan_model"}
"""Import name -> folder, from the top down."""


def rooms_of(floor: str) -> list[str]:
    """The rooms in the table of a floor, from the top down."""
    section = TEXT.partition(f": {floor}, ")[2].partition("\n### ")[0].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def imports(floor: str, room: str) -> Iterator[tuple[str, str]]:
    """(file, what it imports) for every import anywhere in a room, by full name."""
    for path in (ROOT / FLOORS[floor] / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path.name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from ((path.name, f"{node.module}.{alias.name}") for alias in node.names)


@pytest.mark.parametrize("floor", FLOORS)
def test_every_room_is_in_the_table_of_its_floor(floor):
    there = {path.parent.name for path in (ROOT / FLOORS[floor]).glob("*/__init__.py")}
    assert there == set(rooms_of(floor)), "docs/architecture.md must have every room, in its place"


@pytest.mark.parametrize("floor", FLOORS)
def test_a_room_imports_only_rooms_below_it(floor):
    higher = list(FLOORS)[: list(FLOORS).index(floor)]
    rooms = rooms_of(floor)
    for place, room in enumerate(rooms):
        for file, name in imports(floor, room):
            parts = name.split(".")
            assert parts[0] not in higher, f"{room}/{file} imports {name}, which is a floor higher"
            if parts[0] == floor and len(parts) > 1:
                assert parts[1] not in rooms[:place], f"{room}/{file} imports {name}, which is a room higher"


def test_what_the_drawings_name_is_there():
    for place in re.findall(r"\b(?:illumigan_ros|illumigan_model|training)/[\w/.]*\w", TEXT):
        assert (ROOT / place).exists(), place


def test_the_node_knows_nothing_of_torch_nor_of_training():
    for floor, room in (("illumigan_ros", "node"), ("illumigan_model", "frames"), ("illumigan_model", "system")):
        for file, name in imports(floor, room):
            assert name.split(".")[0] not in ("torch", "illumigan_training", "onnx"), f"{room}/{file} imports {name}"
