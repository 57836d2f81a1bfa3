"""What running processes cost: time on the CPU and memory, as the kernel counts them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

_CPUCLOCK_SCHED = 2  # all the time that the scheduler gave, in user space and kernel


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the seconds that these processes have computed so far, on all cores together, to the nanosecond.

    They are read from each process' own CPU clock (clock_getcpuclockid(3), whose number Linux makes of the process'):
    /proc/PID/stat counts in hundredths of a second, of which a listener to small frames does not use one.
    """
    return sum(time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED) for pid in pids) / 1e9


def memory_mb(pids: Sequence[int]) -> dict[str, float]:
    """Return what these processes hold in memory: `rss_mb`, and `pss_mb`, which counts a shared page by its share."""
    total = {"Rss": 0, "Pss": 0}
    for pid in pids:
        for line in (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in total:
                total[name] += int(value.split()[0])
    return {"rss_mb": total["Rss"] / 1024, "pss_mb": total["Pss"] / 1024}
