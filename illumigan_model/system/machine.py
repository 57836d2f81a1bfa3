"""What this machine is: its processor, the cores that we may use, a Jetson's board, whether there is an NVIDIA GPU."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

SIGNS_OF_A_GPU = ("/dev/nvidia0", "/dev/nvhost-gpu", "/dev/nvgpu", "/dev/dxg", "/etc/nv_tegra_release")
PROCESSORS, BOARD, L4T = Path("/proc/cpuinfo"), Path("/proc/device-tree/model"), Path("/etc/nv_tegra_release")


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def processor_name() -> str:
    """Return what the processor calls itself, or its architecture where it does not."""
    names = [line.partition(":")[2].strip() for line in read(PROCESSORS).splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def computes_in_bfloat16() -> bool:
    """Return whether the processor multiplies matrices of bfloat16; where it does not, they are slower than float32."""
    return bool(set(read(PROCESSORS).split()) & {"avx512_bf16", "amx_bf16", "bf16"})


def board_name() -> str:
    """Return what a board such as a Jetson, whose processor has no name, calls itself; "" on another machine."""
    return read(BOARD).rstrip("\0")


def l4t_release() -> str | None:
    """Return the release of a Jetson's Linux, such as "R36.4.0"; None on another machine."""
    found = re.search(r"# (R\d+) \(release\), REVISION: ([\d.]+)", read(L4T))
    return f"{found.group(1)}.{found.group(2)}" if found else None


def has_gpu() -> bool:
    """Return whether there seems to be an NVIDIA GPU; whether it works is for the runtimes to say."""
    return any(Path(sign).exists() for sign in SIGNS_OF_A_GPU)


def read(file: Path) -> str:
    """Return the text of a file of the system's, "" where there is none."""
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
