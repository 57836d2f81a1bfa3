"""`illumigan benchmark --node`: what the live node does to frames here, as a table, JSON or a plot."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from illumigan_model.errors import FrameError, IllumiganError
from illumigan_model.system.files import require_writable
from illumigan_ros.commands.command_line import progress_bar, require_modules
from illumigan_ros.measure.node_scenarios import FOUR, FOUR_NODES, IDLE, chosen
from illumigan_ros.measure.turns import in_short

FRAMES = {
    "sent/s": "rate_sent",
    "out/s": "rate",
    "p50 ms": "age_p50_ms",
    "p95 ms": "age_p95_ms",
    "max ms": "age_max_ms",
    "in frames": "oldest_in_frame_times",
    "skipped": "skipped",
    "lost": "lost",
}
COSTS = {
    "camera CPU %": "camera_cpu_percent",
    "node CPU %": "node_cpu_percent",
    "listener CPU %": "listener_cpu_percent",
    "node MB": "rss_mb",
    "grown by": "rss_growth_mb",
}


def benchmark_node(names: list[str], seconds: float, plot: Path | None, as_json: bool) -> None:
    """Measure the scenarios of these names and show what was found."""
    scenarios = chosen(names)
    if importlib.util.find_spec("rclpy") is None:
        raise IllumiganError("--node needs ROS 2: source your distribution, or pip install 'illumigan[ros]'.")
    if plot is not None:
        require_modules("matplotlib")
        require_plottable(plot)
        if not any(scenario.has_listener for scenario in scenarios):
            raise FrameError(f"--plot needs a scenario with a listener, which {IDLE} has not.")
    from illumigan_ros.measure.node_benchmark import benchmark_node as measure

    with progress_bar("measuring", len(scenarios)) as advance:
        result = measure(scenarios, seconds, advance)
    if plot is not None:
        from illumigan_ros.measure.node_benchmark_plot import draw

        draw(result, plot)
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        show(result)


def require_plottable(plot: Path) -> None:
    """Raise FrameError, before anything is measured, if no plot can be written there."""
    if plot.suffix.lower() != ".png":
        raise FrameError(f"--plot must end in .png, not {plot.name}.")
    require_writable(plot)


def show(result: dict[str, Any]) -> None:
    """Print the result as a table, and what it says of memory and of an idle node."""
    console = Console()
    machine = result["machine"]
    console.print(f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, {result['date']}")
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    console.print(f"{versions}; {result['middleware']}; {result['seconds']:g} s each", highlight=False)
    show_table(console, result, FRAMES)
    console.print("out: of the slowest camera, at the listener; ms: from the stamp to the listener", highlight=False)
    show_table(console, result, COSTS)
    by_name = {found["scenario"]: found for found in result["scenarios"]}
    if FOUR in by_name and FOUR_NODES in by_name:
        one, four = by_name[FOUR], by_name[FOUR_NODES]
        console.print(
            f"four cameras take {one['rss_mb']:.0f} MB in one node, {four['rss_mb']:.0f} MB in four; "
            f"{one['pss_mb']:.0f} and {four['pss_mb']:.0f} MB where shared pages count once",
            highlight=False,
        )
    if IDLE in by_name:
        console.print(f"an idle node beside a camera uses {by_name[IDLE]['node_cpu_percent']:.2f} % of a core")


def show_table(console: Console, result: dict[str, Any], columns: dict[str, str]) -> None:
    """Print one line for each scenario; where there is nothing to tell, the cell stays empty."""
    table = Table(box=SIMPLE, collapse_padding=True, pad_edge=False)
    table.add_column("scenario", no_wrap=True)
    for title in columns:
        table.add_column(title.replace(" ", "\n", 1), justify="right", no_wrap=True)
    for found in result["scenarios"]:
        table.add_row(found["scenario"], *(in_short(found[key]) if key in found else "" for key in columns.values()))
    console.print(table)
