import signal
import subprocess
import sys
import time

from illumigan_ros.node.process import deadline

HANGS = "from illumigan_ros.node.process import deadline\nwith deadline(1):\n    while True: pass"


def test_a_process_that_hangs_is_ended():
    assert subprocess.run([sys.executable, "-c", HANGS], check=False, timeout=30).returncode == -signal.SIGALRM


def test_what_is_done_in_time_is_left_alone():
    with deadline(1):
        pass
    time.sleep(1.2)  # an alarm that was left on would end the tests here
