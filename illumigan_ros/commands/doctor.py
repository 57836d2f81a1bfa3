"""`illumigan doctor`: what works on this machine, what does not, and why."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from illumigan_model.errors import IllumiganError, ModelError, first_line
from illumigan_model.report import require_enhanced
from illumigan_model.system.machine import cores
from illumigan_model.version import __version__, installed_version
from illumigan_ros.node.environment import MALLOC, profiles_variable, shared_file
from illumigan_ros.node.process import ros_node
from illumigan_ros.node.turbo_jpeg import decoded_by_turbo_jpeg, jpeg_decoder, why_not_turbo_jpeg
from illumigan_ros.recordings.video import load_av

SHM_SEGMENT = 64 << 20
NVIDIA_SMI_TIMEOUT = 20.0  # seconds
GOOD, NOTE, BAD = "ok", "note", "missing"
COLOURS = {GOOD: "green", NOTE: "yellow", BAD: "red"}
CONVERTS_FOR_MINUTES = "torch2trt"


@dataclass(frozen=True)
class Finding:
    """One line of the answer; `state` is ok, note (works, could be better) or missing."""

    subject: str
    state: str
    text: str


def command() -> None:
    """Print what works on this machine, what does not, and why: ROS, DDS, runtimes, GPU, weights, video."""
    if not examine():
        raise typer.Exit(1)


def examine() -> bool:
    """Print what was found; returns whether the base works: frames can be enhanced."""
    console = Console()
    base_works = True
    for title, look in SECTIONS.items():
        table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
        for width in (22, 8, None):
            table.add_column(width=width, overflow="fold")
        for finding in look():
            table.add_row(finding.subject, f"[{COLOURS[finding.state]}]{finding.state}[/]", escape(finding.text))
            base_works = base_works and not (title == "Enhancer" and finding.state == BAD)
        console.print(table)
        console.print()
    return base_works


def look_at_machine() -> Iterator[Finding]:
    """Python, processor, graphics card, display, what reads and writes videos and JPEG."""
    yield Finding("illumigan", GOOD, f"{__version__} in {Path(__file__).parents[2]}")
    yield Finding("python", GOOD, f"{platform.python_version()} ({sys.executable})")
    yield Finding("processor", GOOD, f"{cores()} cores, {platform.machine()}")
    yield _gpu()
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    yield Finding("display", GOOD, display) if display else Finding("display", NOTE, "none; --display cannot be used")
    av = load_av()
    if av is None:
        yield Finding("PyAV", BAD, "no videos can be written; pip install 'illumigan[video]'")
    else:
        yield Finding("PyAV", GOOD, f"{av.__version__}, H.264 by {av.codec.Codec('h264', 'w').name}")
    yield _jpeg()


def _jpeg() -> Finding:
    """Tell what decodes the JPEG of cameras, and how long that takes."""
    jpeg = cv2.imencode(".jpg", _noisy_frame())[1].tobytes()
    turbo, opencv = _milliseconds(
        lambda: decoded_by_turbo_jpeg(jpeg), lambda: cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    )
    if why := why_not_turbo_jpeg():
        hint = f"{why}; pip install 'illumigan[jpeg]', and your system's libturbojpeg"
        return Finding("JPEG", NOTE, f"{jpeg_decoder()}; one 1920x1080 frame {opencv:.1f} ms; {hint}")
    return Finding("JPEG", GOOD, f"{jpeg_decoder()}; one 1920x1080 frame {turbo:.1f} ms, by OpenCV {opencv:.1f} ms")


def _milliseconds(*works: Callable[[], object]) -> list[float]:
    """Return, of each, the CPU time of its fastest turn; they take turns, as the first pays for fresh memory."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(9):
        for times, work in zip(taken, works, strict=True):
            began = time.thread_time()
            work()
            times.append(1000 * (time.thread_time() - began))
    return [min(times) for times in taken]


def _noisy_frame() -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 4, (1080, 1920, 3))
    return np.clip(cv2.resize(_dark_frame(), (1920, 1080)) + noise, 0, 255).astype(np.uint8)


def _gpu() -> Finding:
    jetson = Path("/etc/nv_tegra_release")
    if jetson.exists():
        return Finding("GPU", GOOD, jetson.read_text().splitlines()[0].lstrip("# "))
    if shutil.which("nvidia-smi") is None:
        return Finding("GPU", NOTE, "no NVIDIA driver; frames are enhanced on the CPU")
    try:
        listing = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=NVIDIA_SMI_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding("GPU", NOTE, f"nvidia-smi does not answer within {NVIDIA_SMI_TIMEOUT:g} s; restart its driver")
    except OSError as error:
        return Finding("GPU", NOTE, f"nvidia-smi cannot be run: {first_line(error)}")
    works = listing.returncode == 0 and listing.stdout.strip()
    text = listing.stdout.strip() if works else f"nvidia-smi fails: {(listing.stderr or listing.stdout).strip()}"
    return Finding("GPU", GOOD if works else NOTE, text)


def look_at_enhancer() -> Iterator[Finding]:
    """Weights, and every runtime tried on a real frame."""
    try:
        from illumigan_model.frames.kernels import kernel_reason
        from illumigan_model.runtimes.select import RUNTIMES
        from illumigan_model.weights import available_models, find_weights
    except ImportError as error:
        yield Finding("import", BAD, f"{first_line(error)}; install illumigan again")
        return
    for model in available_models():
        try:
            yield Finding(f"weights {model}", GOOD, f"sha256 as shipped ({find_weights(model)})")
        except ModelError as error:
            yield Finding(f"weights {model}", BAD, str(error))
    slow = kernel_reason()
    kernel = f"NumPy, many times slower than numba: {slow}" if slow else f"numba {installed_version('numba')}"
    yield Finding("kernel", NOTE if slow else GOOD, kernel)
    threads = cores()
    for name in RUNTIMES:
        yield _runtime(name, threads)
    yield from _runtime_in_use(threads)


def _runtime(name: str, threads: int) -> Finding:
    """Try a runtime on a real frame; every kind of failure is an answer."""
    from illumigan_model.enhancer import Enhancer
    from illumigan_model.runtimes.select import open_runtime

    package = name.removesuffix("-cpu").removesuffix("-fp32")
    if name == CONVERTS_FOR_MINUTES and importlib.util.find_spec(name) is not None:
        return Finding(
            f"runtime {name}", NOTE, f"{installed_version(name) or ''} is installed, and not tried: it takes minutes"
        )
    try:
        chain, _ = open_runtime("curve_grid", name, threads)
        how = chain.describe()
        chain.close()
        with Enhancer(runtime=name) as enhancer:
            took = min(require_enhanced(enhancer.enhance(_dark_frame())).report.stages_ms["total"] for _ in range(5))
    except IllumiganError as error:
        return Finding(f"runtime {name}", NOTE, str(error).removeprefix(f"{name}: "))
    except Exception as error:  # a broken library may raise anything
        return Finding(f"runtime {name}", NOTE, f"{type(error).__name__}: {first_line(error)}; install {package} again")
    which = f"{installed_version(package) or ''} {how}".strip()
    return Finding(f"runtime {name}", GOOD, f"{which}; one 1280x720 frame {took:.1f} ms")


def _runtime_in_use(threads: int) -> Iterator[Finding]:
    """Tell what the Enhancer takes, and why nothing better."""
    from illumigan_model.runtimes.select import open_runtime

    try:
        chain, reasons = open_runtime("curve_grid", "auto", threads)
    except ModelError as error:
        yield Finding("runtime in use", BAD, f"none works, so frames pass through unchanged: {error}")
        return
    yield Finding("runtime in use", GOOD, chain.describe())
    for why in reasons:
        yield Finding("no better runtime", NOTE, why)
    chain.close()


def look_at_engines() -> Iterator[Finding]:
    """List the cache of TensorRT engines, some of which may be for other machines or versions."""
    from illumigan_model.system.user_cache import cache_folder
    from illumigan_model.tensorrt import engine_cache
    from illumigan_model.tensorrt.engine_list import listed

    try:
        root = cache_folder("trt")
        engines = listed(root)
    except ModelError as error:
        yield Finding("cache", NOTE, str(error))
        return
    megabytes = sum(size_of(path) for path in root.rglob("*")) / 1e6
    count = f"{len(engines) or 'no'} engine{'' if len(engines) == 1 else 's'}"
    yield Finding("cache", GOOD, f"{count} in {root}, {megabytes:.1f} MB")
    for folder, record, fault in engines:
        if record is None:
            yield Finding(folder.name[:12], NOTE, f"not used: {fault}")
            continue
        gpu = record.purpose["facts"].get("gpu", "a GPU")
        what = f"{record.graph} in {record.purpose['precision']} for {gpu}, {record.size / 1e6:.1f} MB"
        try:
            why_not = engine_cache.misfit(record, engine_cache.TENSORRT)
        except ModelError as error:
            why_not = str(error)
        verdict = f"does not fit this machine: {why_not}" if why_not else "fits this machine"
        yield Finding(folder.name[:12], NOTE if why_not else GOOD, f"{what}; {verdict}")


def size_of(path: Path) -> int:
    """Return the bytes of a file, 0 for a folder and for what another process has just removed."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def _dark_frame() -> np.ndarray:
    ramp = np.linspace(0, 60, 1280, dtype=np.uint8)
    return np.broadcast_to(ramp[None, :, None], (720, 1280, 3))


def look_at_ros() -> Iterator[Finding]:
    """Distribution, rclpy, middleware, and whether a node can be made."""
    if importlib.util.find_spec("rclpy") is None:
        yield Finding("rclpy", BAD, "source your distribution's setup.bash, or pip install 'illumigan[ros]'")
        return
    yield Finding("distribution", GOOD, os.environ.get("ROS_DISTRO") or "none sourced; rclpy comes from pip")
    try:
        with ros_node("illumigan_doctor", []):
            from rclpy.utilities import get_rmw_implementation_identifier

            middleware = get_rmw_implementation_identifier()
    except IllumiganError as error:
        yield Finding("rclpy", BAD, str(error))
        return
    yield Finding("rclpy", GOOD, f"{installed_version('rclpy') or installed_version('ros-rclpy') or ''} makes a node")
    yield Finding("middleware", GOOD, middleware)
    domain, reach = os.environ.get("ROS_DOMAIN_ID", "0"), os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    yield Finding("discovery", GOOD, f"domain {domain}, range {reach}")
    if "fastrtps" in middleware:
        yield from _shared_memory()
    yield _allocator()
    cv_bridge = importlib.util.find_spec("cv_bridge") is not None
    yield Finding(
        "cv_bridge", GOOD if cv_bridge else NOTE, "for rare encodings" if cv_bridge else "only rare encodings need it"
    )


def _shared_memory() -> Iterator[Finding]:
    variable = profiles_variable()
    profile = os.environ.get(variable)
    ours = shared_file("config/fastdds_shm.xml")
    if profile and Path(profile).is_file():
        yield Finding("Fast DDS profile", GOOD, profile)
    elif profile:
        yield Finding("Fast DDS profile", NOTE, f"{profile} does not exist")
    else:
        yield Finding("Fast DDS profile", NOTE, f"not set here; frames travel faster with {variable}={ours}")
    shm = Path("/dev/shm")
    if shm.is_dir():
        free = shutil.disk_usage(shm).free
        enough = free > 4 * SHM_SEGMENT
        hint = "" if enough else "; each process wants 64 MiB, so run a container with --shm-size=1g or --ipc=host"
        yield Finding("shared memory", GOOD if enough else NOTE, f"{free >> 20} MiB free in {shm}{hint}")


def _allocator() -> Finding:
    missing = [f"{name}={value}" for name, value in MALLOC.items() if name not in os.environ]
    if missing:
        return Finding("allocator", NOTE, f"the launch file sets what is not set here: {' '.join(missing)}")
    return Finding("allocator", GOOD, "keeps frame buffers between frames")


SECTIONS: dict[str, Callable[[], Iterator[Finding]]] = {
    "Machine": look_at_machine,
    "Enhancer": look_at_enhancer,
    "TensorRT engines": look_at_engines,
    "ROS 2": look_at_ros,
}
