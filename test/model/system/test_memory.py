"""What is no longer used goes back to the system, also where the environment asks glibc to keep it."""

import os
import subprocess
import sys

import pytest

from illumigan_ros.node.environment import MALLOC

MEGABYTES_GIVEN_BACK = """
import threading
from pathlib import Path
from illumigan_model.system.memory import give_back, set_aside

class Cycle:
    def __init__(self):
        self.itself, self.frame = self, bytes([1]) * (50 << 20)

def work():
    frames = [bytes([1]) * (1 << 20) for _ in range(50)]

def megabytes():
    return int(next(l for l in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in l).split()[1]) >> 10

before = megabytes()
{leave}
most = megabytes()
give_back({how})
print(most - before, most - megabytes())
"""


def megabytes_given_back(leave: str, how: str = "") -> tuple[int, int]:
    """Run code that leaves something over: the megabytes that it took, and those that went back to the system."""
    program = MEGABYTES_GIVEN_BACK.format(leave=leave, how=how)
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | MALLOC, capture_output=True, text=True, check=True
    )
    taken, given_back = map(int, done.stdout.split())
    return taken, given_back


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is on Linux")
@pytest.mark.parametrize(
    "leave",
    ["Cycle()", "thread = threading.Thread(target=work); thread.start(); thread.join()"],
    ids=["a frame that only refers to itself", "the frames of a thread"],
)
def test_memory_is_given_back(leave):
    taken, given_back = megabytes_given_back(leave)
    assert taken >= 49
    assert given_back >= 49


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is on Linux")
@pytest.mark.parametrize(("how", "least", "most"), [("", 0, 1), ("everything=True", 49, 99)])
def test_what_is_set_aside_is_looked_at_only_with_everything(how, least, most):
    taken, given_back = megabytes_given_back("one = Cycle(); set_aside(); del one", how)
    assert taken >= 49
    assert least <= given_back <= most
