"""Folders of pictures: which files are pictures, what is left out, and what the results are called."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from illumigan_model.errors import FrameError
from illumigan_model.photos import PHOTO_SUFFIXES
from illumigan_model.picture_files import heif_suffixes
from illumigan_model.system.files import no_file, shown

COMPANION = "._"  # begins the names of files in which macOS keeps what other file systems have no place for
HEIF = (".heic", ".heif")
RESULT_SUFFIX = ".png"
LONGEST_NAME = 200  # bytes; file systems take 255, and the name that a file has while it is written is longer
MOST_KINDS = 6


@dataclass
class PictureFolder:
    """The pictures of a folder.

    `pictures` are paths below `root`, sorted. `left_out` counts by kind what is no picture here; `sub_folders`,
    `hidden` ones and `links` to folders were not looked into. `odd` names what is called a picture and is no file.
    `unreadable` has a sentence for each that cannot be read.
    """

    root: Path
    pictures: list[Path] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    sub_folders: int = 0
    hidden: int = 0
    links: int = 0
    odd: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def describe_rest(self) -> str:
        """Return in one line what was left out; "" for nothing."""
        kinds = sorted(self.left_out.items(), key=lambda kind: (-kind[1], kind[0]))
        parts = [f"{count} {kind}{_advice(kind)}" for kind, count in kinds[:MOST_KINDS]]
        if len(kinds) > MOST_KINDS:
            parts.append(f"{sum(count for _, count in kinds[MOST_KINDS:])} of other kinds")
        if self.sub_folders:
            parts.append(f"{_counted(self.sub_folders, 'sub-folder')} (--recursive takes the pictures in there)")
        if self.hidden:
            parts.append(_counted(self.hidden, "hidden folder"))
        if self.links:
            parts.append(_counted(self.links, "link") + " to folders")
        parts += sorted(self.odd)[:MOST_KINDS]
        if len(self.odd) > MOST_KINDS:
            parts.append(f"{len(self.odd) - MOST_KINDS} more that are called pictures")
        return f"left out: {', '.join(parts)}" if parts else ""


def find_pictures(root: Path, recursive: bool = False, outputs: Sequence[Path] = ()) -> PictureFolder:
    """Return the pictures in a folder, and with `recursive` in those below it.

    Links to folders are not followed, as they can lead round in circles; the `outputs` are not looked into, wherever
    they lie. Raises FrameError if there is no such folder, it cannot be read, or it holds no pictures.
    """
    if not root.is_dir():
        raise FrameError(f"There is no folder {shown(root)}.")
    found = PictureFolder(root)
    ours = {path.resolve() for path in outputs}

    def refused(error: OSError) -> None:
        found.unreadable.append(f"{shown(Path(error.filename))} cannot be read ({error.strerror}).")

    for place, folders, files in os.walk(root, onerror=refused):
        here = Path(place)
        inner = [name for name in folders if (here / name).resolve() not in ours]
        open_to_all = [name for name in inner if not name.startswith(".")]
        real = [name for name in open_to_all if not (here / name).is_symlink()]
        found.hidden += len(inner) - len(open_to_all)
        found.links += len(open_to_all) - len(real)
        found.sub_folders += 0 if recursive else len(real)
        folders[:] = real if recursive else []
        for name in open_to_all:
            if name not in folders and Path(name).suffix.lower() in _suffixes():
                _note_no_file(here / name, found)
        for name in files:
            _sort_in(here / name, found)
    found.pictures.sort()
    if not found.pictures:
        if found.unreadable:
            raise FrameError(found.unreadable[0])
        rest = found.describe_rest()
        raise FrameError(f"{shown(root)} holds no pictures ({', '.join(_suffixes())}){rest and f'; {rest}'}.")
    return found


def result_names(pictures: Iterable[Path]) -> dict[Path, Path]:
    """Return what the result of each picture is called: its own name as PNG, in the same sub-folder.

    Where two would share a name, also on file systems for which A is a and both spellings of an accent are one, the
    suffix stays in front (a.jpg.png), then a number comes behind it. The names depend on the pictures' names alone.
    """
    ordered = sorted(set(pictures))
    wanted = Counter(_stem(path) for path in ordered)
    names: dict[Path, Path] = {}
    taken = {caseless(folder) for path in ordered for folder in path.parents}

    def give(path: Path, name: str) -> bool:
        target = path.with_name(name)
        if len(os.fsencode(name)) > LONGEST_NAME or caseless(target) in taken:
            return False
        taken.add(caseless(target))
        names[path] = target
        return True

    for path in [path for path in ordered if wanted[_stem(path)] > 1 or not give(path, path.stem + RESULT_SUFFIX)]:
        number = 1
        base = _shortened(path.name)
        while not give(path, base + (f"-{number}" if number > 1 else "") + RESULT_SUFFIX):
            number += 1
    return names


def caseless(path: Path | str) -> str:
    """Return what two paths have in common that some file system takes for one (Unicode 15, definition D145)."""
    decomposed = unicodedata.normalize("NFD", str(path))
    return unicodedata.normalize("NFD", decomposed.casefold())


def require_apart(root: Path, pictures: Sequence[Path], targets: Sequence[Path]) -> None:
    """Raise FrameError if one of the results would lie where a picture, or another result, lies."""
    taken = {_entry(root / path) for path in pictures}
    for target in targets:
        entry = _entry(target)
        if entry in taken:
            raise FrameError(f"{shown(target)} would take the place of a picture or another result; choose another.")
        taken.add(entry)


def _stem(path: Path) -> str:
    return caseless(f"{path.parent}/{path.stem}")


def _entry(path: Path) -> str:
    return caseless(path.parent.resolve() / path.name)


def _sort_in(path: Path, found: PictureFolder) -> None:
    """Put a file among the pictures or count it as left out."""
    suffix = path.suffix.lower()
    if path.name.startswith(COMPANION):
        return
    if suffix in _suffixes() and path.is_file():
        found.pictures.append(path.relative_to(found.root))
    elif suffix in _suffixes() and not path.name.startswith("."):
        _note_no_file(path, found)
    elif not path.name.startswith("."):
        found.left_out[shown(Path(suffix)) if suffix else "without a suffix"] += 1


def _note_no_file(path: Path, found: PictureFolder) -> None:
    """Note what is called a picture and is no file; a link to nothing stands for a picture that is lost."""
    what = no_file(path) or "gone"
    if path.exists():
        found.odd.append(f"{shown(path.relative_to(found.root))} ({what})")
    else:
        found.unreadable.append(f"{shown(path)} is {what}.")


def _suffixes() -> tuple[str, ...]:
    return PHOTO_SUFFIXES + heif_suffixes()


def _advice(kind: str) -> str:
    return " (read where pillow-heif is installed)" if kind in HEIF else ""


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"


def _shortened(name: str) -> str:
    """Return the beginning of a name that leaves room for a number and a suffix."""
    room = LONGEST_NAME - len("-0000" + RESULT_SUFFIX)
    while len(os.fsencode(name)) > room:
        name = name[:-1]
    return name
