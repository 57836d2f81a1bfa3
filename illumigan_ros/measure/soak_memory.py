"""A /dev/shm for the endurance run alone, so that it can be filled without harm to others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER = Path("/dev/shm")
MEGABYTES = 1024
BLOCK = 1 << 20  # bytes
_MOUNTED_AS = "illumigan"
_ALONE = ("unshare", "--user", "--map-root-user", "--mount")
_MOUNT = f'mount -t tmpfs -o size={MEGABYTES}m {_MOUNTED_AS} {FOLDER} && exec "$@"'


def have_own_shm() -> bool:
    """Return whether this process has a /dev/shm of its own; where it has none and may, it is run anew with one."""
    mounts = [line.split()[:2] for line in Path("/proc/mounts").read_text().splitlines()]
    if [_MOUNTED_AS, str(FOLDER)] in mounts:
        return True
    alone = [*_ALONE, "sh", "-c", _MOUNT, "sh"]
    if shutil.which(_ALONE[0]) is None or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        return False  # as in a container that may not mount
    os.execvp(alone[0], [*alone, sys.executable, *sys.orig_argv[1:]])


@contextmanager
def full_shm() -> Iterator[None]:
    """Fill /dev/shm, and empty it again."""
    filler = FOLDER / "filler"
    try:
        with filler.open("wb", buffering=0) as file, suppress(OSError):  # no space left
            while True:
                file.write(bytes(BLOCK))
        yield
    finally:
        filler.unlink()
