"""The benchmark of bags on tiny images: every way is measured, and nothing of it stays."""

import math

import pytest
from support.commands import run_here

from illumigan_model.enhancer import Enhancer
from illumigan_ros.commands.benchmark_bag import show
from illumigan_ros.measure.bag_benchmark import RATE, VARIANTS, benchmark_bag


def test_each_way_to_enhance_a_bag_is_measured_and_nothing_stays(tmp_path, capsys):
    done = []
    with Enhancer() as enhancer:
        result = benchmark_bag(tmp_path, enhancer, 0.5, lambda: done.append(1), (64, 48))
    assert list(tmp_path.iterdir()) == []
    assert len(done) == 1 + len(VARIANTS)
    assert list(result["variants"]) == list(VARIANTS)
    for found in result["variants"].values():
        assert all(math.isfinite(number) and number > 0 for number in found.values())
        assert found["images"] == 0.5 * RATE
        assert found["times_real_time"] == pytest.approx(1000 / RATE / found["ms"])
    show(result)
    printed = capsys.readouterr().out
    assert all(name in printed for name in VARIANTS) and "MB/s" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bag", "nowhere/at/all"], "--bag must be a folder"),
        (["--bag", ".", "--size", "64x48"], "leave out --size"),
        (["--bag", ".", "--start"], "leave out --start and --no-start"),
        (["--bag", ".", "--scenario", "1080p30"], "leave out --scenario"),
        (["--bag", ".", "--node"], "leave one out"),
        (["--bag", ".", "--seconds", "0"], "--seconds must be a number above 0"),
    ],
)
def test_what_cannot_be_measured_is_said(arguments, said):
    code, _, errors = run_here("benchmark", *arguments)
    assert code == 2
    assert said in errors
