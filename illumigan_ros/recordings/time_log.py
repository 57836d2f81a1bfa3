"""When each message came or went: kept on disk, because hours of a camera's frames would fill the memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from illumigan_model.errors import FrameError, first_line

COPY_BYTES = 1 << 20


class TimeLog:
    """Pairs of (header stamp or None, time) in ns, in a temporary file of which nothing remains.

    A disk that takes no more never stops the camera: the log ends there, and `json` raises.
    """

    def __init__(self) -> None:
        """Open the temporary file; raises FrameError if there is no room for one."""
        self._error: OSError | None = None
        try:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
        except OSError as error:
            raise FrameError(f"There is no room for temporary files ({first_line(error)}); set TMPDIR.") from error

    def append(self, stamp_ns: int | None, time_ns: int) -> None:
        """Add a pair."""
        if self._error is None:
            text = f"{',' if self._file.tell() else ''}[{'null' if stamp_ns is None else stamp_ns},{time_ns}]"
            try:
                self._file.write(text.encode())
            except OSError as error:
                self._error = error

    def json(self) -> Iterator[bytes]:
        """Yield the pairs as a JSON list, in pieces; raises FrameError if the temporary disk was too small for them."""
        try:
            self._file.seek(0)
        except OSError as error:  # it writes what it had in memory
            self._error = self._error or error
        if self._error is not None:
            raise FrameError(f"There was no room for the times in {tempfile.gettempdir()}; set TMPDIR.")
        yield b"["
        while piece := self._file.read(COPY_BYTES):
            yield piece
        yield b"]"
