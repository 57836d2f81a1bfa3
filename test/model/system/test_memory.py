"""What is no longer used goes back to the system, also where the environment asks glibc to keep it."""

import os
import subprocess
import sys

import pytest

from illumigan_ros.node.environment import MALLOC

PROGRAM = """
from pathlib import Path
from illumigan_model.system.memory import give_back

class Cycle:
    def __init__(self):
        self.itself, self.frame = self, bytes([1]) * (50 << 20)

def megabytes():
    return int(next(l for l in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in l).split()[1]) >> 10

Cycle()
before = megabytes()
give_back()
print(before - megabytes())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is on Linux")
def test_a_frame_that_only_refers_to_itself_is_given_back():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=os.environ | MALLOC, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) >= 49
