"""What a process costs, read from real processes."""

import subprocess
import sys

import pytest

from illumigan_ros.measure.process_cost import cpu_seconds, memory_mb

COMPUTE = """
import time
print("ready", flush=True)
while True:
    input()
    end = time.process_time() + {seconds}
    while time.process_time() < end:
        pass
    print("done", flush=True)
"""


def test_less_than_a_tick_of_the_kernel_is_counted_for_each_process():
    words = [sys.executable, "-c", COMPUTE.format(seconds=0.003)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, **pipes) as first, subprocess.Popen(words, **pipes) as second:
        try:
            assert {first.stdout.readline(), second.stdout.readline()} == {"ready\n"}
            before = [cpu_seconds([child.pid]) for child in (first, second)]
            for child in (first, second):
                print(file=child.stdin, flush=True)
                assert child.stdout.readline() == "done\n"
            after = [cpu_seconds([child.pid]) for child in (first, second)]
            assert all(0.003 <= late - early < 1 for early, late in zip(before, after, strict=True))
            assert cpu_seconds([first.pid, second.pid]) == pytest.approx(sum(after), abs=0.5)
            assert 0 < memory_mb([first.pid])["pss_mb"] <= memory_mb([first.pid])["rss_mb"]
        finally:
            first.kill()
            second.kill()
