"""A short endurance run, as `make soak` does it for ten minutes, and one that must be found out."""

import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

SOAK = (sys.executable, "-m", "illumigan_ros.measure.soak")
PATIENT = ("--restart-seconds", "60")  # on a busy machine, a start takes its time
A_NODE_THAT_MISCOUNTS = '''
import typer
from illumigan_ros.measure import soak, soak_node

soak_node.PROGRAM = """
from illumigan_ros.node.statistics import StreamStatistics
settle = StreamStatistics.settle
StreamStatistics.settle = lambda self, outcome: outcome.fate == "rejected" or settle(self, outcome)
""" + soak_node.PROGRAM
typer.run(soak.soak)
'''


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def test_a_node_survives_what_robots_do_to_it():
    done = run(*SOAK, "--seconds", "14", "--seed", "7", *PATIENT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No breach." in done.stdout
    assert "a call that hangs: ended after" in done.stdout
    assert "2 cycles of configure and cleanup" in done.stdout
    assert "/dev/shm was" in done.stdout


def test_a_frame_that_is_in_no_count_is_a_breach():
    done = run(sys.executable, "-c", A_NODE_THAT_MISCOUNTS, "--seconds", "60", "--seed", "7", *PATIENT)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "breach: /enhance: " in done.stdout and "counts" in done.stdout
