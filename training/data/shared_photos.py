"""Photos that a training's worker processes share: their pixels lie once in memory, however many processes look."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator, Sequence
from multiprocessing.reduction import DupFd
from typing import IO, Any, overload

import numpy as np

from illumigan_training.data.folders import Photo


class SharedPhotos(Sequence[Photo]):
    """Photos, read-only, in a file without a name that is mapped into memory.

    A process that is started with them (spawned, as a DataLoader's workers are) maps the same file, and nothing is
    copied. The file goes with the last process that has it, a killed one included. Pickling them for anything but a
    process that is being started raises RuntimeError.
    """

    def __init__(self, photos: Sequence[Photo]) -> None:
        """Copy the photos into the file, in the folder for temporary files (TMPDIR); raises OSError if it is full."""
        self._places: list[tuple[str, int, tuple[int, ...]]] = []
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the photos are there
        for photo in photos:
            self._places.append((photo.name, self._file.tell(), photo.pixels.shape))
            self._file.write(np.ascontiguousarray(photo.pixels).data)
        self._file.flush()
        self._map()

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Photo: ...
    @overload
    def __getitem__(self, index: slice) -> list[Photo]: ...
    def __getitem__(self, index: int | slice) -> Photo | list[Photo]:
        """Return a photo whose pixels are a view of the file."""
        return (
            [self._photo(place) for place in self._places[index]]
            if isinstance(index, slice)
            else self._photo(self._places[index])
        )

    def __iter__(self) -> Iterator[Photo]:
        return map(self._photo, self._places)

    def __getstate__(self) -> dict[str, Any]:
        return {"places": self._places, "descriptor": DupFd(self._file.fileno())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._places = state["places"]
        self._file = open(state["descriptor"].detach(), "rb")  # noqa: PTH123, SIM115 - a descriptor has no path
        self._map()

    def _map(self) -> None:
        self._bytes = mmap.mmap(self._file.fileno(), 0, prot=mmap.PROT_READ) if self._places else b""

    def _photo(self, place: tuple[str, int, tuple[int, ...]]) -> Photo:
        name, start, shape = place
        pixels = np.frombuffer(self._bytes, np.uint8, int(np.prod(shape)), start).reshape(shape)
        return Photo(name, pixels)
