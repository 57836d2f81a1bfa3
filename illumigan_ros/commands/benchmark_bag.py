"""`illumigan benchmark --bag`: what enhancing a bag costs here, as a table or JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from illumigan_ros.commands.command_line import open_enhancer, progress_bar
from illumigan_ros.measure.turns import in_short

COLUMNS = {
    "x real time": "times_real_time",
    "ms": "ms",
    "CPU ms": "cpu_ms",
    "MB written": "written_mb",
    "MB/s": "mb_s",
}


def benchmark_bag(folder: Path, seconds: float, model: str, runtime: str, as_json: bool) -> None:
    """Measure in a folder and show what was found."""
    from illumigan_ros.measure.bag_benchmark import VARIANTS
    from illumigan_ros.measure.bag_benchmark import benchmark_bag as measure

    with open_enhancer(model, runtime) as enhancer, progress_bar("measuring", 1 + len(VARIANTS)) as advance:
        result = measure(folder, enhancer, seconds, advance)
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        show(result)


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    console = Console()
    machine = result["machine"]
    console.print(f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, {result['date']}")
    console.print(", ".join(f"{name} {version}" for name, version in result["versions"].items()), highlight=False)
    console.print(f"{result['size']} at {result['rate']} Hz for {result['seconds']:g} s; ms an image", highlight=False)
    table = Table("", *COLUMNS)
    for name, found in result["variants"].items():
        table.add_row(name, *(in_short(found[key]) for key in COLUMNS.values()))
    console.print(table)
    console.print(f"plainly written there: {result['plain_mb_s']:.0f} MB/s", highlight=False)
