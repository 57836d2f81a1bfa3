"""The node of the endurance run: a process that can be made to hang, and is started anew as the launch file does it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from illumigan_ros.node.shared_memory import FOLDER

KEPT_LINES = 200
STOP_SECONDS = 20
PARAMETERS = ("cameras:=[front, rear]", "diagnostics_period:=0.5", "runtime:=onnxruntime")

# What a process of ours does first, so that none is left where the run itself is killed.
ENDS_WITH_PARENT = "import ctypes, signal; ctypes.CDLL(None).prctl(1, signal.SIGKILL)"  # PR_SET_PDEATHSIG

# The node, with a network that fails on some frames: at the interface of runtimes, as a broken driver would. SIGUSR1
# makes it hang as a call into the middleware does: in C, with Python's lock held. Its first argument is what it is to
# lose, in MB a minute.
PROGRAM = f"""
{ENDS_WITH_PARENT}
import random, sys, threading, time
from illumigan_model.errors import ModelError
from illumigan_model.runtimes.onnx_runtime import OnnxRuntime
from illumigan_ros.node import enhance_node

infer, chance = OnnxRuntime.infer, random.Random(1)

def sometimes(self, image):
    if chance.random() < 0.02:
        raise ModelError("It was made to fail on this frame.")
    return infer(self, image) * (float("nan") if chance.random() < 0.02 else 1)

def lose(each_second, lost=[]):
    while True:
        lost.append(b"x" * each_second)
        time.sleep(1)

if each_second := round(float(sys.argv.pop(1)) * 2**20 / 60):
    threading.Thread(target=lose, args=[each_second], daemon=True).start()
OnnxRuntime.infer = sometimes
signal.signal(signal.SIGUSR1, lambda *_: ctypes.PyDLL(None).pause())
sys.exit(enhance_node.main())
"""


class Size(NamedTuple):
    """What the process takes: memory of its own, and shared memory, which is in segments of any process."""

    own_mb: float
    shared_mb: float
    threads: int
    descriptors: int
    segments: int


class NodeProcess:
    """The process, from its start on, made to lose so many MB a minute; `said` are the last lines of its stderr."""

    def __init__(self, leak: float = 0.0) -> None:
        self.said: list[str] = []
        self._leak = leak
        self.start()

    def start(self) -> None:
        """Start it, or start it anew."""
        arguments = ["--ros-args", *(word for parameter in PARAMETERS for word in ("-p", parameter))]
        environment = {name: value for name, value in os.environ.items() if name != "_ROS_WHEELS_BOOTSTRAP_COMPLETE"}
        command = [sys.executable, "-c", PROGRAM, str(self._leak), *arguments]
        self._process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        os.set_blocking(self._process.stderr.fileno(), False)
        self.began = time.monotonic()

    def ended(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._process.poll()

    def hang(self) -> None:
        """Make it hang as soon as its main loop comes round."""
        self._process.send_signal(signal.SIGUSR1)

    def listen(self) -> None:
        """Take in what it has said."""
        assert self._process.stderr is not None
        self.said = [*self.said, *self._process.stderr.readlines()][-KEPT_LINES:]

    def size(self) -> Size | None:
        """Return what it takes, None where it has just ended."""
        folder = Path("/proc") / str(self._process.pid)
        try:
            lines = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            rss, shared = (int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "RssShmem"))
            descriptors = len(list((folder / "fd").iterdir()))
            segments = (folder / "maps").read_text().count(str(FOLDER))
            return Size(rss - shared, shared, int(lines["Threads"]), descriptors, segments)
        except (OSError, KeyError):
            return None

    def stop(self) -> bool:
        """End it as Ctrl-C does, and return whether it has ended in time; else it is killed."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        return True
