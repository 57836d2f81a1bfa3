"""What the system keeps in memory of a large file that is gone through once."""

import ctypes
import mmap
import os
import sys

import pytest

from illumigan_model.system import page_cache
from illumigan_model.system.page_cache import CacheTrail

MEGABYTE = 1 << 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at Linux' page cache")


def cached_pages(file):
    """Return for each page of a file whether the system has it in memory."""
    size = file.stat().st_size
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), size) as mapped:
        pages = (ctypes.c_ubyte * (size // mmap.PAGESIZE))()
        start = ctypes.c_char.from_buffer(mapped)
        found = ctypes.CDLL(None).mincore(ctypes.byref(start), ctypes.c_size_t(size), pages)
        del start
    assert found == 0
    return [page & 1 for page in pages]


def go_through(file, content, step=MEGABYTE):
    """Write a file step by step; all of it is on the disk each time."""
    with file.open("wb", buffering=0) as opened:
        trail = CacheTrail(opened.fileno())
        for start in range(0, len(content), step):
            opened.write(content[start : start + step])
            os.fsync(opened.fileno())
            trail.reach(start + step)


def test_a_large_file_leaves_only_its_end_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(page_cache, "KEPT_BYTES", 2 * MEGABYTE)
    file, content = tmp_path / "large", os.urandom(8 * MEGABYTE)
    go_through(file, content)
    cached = cached_pages(file)
    if all(cached):
        pytest.skip(f"{tmp_path} lies in memory")
    assert not any(cached[: len(cached) // 2])
    assert file.read_bytes() == content


def test_a_small_file_stays_in_memory(tmp_path):
    file = tmp_path / "small"
    go_through(file, os.urandom(4 * MEGABYTE))
    assert all(cached_pages(file))
