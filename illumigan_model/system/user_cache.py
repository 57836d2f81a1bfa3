"""The user's cache, ${XDG_CACHE_HOME:-~/.cache}/illumigan: onnx/ has graphs, trt/ engines, each with its own rules."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import platformdirs

from illumigan_model.errors import ModelError

DAY_S = 24 * 3600.0


def cache_folder(kind: str) -> Path:
    """Return the folder of one kind of files, which need not exist; raises ModelError where the user has no home."""
    base = platformdirs.user_cache_path("illumigan")
    if not base.is_absolute():
        raise ModelError("There is no home folder to keep files in; let XDG_CACHE_HOME name a folder.")
    return base / kind


def remove_older_than_a_day(left_over: Iterable[Path]) -> None:
    """Remove files and folders that nobody can be at work on any more; what cannot be removed stays."""
    for path in left_over:
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > DAY_S:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
