"""SQLite bags as a killed recorder leaves them: messages still in the log beside the file, or the file cut off.

The user's files are never opened for writing: SQLite would write beside them, and cannot on a read-only medium. What
has to be changed is changed in a copy.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from illumigan_model.errors import FrameError

_HEADER_BYTES = 100
_LOGS = ("-wal", "-journal")
_TABLES = """
CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, serialization_format TEXT NOT NULL,
offered_qos_profiles TEXT NOT NULL);
CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, timestamp INTEGER NOT NULL,
data BLOB NOT NULL);
CREATE INDEX timestamp_idx ON messages (timestamp ASC);
"""


def logs_beside(file: Path) -> list[Path]:
    """Return the logs with changes that are not in a SQLite file yet: its write-ahead log, or its rollback journal."""
    beside = [file.with_name(file.name + suffix) for suffix in _LOGS]
    return [log for log in beside if log.is_file() and log.stat().st_size]


def copy_with_logs(file: Path, folder: Path) -> Path:
    """Copy a SQLite file and its logs into a folder and let SQLite put them together; return the copy.

    Raises OSError if there is no room. Where the logs are damaged, the copy is as it was without them.
    """
    copy = folder / "bag.db3"
    shutil.copyfile(file, copy)
    for log in logs_beside(file):
        shutil.copyfile(log, copy.with_name(copy.name + log.name.removeprefix(file.name)))
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(copy)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        database.execute("PRAGMA journal_mode=DELETE").fetchall()
    return copy


def missing_pages(file: Path) -> int:
    """Return how many pages its header counts that a SQLite file lacks, or of which it has a part; SQLite reads zeros.

    The fields are those of https://sqlite.org/fileformat.html, section 1.3.
    """
    with file.open("rb") as opened:
        head = opened.read(_HEADER_BYTES)
    if len(head) < _HEADER_BYTES or head[24:28] != head[92:96]:  # an old writer has not kept the number of pages
        return 0
    return max(0, int.from_bytes(head[28:32], "big") - file.stat().st_size // _page_size(head))


def _page_size(head: bytes) -> int:
    size = int.from_bytes(head[16:18], "big")
    return (1 << 16) if size == 1 else max(512, size)


def _without_half_pages(file: Path, folder: Path) -> Path:
    """Copy a SQLite file that was cut off so that its header agrees with the pages that are there."""
    copy = folder / "cut.db3"
    shutil.copyfile(file, copy)
    with copy.open("r+b") as opened:
        size = _page_size(opened.read(_HEADER_BYTES))
        pages = file.stat().st_size // size
        opened.truncate(pages * size)
        opened.seek(28)
        opened.write(pages.to_bytes(4, "big"))
    return copy


def recover(file: Path, folder: Path) -> Path:
    """Copy what can still be read of a damaged SQLite file into a whole one, in a folder; return that.

    Raises FrameError if none can be read.
    """
    target = folder / "recovered.db3"
    if missing_pages(file):
        file = _without_half_pages(file, folder)
    try:
        with (
            closing(sqlite3.connect(f"file:{quote(str(file.resolve()))}?mode=ro&immutable=1", uri=True)) as damaged,
            closing(sqlite3.connect(target)) as whole,
        ):
            whole.executescript(_TABLES)
            columns = [column[1] for column in damaged.execute("PRAGMA table_info(topics)")]
            qos = "offered_qos_profiles" if "offered_qos_profiles" in columns else "''"
            topics = damaged.execute(f"SELECT id, name, type, serialization_format, {qos} FROM topics").fetchall()
            whole.executemany("INSERT INTO topics VALUES(?, ?, ?, ?, ?)", topics)
            _copy_rows(damaged, whole)
            whole.commit()
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise FrameError(f"{file.name} cannot be read ({error})") from error
    except sqlite3.DatabaseError as error:
        raise FrameError(f"{file.name} cannot be read ({error})") from error
    return target


def _copy_rows(damaged: sqlite3.Connection, whole: sqlite3.Connection) -> None:
    """Copy rows from the first one up to the damage, then from the last one down to it."""
    for order in ("ASC", "DESC"):
        for row in _rows_up_to_damage(damaged, order):
            if whole.execute("INSERT OR IGNORE INTO messages VALUES(?, ?, ?, ?)", row).rowcount == 0:
                return


def _rows_up_to_damage(damaged: sqlite3.Connection, order: str) -> Iterator[Any]:
    with suppress(sqlite3.DatabaseError):
        yield from damaged.execute(f"SELECT id, topic_id, timestamp, data FROM messages ORDER BY id {order}")
