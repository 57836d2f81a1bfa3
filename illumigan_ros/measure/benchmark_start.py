"""What a fresh process pays until its first frame is enhanced, and how much memory it then takes.

`measure_start` runs this file as a program of its own, because only a fresh process knows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from illumigan_model.errors import IllumiganError

FRAMES = 20
TIMEOUT = 300.0  # seconds; compiling the kernels on a slow machine takes a while


def measure_start(size: tuple[int, int], model: str, runtime: str, threads: int) -> dict[str, Any]:
    """Return seconds (import, load, first frame, their total, and the total with kernels to compile) and peak MB."""
    arguments = [*map(str, size), model, runtime, str(threads)]
    run_child(arguments, {})  # compiled kernels are on the disk after this
    start = run_child(arguments, {})
    with tempfile.TemporaryDirectory() as folder:
        cold = run_child(arguments, {"NUMBA_CACHE_DIR": folder})
    return {"size": "{}x{}".format(*size), **start, "cold_total_s": cold["total_s"]}


def run_child(arguments: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Run this file as a program and return what it prints; raises IllumiganError if it fails."""
    command = [sys.executable, "-m", "illumigan_ros.measure.benchmark_start", *arguments]
    try:
        child = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise IllumiganError(f"A fresh process did not enhance its first frame within {TIMEOUT:.0f} s.") from error
    if child.returncode != 0:
        lines = child.stderr.strip().splitlines() or ["it said nothing"]
        raise IllumiganError(f"A fresh process could not enhance a frame: {lines[-1]}")
    printed: dict[str, float] = json.loads(child.stdout)
    return printed


def main() -> None:
    """Import, load and enhance, and print what that took as JSON."""
    width, height, model, runtime, threads = sys.argv[1:]
    begin = time.perf_counter()
    import numpy as np

    from illumigan_model.enhancer import Enhancer

    imported = time.perf_counter()
    enhancer = Enhancer(model, runtime, threads=int(threads))
    loaded = time.perf_counter()
    frame = np.random.default_rng(0).integers(0, 40, (int(height), int(width), 3), np.uint8)
    before = time.perf_counter()
    enhancer.enhance(frame)
    first = time.perf_counter() - before
    for _ in range(FRAMES):
        enhancer.enhance(frame)
    times = {"import_s": imported - begin, "load_s": loaded - imported, "first_frame_s": first}
    print(json.dumps(times | {"total_s": sum(times.values()), "peak_mb": peak_memory()}))


def peak_memory() -> float:
    """Return the most memory this program has had in MB; unlike getrusage, without what its parent had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
