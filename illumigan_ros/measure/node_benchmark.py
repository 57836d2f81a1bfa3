"""`illumigan benchmark --node`: the live node between a camera and a listener, each a process, as on a robot.

What is told was measured on what they exchanged: a frame's age is the time from its stamp, which the camera gives it
just before it publishes it, to its arrival at the listener.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from illumigan_model.errors import IllumiganError
from illumigan_ros.demo.processes import Child, Crew
from illumigan_ros.measure.benchmark import describe_machine, installed_versions
from illumigan_ros.measure.node_camera import BEGIN, END
from illumigan_ros.measure.node_scenarios import Scenario
from illumigan_ros.measure.process_cost import cpu_seconds, memory_mb
from illumigan_ros.node.environment import ros_environment

START_SECONDS = 240.0  # the first start compiles the kernels, and a busy machine takes its time
SETTLE_SECONDS = 1.5  # the last frame leaves the node, the last diagnostics come
OVERTIME_SECONDS = 120.0


def benchmark_node(scenarios: list[Scenario], seconds: float, advance: Callable[[], None]) -> dict[str, Any]:
    """Measure each scenario for so many seconds; returns plain numbers and texts, ready for JSON."""
    found = []
    for scenario in scenarios:
        found.append(measure_scenario(scenario, seconds))
        advance()
    return {
        "machine": describe_machine(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": installed_versions(),
        "middleware": os.environ.get("RMW_IMPLEMENTATION") or "rmw_fastrtps_cpp",
        "seconds": seconds,
        "scenarios": found,
    }


def measure_scenario(scenario: Scenario, seconds: float) -> dict[str, Any]:
    """Start camera, nodes and listener, and return what became of the frames and what each process cost."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="illumigan_node_")))
        take_other_cores = stack.enter_context(_one_core(scenario))
        crew = stack.enter_context(Crew(ros_environment(), folder))
        nodes = [_start_node(crew, scenario, index) for index in range(scenario.nodes)]
        crew.wait_until(lambda: all(_is_active(node) for node in nodes), START_SECONDS, "The node's start")
        take_other_cores()
        names = ",".join(name for node in range(scenario.nodes) for name in scenario.names(node))
        heard = folder / "heard.json"
        listened = names if scenario.has_listener else ""
        listener = crew.start("listener", "illumigan_ros.measure.node_listener", [str(heard), listened])
        play = [names, *map(str, scenario.size), str(scenario.rate), str(seconds), str(int(scenario.has_listener))]
        camera = crew.start("camera", "illumigan_ros.measure.node_camera", play)
        crew.wait_until(lambda: BEGIN in camera.printed().splitlines(), START_SECONDS, "The camera's start")
        costs = _costs(crew, {"node": nodes, "listener": [listener]}, camera, seconds)
        crew.wait_until(camera.ended, OVERTIME_SECONDS, "The camera's end")
        crew.wait_for(SETTLE_SECONDS)
        listener.interrupt()
        crew.wait_until(listener.ended, OVERTIME_SECONDS, "The listener's end")
        played = json.loads(camera.printed().splitlines()[-1])
        listened_to = json.loads(heard.read_text())
    return {"scenario": scenario.name, **_frames(scenario, played, listened_to), **costs}


def _start_node(crew: Crew, scenario: Scenario, index: int) -> Child:
    parameters = [f"cameras:=[{', '.join(scenario.names(index))}]", "daylight_gate:=false", "diagnostics_period:=0.5"]
    arguments = [word for parameter in parameters for word in ("-p", parameter)]
    remaps = ["-r", f"__node:=enhance{index + 1}"]
    return crew.start(f"node{index + 1}", "illumigan_ros.node.enhance_node", ["--ros-args", *remaps, *arguments])


def _is_active(node: Child) -> bool:
    node.ended()
    return "Active: " in node.printed()


@contextmanager
def _one_core(scenario: Scenario) -> Iterator[Callable[[], None]]:
    """Let what is started run on one core, where the scenario wants it, until the function that is given is called."""
    allowed = os.sched_getaffinity(0)
    if not scenario.on_one_core:
        yield lambda: None
        return
    if len(allowed) < 2:
        raise IllumiganError(f"The scenario {scenario.name} needs a second core for the camera; choose another.")
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield lambda: os.sched_setaffinity(0, allowed - {min(allowed)})
    finally:
        os.sched_setaffinity(0, allowed)


def _costs(crew: Crew, roles: dict[str, list[Child]], camera: Child, seconds: float) -> dict[str, Any]:
    """Return what each role costs while the camera plays: percent of a core, and the memory of the nodes."""
    pids = {role: [child.pid for child in children] for role, children in roles.items()}
    began, before = time.monotonic(), {role: cpu_seconds(its) for role, its in pids.items()}
    memory_before = memory_mb(pids["node"])
    crew.wait_until(lambda: END in camera.printed().splitlines(), seconds + OVERTIME_SECONDS, "The camera's end")
    took = time.monotonic() - began
    cpu = {f"{role}_cpu_percent": 100 * (cpu_seconds(its) - before[role]) / took for role, its in pids.items()}
    memory = memory_mb(pids["node"])
    return {**cpu, **memory, "rss_growth_mb": memory["rss_mb"] - memory_before["rss_mb"]}


def _frames(scenario: Scenario, played: dict[str, Any], heard: dict[str, Any]) -> dict[str, Any]:
    """Return what became of the frames of all cameras together, and the rate of the slowest camera.

    Rates and ages are of the time that counts; frames are counted from the first one on.
    """
    began, ended = played["began"], played["ended"]
    seconds = (ended - began) / 1e9
    ages: list[float] = []
    rates: list[float] = []
    for frames in heard["frames"].values():
        own = [(arrival - stamp) / 1e6 for stamp, arrival in frames if began <= stamp <= ended]
        ages += own
        rates.append(len(own) / seconds)
    names = [name for node in range(scenario.nodes) for name in scenario.names(node)]
    counts = {
        count: sum(int(heard["told"].get(name, {}).get(f"frames {count}", 0)) for name in names)
        for count in ("in", "out", "skipped")
    }
    sent = scenario.cameras * (played["warmed_up"] + played["sent"])
    received = sum(len(frames) for frames in heard["frames"].values())
    result: dict[str, Any] = {
        "sent": sent,
        "received": received,
        "rate_sent": played["sent"] / seconds,
        "rate": min(rates, default=0.0),
        "skipped": counts["skipped"],
        "lost": (sent - counts["in"]) + (counts["out"] - received) if scenario.has_listener else 0,
        "ages_ms": [round(age, 2) for age in ages],
        "camera_cpu_percent": 100 * played["cpu_seconds"] / seconds,
    }
    if ages:
        p50, p95 = np.percentile(ages, (50, 95))
        result |= {"age_p50_ms": float(p50), "age_p95_ms": float(p95), "age_max_ms": float(max(ages))}
        result["oldest_in_frame_times"] = result["age_max_ms"] / 1000 * result["rate"]
    return result
