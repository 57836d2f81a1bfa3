"""Folders of small bags, and what the manifest says of them."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from support.footage import NIGHT, STAMPS

from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.cdr import IMAGE, image_cdr

SMALL = np.ascontiguousarray(NIGHT[:48, :64])


@pytest.fixture(scope="session")
def write():
    """Call with a path: write a bag of a few small images."""

    def write_bag(path, images=3, light=1.0, picture=SMALL):
        with BagWriter(path) as bag:
            bag.add_topic("/image", IMAGE)
            for index in range(images):
                raw = image_cdr((picture * light).astype(np.uint8), STAMPS[0])
                bag.write("/image", STAMPS[0] + index * 33_000_000, raw)
        return path

    return write_bag


@pytest.fixture(scope="session")
def manifest():
    """Call with a folder of results: what both lists say of each bag."""

    def entries_in(out):
        entries = {entry["bag"]: entry for entry in json.loads((out / "manifest.json").read_text())}
        with (out / "manifest.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row["bag"] for row in rows] == sorted(entries)
        assert all(row["result"] == entries[row["bag"]]["result"] for row in rows)
        return entries

    return entries_in


@pytest.fixture
def marked(monkeypatch):
    """Call for the ids of the living processes that were started in this test, by whomever."""
    mark = f"ILLUMIGAN_TEST={os.getpid()}.{os.urandom(4).hex()}"
    monkeypatch.setenv(*mark.split("="))

    def started():
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                    found.append(int(process.name))
            except OSError:  # it has ended, or is another user's
                continue
        return [number for number in found if number != os.getpid()]

    return started
