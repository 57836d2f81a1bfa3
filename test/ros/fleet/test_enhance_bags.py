"""`illumigan enhance-bags`: many bags, some broken, by processes of this machine and by a Ray cluster."""

import csv
import importlib.util
import json
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from support.commands import error, illumigan
from support.footage import NIGHT, STAMPS

from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.cdr import IMAGE, image_cdr

SMALL = np.ascontiguousarray(NIGHT[:48, :64])
PLACES = [
    ("--workers", "2"),
    pytest.param(
        ("--workers", "2", "--ray", "local"),
        marks=pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed (extra fleet)"),
    ),
]


def write(path, images=3, light=1.0):
    with BagWriter(path) as bag:
        bag.add_topic("/image", IMAGE)
        for index in range(images):
            bag.write("/image", STAMPS[0] + index * 33_000_000, image_cdr((SMALL * light).astype(np.uint8), STAMPS[0]))
    return path


def manifest(out):
    entries = {entry["bag"]: entry for entry in json.loads((out / "manifest.json").read_text())}
    with (out / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["bag"] for row in rows] == sorted(entries)
    assert all(row["result"] == entries[row["bag"]]["result"] for row in rows)
    return entries


def results(out):
    return {name: entry["result"] for name, entry in manifest(out).items()}


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


@pytest.mark.parametrize("place", PLACES, ids=["processes", "ray"])
def test_a_broken_bag_fails_alone_and_the_task_of_a_killed_worker_is_run_again(place, tmp_path):
    write(tmp_path / "in" / "monday" / "long", images=150)
    write(tmp_path / "in" / "short")
    write(tmp_path / "in" / "empty", images=0)
    (tmp_path / "in" / "rotten.mcap").write_bytes(b"\x89MCAP0\r\n and then nothing")
    out = tmp_path / "out"
    killed = []

    def kill():
        while not killed:
            process = holder_of(out / "monday" / "long")
            if process is not None:
                os.kill(process, signal.SIGKILL)
                killed.append(process)
            time.sleep(0.002)

    threading.Thread(target=kill, daemon=True).start()
    output = illumigan("enhance-bags", tmp_path / "in", out, *place, code=1)
    assert killed
    assert results(out) == {"monday/long": "enhanced", "short": "enhanced", "empty": "failed", "rotten.mcap": "failed"}
    assert "4 bags, 2 enhanced, 2 failed" in output and "with 2 workers" in output
    assert "failed: empty: " in output and "is empty: no images on /image" in output
    assert "failed: rotten.mcap: The bag " in output
    entries = manifest(out)
    assert (entries["monday/long"]["frames"], entries["short"]["frames"]) == (150, 3)
    assert entries["short"]["seconds"] > 0
    with BagReader(out / "monday" / "long") as bag:
        assert bag.count("/enhanced/image") == bag.count("/image") == 150
        assert not bag.losses


def test_what_was_done_is_skipped_by_its_content_and_not_by_its_name(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for name, light in (("a", 1.0), ("b", 0.9), ("c", 0.8)):
        write(source / name, light=light)
    illumigan("enhance-bags", source, out, "--workers", "1")
    kept = (out / "a" / "a.mcap").stat().st_mtime_ns
    (source / "b").rename(source / "renamed")
    shutil.rmtree(source / "c")
    write(source / "c", images=4, light=0.7)
    (source / "a.db3").write_bytes(b"SQLite format 3\0")
    (out / "manifest.csv").unlink()
    output = illumigan("enhance-bags", source, out, "--workers", "1", code=1)
    assert results(out) == {"a": "skipped", "renamed": "skipped", "c": "enhanced", "a.db3": "failed"}
    assert manifest(out)["renamed"]["output"] == "b"
    assert "Its result would be called a, as that of a is; rename one of them." in output
    assert (out / "a" / "a.mcap").stat().st_mtime_ns == kept
    with BagReader(out / "c") as bag:
        assert bag.count("/enhanced/image") == 4


def test_fleets_that_cannot_be_are_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    bags = write(tmp_path / "in" / "a").parent
    assert "no rosbag2 in" in error("enhance-bags", tmp_path / "empty", tmp_path / "out")
    assert "There is no folder" in error("enhance-bags", tmp_path / "none", tmp_path / "out")
    assert "lies in the input" in error("enhance-bags", bags, bags / "out")
    assert "nothing.onnx" in error("enhance-bags", bags, tmp_path / "out", "--model", "nothing.onnx")
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "Ray is not installed: pip install" in error("enhance-bags", bags, tmp_path / "out", "--ray", "auto")
    assert not (tmp_path / "out").exists()
