"""The folder of one engine: who may write it, what is in it, and whether that is what was built.

SHA256.engine   the engine, named by its content
record.json     its name, size, sha256, what it was built for, of which file and by whom; written last: without it
                there is no engine
engine.bad      the last engine that was not what its record says, for whoever wants to know why
lock            held by whoever builds; the kernel lets go of it however a process ends
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from illumigan_model import weights
from illumigan_model.errors import ModelError
from illumigan_model.system.child_process import POLL_SECONDS, OnProgress
from illumigan_model.system.files import parts_in, put_in_place, sync, whole_file

PRIVATE = 0o600  # permissions of what is in it
RECORD, LOCK, BAD = "record.json", "lock", "engine.bad"


def key_of(purpose: dict[str, Any]) -> str:
    """Return the name of the folder of the engine for a purpose: the sha256 of its canonical JSON."""
    canonical = json.dumps(purpose, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


class Damaged(ModelError):
    """There is an engine, but not as it was recorded; building it again helps."""


class EngineRecord(NamedTuple):
    """What is recorded of an engine: its file, size and sha256, what for, of which graph and by whom it was built."""

    engine: Path
    size: int
    sha256: str
    purpose: dict[str, Any]
    graph: str
    by: str


def verified(folder: Path) -> EngineRecord | None:
    """Return the record of the engine in a folder, None if there is none.

    Raises:
        Damaged: it is not what its record says, or has no record.
        ModelError: it cannot be read, or others than the user could have written it.
    """
    try:
        check_owner(folder.parent)
        check_owner(folder)
        record = read_record(folder)
        if record is not None:
            check_content(record)
        return record
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"The engine in {folder} cannot be read ({error.strerror}).") from error


def read_record(folder: Path) -> EngineRecord | None:
    """Return the record in a folder, None if there is none; raises Damaged, ModelError and OSError, see `verified`."""
    path = folder / RECORD
    if not path.exists():
        if next(folder.glob("*.engine"), None):
            raise Damaged("its record is missing.")
        return None
    check_owner(path)
    try:
        written = json.loads(path.read_bytes())
        values = [written[name] for name in ("size", "sha256", "for", "graph", "by")]
        record = EngineRecord(folder / Path(written["name"]).name, *values)
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged("its record cannot be read.") from error
    if key_of(record.purpose) != folder.name:
        raise Damaged("it was built for another purpose.")
    return record


def check_content(record: EngineRecord) -> None:
    """Raise Damaged if an engine is not as recorded, ModelError if others could have written it, or OSError."""
    engine, size = record.engine, record.size
    if not engine.is_file():
        raise Damaged("it is missing beside its record.")
    check_owner(engine)
    if engine.stat().st_size != size:
        raise Damaged(f"it has {engine.stat().st_size} bytes, and {size} when it was built.")
    if weights.sha256(engine) != record.sha256:
        raise Damaged("its content is not what was built (the sha256 differs).")


def set_aside_if_damaged(folder: Path) -> EngineRecord | None:
    """Return the record of a folder that is locked; an engine that is damaged is renamed, and None returned."""
    try:
        return verified(folder)
    except Damaged:
        (folder / RECORD).unlink(missing_ok=True)
        for engine in folder.glob("*.engine"):
            engine.replace(folder / BAD)
            os.utime(folder / BAD)  # it is kept for a day from now on
        return None


def check_owner(path: Path) -> None:
    """Raise ModelError if others than the user own a file or folder, or may write to it."""
    facts = path.stat()
    if facts.st_uid != os.geteuid():
        raise ModelError(
            f"{path} belongs to another user, and an engine is native code; "
            "remove it, or let XDG_CACHE_HOME name a folder of your own."
        )
    if facts.st_mode & 0o022:
        raise ModelError(f"Others may write to {path}, and an engine is native code; remove it.")


def make_private(folder: Path) -> None:
    """Make a folder in the cache that only its owner can enter; raises OSError."""
    folder.parents[2].mkdir(parents=True, exist_ok=True)
    for level in (folder.parents[1], folder.parent, folder):
        level.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def locked(folder: Path, timeout_s: float, on_progress: OnProgress) -> Iterator[None]:
    """Hold the lock of a folder, which is made; raises ModelError if somebody else holds it for too long, OSError."""
    deadline = time.monotonic() + timeout_s
    while True:
        file = open_lock(folder)
        try:
            while not try_lock(file):
                if time.monotonic() > deadline:
                    raise ModelError(
                        f"Another process has been building this engine for over {timeout_s:g} s; look at it."
                    )
                on_progress("another process is building it already")
                time.sleep(POLL_SECONDS)
            if is_there(file, folder / LOCK):
                yield
                return
        finally:
            os.close(file)


def open_lock(folder: Path) -> int:
    """Return the lock of a folder, open; both are made. Raises OSError."""
    while True:
        make_private(folder)
        with suppress(FileNotFoundError):  # somebody has removed it just now
            return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, PRIVATE)


def is_there(file: int, path: Path) -> bool:
    """Return whether an open file still is the one at its path, which whoever held its lock may have removed."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def try_lock(file: int) -> bool:
    """Lock an open file; returns False where another process holds the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


@contextmanager
def nothing_left_over(folder: Path) -> Iterator[None]:
    """Remove what is half-written in a folder that is locked, before and after."""
    try:
        for partial in parts_in(folder):
            partial.unlink()
        yield
    finally:
        for partial in parts_in(folder):
            partial.unlink(missing_ok=True)


def keep(partial: Path, folder: Path, purpose: dict[str, Any], graph: str) -> Path:
    """Move an engine into its folder, which is locked, and record it; return its place there.

    Whatever happens to the machine meanwhile, engine and record are there completely or not at all. Raises OSError.
    """
    digest = weights.sha256(partial)
    engine = folder / f"{digest}.engine"
    about = {"for": purpose, "graph": graph, "by": installation()}
    entries = {"name": engine.name, "size": partial.stat().st_size, "sha256": digest, **about}
    with whole_file(folder / RECORD, PRIVATE) as record:
        record.write_text(json.dumps(entries, indent=1))  # first, as the disk may be full
        put_in_place(partial, engine, PRIVATE)
    sync(folder)
    return engine


def installation() -> str:
    """Return what tells this installation from others that share its home folder: by machine and Python environment."""
    file = Path("/etc/machine-id")  # whose manual wants it to be hashed before it is told
    machine = file.read_text().strip() if file.is_file() else ""
    return hashlib.sha256(f"{machine or platform.node()} {sys.prefix}".encode()).hexdigest()


def in_use(engine: Path) -> BinaryIO:
    """Return the open file of an engine, which nobody removes until it is closed; raises OSError."""
    file = engine.open("rb")
    with suppress(OSError):  # a file system without locks
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return file
