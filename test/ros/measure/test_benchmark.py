"""The benchmark on tiny frames: all figures there, finite and consistent; one sentence where that cannot be."""

import json
import math

import cv2
import pytest
from skimage import data
from support.commands import error, run_here

from illumigan_ros.measure.benchmark import CLAHE, COPY, OURS, PLAIN, SINGLE, STILL
from illumigan_ros.measure.benchmark_start import run_child

QUICK = ("--seconds", 0.1, "--no-start")


def numbers(value):
    """Give every number in nested lists and dictionaries."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from numbers(part)
    elif isinstance(value, int | float):
        yield value


def test_json_has_every_figure_and_the_plot_is_drawn(tmp_path):
    plot = tmp_path / "plot.png"
    sizes = ["64x48", "96x64", "128x96"]
    wanted = [word for size in sizes for word in ("--size", size)]
    code, output, errors = run_here("benchmark", *wanted, *QUICK, "--threads", 2, "--json", "--plot", plot)
    assert code == 0, errors
    result = json.loads(output)
    assert all(math.isfinite(number) for number in numbers(result))
    assert [size["size"] for size in result["sizes"]] == sizes
    assert result["machine"]["processor"] and result["machine"]["cores"] >= 1
    assert {"python", "numpy", "onnxruntime", "illumigan"} <= set(result["versions"])
    assert result["kernels"] == "compiled"
    assert set(result["growth"]) == {"base_ms", "ms_per_megapixel", "r2"}
    for size in result["sizes"]:
        contenders = size["contenders"]
        assert {COPY, CLAHE, OURS, STILL, PLAIN, SINGLE} <= set(contenders)
        assert contenders[CLAHE]["to_clahe"] == contenders[COPY]["copies"] == 1
        for found in contenders.values():
            assert 0 < found["least_ms"] <= found["p50_ms"] <= found["p95_ms"]
            assert found["fps"] == pytest.approx(1000 / found["p50_ms"])
        assert {"thumbnail", "network", "stabilize", "apply", "total"} == set(size["stages_ms"])
        assert size["speedup"] > 0
    drawn = cv2.imread(str(plot))
    assert drawn is not None and (drawn < 255).any()


def test_tables_are_printed_for_a_picture_of_ones_own(tmp_path):
    picture = tmp_path / "photo.png"
    cv2.imwrite(str(picture), data.astronaut() // 8)
    code, printed, errors = run_here("benchmark", "--size", "64x48", "--image", picture, *QUICK, "--threads", 1)
    assert code == 0, errors
    assert "64x48" in printed and OURS in printed and "stages in ms" in printed
    assert "photo.png" in printed.replace("\n", "")
    assert SINGLE not in printed


def test_a_fresh_process_says_what_its_first_frame_cost():
    found = run_child(["64", "48", "curve_grid", "auto", "1"], {})
    assert found["total_s"] == pytest.approx(found["import_s"] + found["load_s"] + found["first_frame_s"])
    assert found["total_s"] > found["load_s"] > 0
    assert 20 < found["peak_mb"] < 2000


@pytest.mark.parametrize(
    "arguments,sentence",
    [
        (("--size", "640"), "--size must look like 1280x720"),
        (("--size", "8x8"), "from 16x16 to 8192x8192"),
        (("--size", "100000x64"), "from 16x16 to 8192x8192"),
        (("--threads", "999"), "--threads must be at most"),
        (("--seconds", "0"), "--seconds must be a number above 0"),
        (("--image", "nowhere.png"), "nowhere.png cannot be read"),
        (("--plot", "plot.jpg"), "--plot must end in .png"),
        (("--plot", "no_such_folder/plot.png"), "there is no folder"),
        (("--plot", "plot.png", "--size", "64x48"), "at least two sizes"),
        (("--model", "nobody", "--size", "64x48"), "nobody"),
        (("--scenario", "1080p30"), "add --node"),
        (("--node", "--scenario", "none"), "choose from 720p30, 1080p30"),
        (("--node", "--size", "64x48"), "leave out --size"),
        (("--node", "--no-start"), "leave out --start and --no-start"),
        (("--node", "--model", "curve_grid"), "leave out --model"),
        (("--node", "--plot", "plot.jpg"), "--plot must end in .png"),
    ],
)
def test_a_bad_option_is_told_in_one_sentence_before_anything_is_measured(tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    assert sentence in error("benchmark", *arguments)
    assert not list(tmp_path.iterdir())
