"""What running processes cost: time on the CPU and memory, as the kernel counts them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the seconds that these processes have computed so far, on all cores together."""
    ticks = 0
    for pid in pids:
        fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(") ")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # utime, stime; the state is field 0 here
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pids: Sequence[int]) -> dict[str, float]:
    """Return what these processes hold in memory: `rss_mb`, and `pss_mb`, which counts a shared page by its share."""
    total = {"Rss": 0, "Pss": 0}
    for pid in pids:
        for line in (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in total:
                total[name] += int(value.split()[0])
    return {"rss_mb": total["Rss"] / 1024, "pss_mb": total["Pss"] / 1024}
