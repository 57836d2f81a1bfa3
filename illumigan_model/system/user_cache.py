"""The user's cache, ${XDG_CACHE_HOME:-~/.cache}/illumigan: onnx/ has graphs, trt/ engines, each with its own rules."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from illumigan_model.errors import ModelError

DAY_S = 24 * 3600.0


def cache_folder(kind: str) -> Path:
    """Return the folder of one kind of files, which need not exist; raises ModelError where the user has no home."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:  # a relative path is to be ignored, says the XDG base directory specification
        base = given if given.is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:
        raise ModelError("There is no home folder to keep files in; let XDG_CACHE_HOME name a folder.") from error
    return base / "illumigan" / kind


def remove_older_than_a_day(left_over: Iterable[Path]) -> None:
    """Remove files and folders that nobody can be at work on any more; what cannot be removed stays."""
    for path in left_over:
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > DAY_S:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
