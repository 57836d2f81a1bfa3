"""`illumigan enhance-bags`: many bags, some broken, by processes of this machine and by a Ray cluster."""

import importlib.util
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import cv2
import pytest
from support.commands import COMMAND, error, illumigan
from support.footage import NIGHT

from illumigan_ros.recordings.bags import BagReader

PLACES = [
    ("--workers", "2"),
    pytest.param(
        ("--workers", "2", "--ray", "local"),
        marks=pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed (extra fleet)"),
    ),
]


def holder_of(folder):
    """The process that has locked a folder, None if there is none."""
    try:
        inode = folder.stat().st_ino
    except OSError:
        return None
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if words[1] == "FLOCK" and words[-3].endswith(f":{inode}"):
            return int(words[4])
    return None


def kill_holder(pattern, out, killed):
    """Wait until a process works on a folder, and kill it."""
    while not killed:
        for folder in out.glob(pattern):
            process = holder_of(folder)
            if process is not None:
                os.kill(process, signal.SIGKILL)
                killed.append(process)
        time.sleep(0.002)


@pytest.mark.parametrize("place", PLACES, ids=["processes", "ray"])
def test_a_broken_bag_fails_alone_and_the_task_of_a_killed_worker_is_run_again(place, tmp_path, write, manifest):
    source, out = tmp_path / "in", tmp_path / "out"
    write(source / "monday" / "long", images=150)
    write(source / "short")
    write(source / "empty", images=0)
    whole = (write(tmp_path / "whole", images=40) / "whole.mcap").read_bytes()
    (source / "cut.mcap").write_bytes(whole[: len(whole) * 3 // 4])
    (source / "rotten.mcap").write_bytes(b"\x89MCAP0\r\n and then nothing")
    killed = []
    pattern = "monday/.long.*.unfinished/long"
    threading.Thread(target=kill_holder, args=(pattern, out, killed), daemon=True).start()
    output = illumigan("enhance-bags", source, out, *place, code=1)
    assert killed
    entries = manifest(out)
    assert {name: entry["result"] for name, entry in entries.items()} == {
        "monday/long": "enhanced",
        "short": "enhanced",
        "cut.mcap": "incomplete",
        "empty": "failed",
        "rotten.mcap": "failed",
    }
    assert "5 bags, 2 enhanced, 2 failed, 1 incomplete" in output and "by 2 at a time" in output
    assert "failed: empty: " in output and "is empty: no images on /image" in output
    assert "failed: rotten.mcap: The bag " in output and "incomplete: cut.mcap: " in output
    assert (entries["monday/long"]["frames"], entries["short"]["frames"]) == (150, 3)
    assert 0 < entries["cut.mcap"]["frames"] < 40
    assert entries["short"]["seconds"] > 0 and entries["short"]["core_seconds"] > 0
    assert " MB/s; an image took " in output
    with BagReader(out / "monday" / "long") as bag:
        assert bag.count("/enhanced/image") == bag.count("/image") == 150
        assert not bag.losses
    assert {path.name for path in out.iterdir()} == {"monday", "short", "cut", "manifest.csv", "manifest.json"}
    assert [path.name for path in (out / "monday").iterdir()] == ["long"]


def test_what_was_done_is_skipped_by_its_content_and_not_by_its_name(tmp_path, write, manifest):
    source, out = tmp_path / "in", tmp_path / "out"
    for name, light in (("a", 1.0), ("b", 0.9), ("c", 0.8)):
        write(source / name, light=light)
    illumigan("enhance-bags", source, out, "--workers", "1")
    kept = (out / "a" / "a.mcap").stat().st_mtime_ns
    (source / "b").rename(source / "renamed")
    shutil.rmtree(source / "c")
    write(source / "c", images=4, light=0.7)
    (source / "a.db3").write_bytes(b"SQLite format 3\0")
    write(source / "foreign")
    write(out / "foreign")
    (out / "manifest.csv").unlink()
    output = illumigan("enhance-bags", source, out, "--workers", "1", code=1)
    entries = manifest(out)
    assert {name: entry["result"] for name, entry in entries.items()} == {
        "a": "skipped",
        "renamed": "skipped",
        "c": "enhanced",
        "a.db3": "failed",
        "foreign": "failed",
    }
    assert entries["renamed"]["output"] == "b"
    assert "foreign exists already, and was not made here" in output
    assert "Its result would be called a, as that of a is; rename one of them." in output
    assert (out / "a" / "a.mcap").stat().st_mtime_ns == kept
    with BagReader(out / "c") as bag:
        assert bag.count("/enhanced/image") == 4


FILL_AND_FREE = f"""
mount -t tmpfs -o size=4m tmpfs out && cd out
run() {{ {" ".join(COMMAND)} enhance-bags ../in . --workers 1; echo "exit code $?"; ls -A; }}
run && mount -o remount,size=400m "$PWD" && cd "$PWD" && run && cat manifest.json
"""


def test_a_disk_that_fills_costs_the_bags_that_met_it_and_with_room_it_goes_on(tmp_path, write):
    inside = ["unshare", "--user", "--map-root-user", "--mount"]
    can = shutil.which("unshare") and subprocess.run(
        [*inside, "mount", "-t", "tmpfs", "tmpfs", tmp_path], capture_output=True, check=False
    )
    if not can or can.returncode:
        pytest.skip("unshare may not mount a small disk here")
    write(tmp_path / "in" / "a_large", images=40, picture=cv2.resize(NIGHT, (320, 240)))
    write(tmp_path / "in" / "b_small")
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        [*inside, "bash", "-c", FILL_AND_FREE], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    output = done.stdout + done.stderr
    assert "Traceback" not in output
    first, second = done.stdout.split("exit code 1\n")
    assert "2 bags, 1 enhanced, 1 failed" in first
    assert "failed: a_large: The disk is full: " in first
    names, second = second.split("2 bags, ")
    assert names.split() == ["b_small", "manifest.csv", "manifest.json"]
    assert second.startswith("1 enhanced, 1 skipped") and "exit code 0" in second
    assert second.count('"reason": ""') == 1


def test_fleets_that_cannot_be_are_one_sentence(tmp_path, write):
    (tmp_path / "empty").mkdir()
    bags = write(tmp_path / "in" / "a").parent
    assert "no rosbag2 in" in error("enhance-bags", tmp_path / "empty", tmp_path / "out")
    assert "There is no folder" in error("enhance-bags", tmp_path / "none", tmp_path / "out")
    assert "lies in the input" in error("enhance-bags", bags, bags / "out")
    assert "nothing.onnx" in error("enhance-bags", bags, tmp_path / "out", "--model", "nothing.onnx")
    assert not (tmp_path / "out").exists()
