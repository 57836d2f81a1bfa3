"""Commands that are stopped, or whose output has no place, end in a sentence and leave nothing in the way."""

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from support.commands import COMMAND, error, illumigan, illumigan_process

from illumigan_ros.commands.main import main
from illumigan_ros.commands.record_bag import main as record_bag
from illumigan_ros.commands.signals import StoppedBySignal, leaving_on_signals
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.cdr import IMAGE, image_cdr
from illumigan_ros.recordings.video import VideoWriter

CONFIGS = Path(__file__).parents[3] / "config"
NIGHT = np.random.default_rng(0).integers(0, 40, (48, 64, 3)).astype(np.uint8)


def sentence_of(output):
    assert "Traceback" not in output, output
    (sentence,) = [line for line in output.splitlines() if line.startswith("error: ")]
    return sentence


@contextmanager
def disks_of_a_hundred_bytes():
    """Let no file of this process grow beyond a hundred bytes."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_is_one_sentence_where_a_library_writes(tmp_path):
    pytest.importorskip("torch", reason="needs torch")
    for folder, picture in (("low", NIGHT), ("high", NIGHT * 5)):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "1.png"), picture)
    settings = yaml.safe_load((CONFIGS / "train_curve_grid.yaml").read_text())
    settings |= {"root": str(tmp_path), "normal": [{"folder": "high"}], "dark": [{"folder": "low"}]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(settings))
    before = set(tmp_path.rglob("*"))
    for arguments in (
        ("export", "--model", "curve_grid", tmp_path / "model.onnx"),
        ("manifest", tmp_path / "mine.yaml", tmp_path / "photos.csv"),
    ):
        with disks_of_a_hundred_bytes():
            output = illumigan(*arguments, code=2)
        assert "disk is full" in sentence_of(output)
    assert set(tmp_path.rglob("*")) == before


def test_a_result_that_would_have_no_place_is_refused_before_the_work(tmp_path):
    """The inputs are missing, too: what is complained of shows that the output was looked at first."""
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    for place, why in (
        ("file/a.png", "there is no folder"),
        ("none/a.png", "there is no folder"),
        ("folder.png", "Is a directory"),
        ("pipe.png", "it is a pipe"),
    ):
        for command, arguments in (
            (main, ["play-bag", "missing.mcap", "--report", tmp_path / place]),
            (record_bag, [tmp_path / "bag", "/image", "--report", tmp_path / place]),
            (main, ["manifest", "missing.yaml", tmp_path / place]),
            (main, ["benchmark", "--image", "missing.png", "--plot", tmp_path / place]),
        ):
            complaint = error(*arguments, command=command)
            assert place in complaint and why in complaint
    assert sorted(tmp_path.rglob("*")) == before


def test_a_stopped_run_leaves_whole_pictures_only(tmp_path):
    (tmp_path / "in").mkdir()
    for index in range(40):
        cv2.imwrite(str(tmp_path / "in" / f"{index:02}.png"), cv2.resize(NIGHT, (1280, 720)))
    command = [*COMMAND, "enhance-images", "in", "out"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while process.poll() is None and not list(tmp_path.glob("out/[!.]*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 143
    assert "Stopped by SIGTERM" in sentence_of(output)
    made = list((tmp_path / "out").iterdir())
    assert 0 < len(made) < 40
    for path in made:
        assert path.suffix == ".png" and not path.name.startswith(".")
        assert cv2.imread(str(path)).shape == (720, 1280, 3)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_video_leaves_nothing(tmp_path, number, code):
    pytest.importorskip("av")
    with VideoWriter(tmp_path / "in.mp4", Fraction(30)) as video:
        for _ in range(60):
            video.write(cv2.resize(NIGHT, (1280, 720)))
    command = [*COMMAND, "enhance-video", "in.mp4", "out/a.mp4", "--attention", "out/b.mp4"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while process.poll() is None and len(list(tmp_path.glob("out/.*"))) < 2:
        time.sleep(0.01)
    process.send_signal(number)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == code, output
    assert f"Stopped by {number.name}: out/a.mp4 was not finished" in sentence_of(output)
    assert list((tmp_path / "out").iterdir()) == []


def test_training_and_measuring_end_at_a_signal_with_a_sentence(tmp_path):
    pytest.importorskip("torch", reason="needs torch")
    for folder, picture in (("low", NIGHT), ("high", NIGHT * 5)):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "1.png"), picture)
    settings = yaml.safe_load((CONFIGS / "train_curve_grid.yaml").read_text())
    settings |= {"root": str(tmp_path), "normal": [{"folder": "high"}], "dark": [{"folder": "low"}]}
    settings["weights"] |= {"features": 0.0, "local_features": 0.0}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(settings))
    commands = (
        ["evaluate", "--data", ".", "--out", "table"],
        ["train", "mine.yaml", "run=run", "workers=0", "steps=100000"],
    )
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    processes = [subprocess.Popen([*COMMAND, *command], cwd=tmp_path, **output) for command in commands]
    for process, sign in zip(processes, ("table", "run/run.json"), strict=True):
        while process.poll() is None and not (tmp_path / sign).exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
    for process in processes:
        printed = process.communicate(timeout=100)[0]
        assert process.returncode == 143, printed
        assert sentence_of(printed) == "error: Stopped by SIGTERM."
    assert list((tmp_path / "table").iterdir()) == []


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_where_nobody_reads_the_output_nothing_is_said(option):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*COMMAND, option], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_output_into_a_full_disk_is_one_sentence():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, "--version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: The disk is full (No space left on device); free space or go elsewhere.\n"


def busy(seconds):
    """Compute, as the reminder counts only that."""
    begin = time.process_time()
    while time.process_time() - begin < seconds:
        pass


def test_a_signal_whose_exception_a_library_swallows_is_raised_again_but_cleaning_up_is_left_in_peace():
    cleaned = False
    with pytest.raises(StoppedBySignal) as stop, leaving_on_signals():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            busy(0.1)
        except BaseException:
            pass
        try:
            busy(20)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            try:
                raise OSError("of another kind, on the way")
            except OSError:
                busy(0.8)
            cleaned = True
    assert cleaned
    assert stop.value.code == 143


def test_ctrl_c_while_python_still_imports_ends_in_no_traceback(tmp_path):
    (tmp_path / "slow.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nraise AssertionError\n")
    code = "from illumigan_ros.starting import start; start('slow')"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    # Where a test runs in the background, Ctrl-C is ignored, and what starts there ignores it as well.
    prelude = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    ended = subprocess.run([sys.executable, "-c", prelude + code], env=environment, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, b"", b"")


def test_a_full_disk_leaves_nothing_that_looks_complete(night_video, night_bag, night_folder, tmp_path):
    out = tmp_path / "results"
    out.mkdir()
    for command, source, name, size in (
        ("enhance-video", night_video, "video.mp4", 1500),
        ("enhance-bag", night_bag, "bag", 50_000),
        ("enhance-images", night_folder, "pictures", 2000),
    ):
        illumigan(command, source, tmp_path / name)  # compiles and caches the kernels, which writes files as well
        sentence = error(command, source, out / name, run=illumigan_process, most_bytes=size)
        assert "The disk is full" in sentence
    assert [path for path in out.rglob("*") if path.is_file()] == []
    assert not (out / "bag").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_conversion_that_is_stopped_says_what_is_left_of_it(tmp_path, number, code):
    with BagWriter(tmp_path / "bag") as bag:
        bag.add_topic("/image", IMAGE)
        for stamp in range(3000):
            bag.write("/image", stamp, image_cdr(NIGHT[:32, :32], stamp))
    command = [*COMMAND, "enhance-bag", tmp_path / "bag", tmp_path / "out"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        while not (tmp_path / "out").exists():
            assert process.poll() is None
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output
    assert "Traceback" not in output
    if (tmp_path / "out").exists():  # it had gone far enough for the next run to go on from there
        assert "out is not finished; run the same command again, and it goes on from there." in output
        assert "3000 images enhanced" in illumigan("enhance-bag", tmp_path / "bag", tmp_path / "out")
    else:
        assert "out was not finished and has been removed; run it again." in output
