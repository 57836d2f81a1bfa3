"""The benchmark of the live node on tiny frames: real processes, and every frame of theirs accounted for."""

import json
import sys

import cv2
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from illumigan_ros.commands.main import main
from illumigan_ros.measure import node_scenarios
from illumigan_ros.measure.node_benchmark import _frames
from illumigan_ros.measure.node_scenarios import Scenario


def test_two_cameras_are_measured_and_drawn(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(node_scenarios.SCENARIOS, "tiny", Scenario("tiny", (64, 48), 10, cameras=2))
    plot = tmp_path / "ages.png"
    arguments = ["benchmark", "--node", "--scenario", "tiny", "--seconds", "1", "--json", "--plot", str(plot)]
    monkeypatch.setattr(sys, "argv", ["illumigan", *arguments])
    with pytest.raises(SystemExit) as ending:
        main()
    assert not ending.value.code
    (found,) = json.loads(capsys.readouterr().out)["scenarios"]
    assert found["sent"] == 2 * 30  # two seconds to warm up, and one
    assert found["received"] + found["skipped"] + found["lost"] == found["sent"]
    assert 0 < len(found["ages_ms"]) <= 2 * 11
    assert 0 < found["age_p50_ms"] <= found["age_p95_ms"] <= found["age_max_ms"]
    assert found["camera_cpu_percent"] > 0 and found["listener_cpu_percent"] > 0
    assert found["node_cpu_percent"] > 0 and 50 < found["pss_mb"] <= found["rss_mb"]
    drawn = cv2.imread(str(plot))
    assert drawn is not None and (drawn < 255).any()


def test_frames_that_nobody_skipped_and_nobody_received_are_lost():
    played = {"began": 0, "ended": 1_000_000_000, "warmed_up": 1, "sent": 10, "cpu_seconds": 0.5}
    ages = [20_000_000] * 6 + [50_000_000]
    frames = [(stamp * 100_000_000, stamp * 100_000_000 + age) for stamp, age in enumerate(ages)]
    told = {"frames in": "10", "frames out": "8", "frames skipped": "2"}
    heard = {"frames": {"camera1": frames}, "told": {"camera1": told}}
    found = _frames(Scenario("any", (64, 48), 10), played, heard)
    assert (found["sent"], found["received"], found["skipped"], found["lost"]) == (11, 7, 2, 2)
    assert (found["age_p50_ms"], found["age_max_ms"]) == (20.0, 50.0)
    assert found["oldest_in_frame_times"] == pytest.approx(0.05 * 7)
    assert found["camera_cpu_percent"] == pytest.approx(50)
