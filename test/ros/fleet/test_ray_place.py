"""A Ray cluster that cannot be reached, is of no use, or ends: a sentence each, and no process stays behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.commands import COMMAND, error

from illumigan_model.errors import FrameError
from illumigan_ros.fleet import ray_place
from illumigan_ros.fleet.places import PlaceGone, PlaceUnusable
from illumigan_ros.fleet.ray_driver import why_not
from illumigan_ros.fleet.ray_place import RayPlace

PATIENCE = 60.0
MISMATCH = """Version mismatch: The cluster was started with:
    Ray: 2.55.1
    Python: 3.11.7
This process on node 10.0.0.2 was started with:
    Ray: 2.60.0
    Python: 3.12.3
"""


def wait(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def ray():
    pytest.importorskip("ray", reason="Ray is not installed (extra fleet)")


def lines_of(processes):
    """The command lines of processes, or what they call themselves."""
    found = []
    for process in processes:
        try:
            found.append(Path(f"/proc/{process}/cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("stage", "number", "code"),
    [("multiprocessing", signal.SIGINT, 130), ("gcs_server", signal.SIGTERM, 143), ("ray::_call", signal.SIGINT, 130)],
    ids=["as Ray is loaded", "as the cluster starts", "as bags are done"],
)
def test_a_signal_ends_a_fleet_with_a_sentence_and_all_its_processes(stage, number, code, tmp_path, ray, write, marked):
    for name in "ab":
        write(tmp_path / "in" / name, images=400)
    command = [*COMMAND, "enhance-bags", "in", "out", "--ray", "local", "--workers", "2"]
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command, cwd=tmp_path, **output, start_new_session=True)
    wait(lambda: process.poll() is not None or any(stage in line for line in lines_of(marked())))
    os.killpg(process.pid, number)  # as a terminal does
    printed = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == code, printed
    assert "Traceback" not in printed
    (sentence,) = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert f"Stopped by {number.name}" in sentence
    wait(lambda: not marked())


def test_what_ends_on_a_cluster_is_told_apart(tmp_path, ray, marked, monkeypatch):
    (tmp_path / "only_here.py").write_text("def answer():\n    return 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    from only_here import answer

    place = RayPlace("local", 2)
    try:
        assert (place.workers, place.threads) == (2, 1)
        assert place.run(os.getpid) != os.getpid()
        with pytest.raises(FrameError, match="killed 3 times"):
            place.run(os._exit, 1)
        with pytest.raises(PlaceUnusable, match=r"No module named 'only_here'.* on every machine"):
            place.run(answer)
        os.kill(place._process, signal.SIGKILL)
        with pytest.raises(PlaceGone, match="is gone"):
            place.run(os.getpid)
    finally:
        place.close()
    # The kernel ends what Ray has started; two of its processes take a minute to see that they are alone.
    programs = ("/raylet ", "/gcs_server ", "ray::_call")
    wait(lambda: not any(program in line for line in lines_of(marked()) for program in programs))
    for process in marked():
        if any("ray::" in line for line in lines_of([process])):
            os.kill(process, signal.SIGKILL)


def test_clusters_that_cannot_be_are_one_sentence(tmp_path, write, monkeypatch):
    bags, out = write(tmp_path / "in" / "a").parent, tmp_path / "out"
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "Ray is not installed: pip install" in error("enhance-bags", bags, out, "--ray", "auto")
    monkeypatch.undo()
    pytest.importorskip("ray", reason="Ray is not installed (extra fleet)")
    for address in ("somewhere", "head:ray", "http://head:8265", "", ":6379", "head:70000"):
        assert "--ray must be local, auto, or HOST:PORT" in error("enhance-bags", bags, out, "--ray", address)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert f"no Ray cluster at {address} (Connection refused)" in error("enhance-bags", bags, out, "--ray", address)
        silent.listen()
        monkeypatch.setattr(ray_place, "ANSWER_SECONDS", 0.5)
        assert f"No Ray cluster answered at {address}" in error("enhance-bags", bags, out, "--ray", address)
    assert not out.exists()
    other = "The cluster at head:6379 has Ray 2.55.1 and Python 3.11.7, and here are Ray 2.60.0 and Python 3.12.3"
    assert why_not("head:6379", RuntimeError(MISMATCH)).startswith(other)
