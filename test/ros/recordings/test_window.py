"""`enhance-video --display` on a screen of its own, with somebody at the keyboard."""

import os
import shutil
import subprocess
import sys
import time
from fractions import Fraction

import numpy as np
import pytest

from illumigan_ros.recordings.video import VideoWriter

SIDE, LEVEL, SECONDS, RATE = 160, 30, 30, 5
PATIENCE = 60


@pytest.fixture
def screen(tmp_path):
    """An X server that nobody sees: its display's name, and the file that holds its pixels."""
    for program in ("Xvfb", "xdotool"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "640x480x24", "-fbdir", str(tmp_path)]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with os.fdopen(reading) as answer:
            yield f":{answer.readline().strip()}", tmp_path / "Xvfb_screen0"
        server.terminate()


def pixels(file):
    """What is on the screen, uint8 480 x 640 x 3, of a file as xwd writes it."""
    content = file.read_bytes()
    head = np.frombuffer(content[:100], ">u4")
    return np.frombuffer(content[head[0] + 12 * head[19] :], np.uint8)[: 480 * 640 * 4].reshape(480, 640, 4)[..., :3]


def test_both_sides_are_shown_at_the_videos_pace_until_q(screen, tmp_path):
    display, file = screen
    with VideoWriter(tmp_path / "in.mp4", Fraction(RATE)) as writer:
        for _ in range(SECONDS * RATE):
            writer.write(np.full((SIDE, SIDE, 3), LEVEL, np.uint8))
    environment = {**os.environ, "DISPLAY": display}

    def press(key):
        command = ["xdotool", "search", "--sync", "--name", "IllumiGAN", "key", key]
        subprocess.run(command, env=environment, check=True, timeout=PATIENCE)

    def sides():
        """How bright both sides are once the video is there."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            before, after = pixels(file)[SIDE // 2, [SIDE // 2, 3 * SIDE // 2]].mean(axis=1)
            if abs(before - LEVEL) < 8:
                return before, after
            time.sleep(0.05)
        raise AssertionError("the video is not shown")

    command = [sys.executable, "-m", "illumigan_ros.commands.main", "enhance-video"]
    files = [str(tmp_path / name) for name in ("in.mp4", "out.mp4")]
    with subprocess.Popen(
        [*command, *files, "--display"], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        before, after = sides()
        begin = time.monotonic()
        assert after > before + 10
        press("space")
        time.sleep(0.3)
        held = pixels(file).copy()
        time.sleep(0.5)
        assert np.array_equal(pixels(file), held), "space holds it"
        press("space")
        press("q")
        said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 0, said
    assert time.monotonic() - begin < SECONDS, "once it is closed, nothing waits for the video's time"
    assert "QFont" not in said
    assert not pixels(file).any(), "the window is closed"
