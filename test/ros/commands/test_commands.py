"""The `illumigan` command as people run it: real files in, real files out, one sentence when that cannot be."""

import io
import re
import resource
import shutil
import signal
import subprocess
import sys
import types
from contextlib import redirect_stderr, redirect_stdout
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from skimage import data as pictures

from illumigan_model import weights
from illumigan_model.attention import attention_u8
from illumigan_model.runtimes import select
from illumigan_model.runtimes.onnx_runtime import OnnxRuntime
from illumigan_ros.commands.main import main
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.cdr import CAMERA_INFO, IMAGE, camera_info_cdr, decode, header_stamp_ns, image_cdr
from illumigan_ros.recordings.footage import picture_of
from illumigan_ros.recordings.video import VideoReader, VideoWriter

CONFIGS = Path(__file__).parents[3] / "config"
PHOTO = cv2.cvtColor(cv2.resize(pictures.astronaut(), (160, 120)), cv2.COLOR_RGB2BGR)
NIGHT = (PHOTO * 0.15).astype(np.uint8)
STAMPS = [1_600_000_000_000_000_000 + index * 100_000_000 for index in range(4)]


def illumigan(*arguments, code=0):
    """Run the command in this process, which saves its start, and return what it printed."""
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(output):
        patch.setattr(sys, "argv", ["illumigan", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
    assert (ending.value.code or 0) == code, output.getvalue()
    return output.getvalue()


def error(*arguments, run=illumigan, **options):
    """Run the command, which must fail on bad input, and return its one sentence."""
    output = run(*arguments, code=2, **options)
    (sentence,) = [line for line in output.splitlines() if line.startswith("error: ")]
    return sentence


def illumigan_process(*arguments, code=0, most_bytes=None):
    """Run the command as a process, with a limit on the size of files: to a program it looks like a full disk."""

    def limit():
        if most_bytes is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    command = [sys.executable, "-m", "illumigan_ros.commands.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, preexec_fn=limit)
    output = done.stdout + done.stderr
    assert done.returncode == code, output
    assert "Traceback" not in output
    return output


@pytest.fixture
def night_folder(tmp_path):
    folder = tmp_path / "night"
    folder.mkdir()
    cv2.imwrite(str(folder / "1.png"), NIGHT)
    cv2.imwrite(str(folder / "two.jpg"), NIGHT[:-1, :-1])
    cv2.imwrite(str(folder / "GREY.BMP"), NIGHT[..., 1])
    (folder / "notes.txt").write_text("not a picture")
    return folder


@pytest.fixture
def night_video(tmp_path):
    with VideoWriter(tmp_path / "night.mp4", Fraction(30000, 1001)) as video:
        for index in range(12):
            video.write(np.roll(NIGHT, 3 * index, axis=1))
    return tmp_path / "night.mp4"


@pytest.fixture
def night_bag(tmp_path, as_sqlite):
    with BagWriter(tmp_path / "night_bag") as bag:
        bag.add_topic("/camera/image_raw", IMAGE)
        bag.add_topic("/camera/camera_info", CAMERA_INFO)
        for stamp in STAMPS:
            bag.write("/camera/image_raw", stamp + 5, image_cdr(NIGHT, stamp, "front"))
            bag.write("/camera/camera_info", stamp + 5, camera_info_cdr(160, 120, stamp, "front"))
    return as_sqlite(tmp_path / "night_bag")


def test_version_and_help():
    assert illumigan_process("--version").startswith("illumigan 0.")
    helped = illumigan("--help")
    for command in ("demo", "enhance-images", "enhance-video", "enhance-bag", "play-bag", "doctor"):
        assert command in helped


def test_pictures_keep_their_names_and_sizes_and_get_brighter(night_folder, tmp_path):
    output = illumigan("enhance-images", night_folder, tmp_path / "out", "--attention", tmp_path / "maps")
    assert "3 pictures enhanced" in output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1.png", "GREY.png", "two.png"]
    enhanced = cv2.imread(str(tmp_path / "out" / "1.png"))
    assert enhanced.shape == NIGHT.shape
    assert enhanced.mean() > 1.5 * NIGHT.mean()
    assert cv2.imread(str(tmp_path / "out" / "two.png")).shape == (119, 159, 3)
    attention = cv2.imread(str(tmp_path / "maps" / "1.png"), cv2.IMREAD_UNCHANGED)
    assert np.abs(attention.astype(int) - attention_u8(NIGHT)).max() <= 1


def test_pictures_are_stills_their_order_does_not_matter(tmp_path):
    for folder, names in (("ab", "ab"), ("b", "b")):
        (tmp_path / folder).mkdir()
        for name in names:
            cv2.imwrite(str(tmp_path / folder / f"{name}.png"), NIGHT if name == "b" else PHOTO // 3)
        illumigan("enhance-images", tmp_path / folder, tmp_path / f"{folder}_out")
    one, other = (cv2.imread(str(tmp_path / f"{folder}_out" / "b.png")) for folder in ("ab", "b"))
    np.testing.assert_array_equal(one, other)


def test_it_is_told_why_the_best_runtime_does_not_run(night_folder, tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="needs a second runtime")
    shipped = tmp_path / "weights"
    shutil.copytree(weights.FOLDER, shipped)
    monkeypatch.setattr(weights, "FOLDER", shipped)
    monkeypatch.setattr(select, "has_gpu", lambda: False)
    assert "note: " not in illumigan("enhance-images", night_folder, tmp_path / "out")
    with (shipped / "curve_grid.onnx").open("ab") as file:
        file.write(b"!")
    output = illumigan("enhance-images", night_folder, tmp_path / "out")
    assert f"note: onnxruntime: {shipped / 'curve_grid.onnx'} is damaged (its sha256 is not the recorded one)" in output
    assert "3 pictures enhanced" in output


@pytest.mark.parametrize("kind", ["images", "video", "bag"])
def test_a_runtime_that_fails_in_the_middle_is_one_line_of_warning(
    kind, night_folder, night_video, night_bag, tmp_path, monkeypatch
):
    pytest.importorskip("torch", reason="needs a second runtime")

    class Breaking(OnnxRuntime):
        asked = 0

        def infer(self, image):
            self.asked += 1
            if self.asked == 4:  # the third frame: one was to try it out
                self.input = "no such input"
            return super().infer(image)

    monkeypatch.setitem(sys.modules, "breaking", types.SimpleNamespace(Breaking=Breaking))
    monkeypatch.setitem(select.RUNTIMES, "onnxruntime", ("breaking", "Breaking"))
    monkeypatch.setitem(select.ORDERS, ("cpu", "curve_grid"), ("onnxruntime", "torch"))
    monkeypatch.setattr(select, "has_gpu", lambda: False)
    source = {"images": night_folder, "video": night_video, "bag": night_bag}[kind]
    target = tmp_path / ("out.mp4" if kind == "video" else "out")
    lines = illumigan(f"enhance-{kind}", source, target).splitlines()
    (warning,) = [line for line in lines if "warning: " in line]
    why = "onnxruntime: ONNX Runtime failed on this frame"
    assert warning.startswith(f"warning: torch (CPU, fp32) takes over: {why}")
    count = {"images": 3, "video": 12, "bag": len(STAMPS)}[kind]
    assert any(line.startswith(f"{count} ") and "enhanced into" in line for line in lines)


@pytest.mark.parametrize("kind", ["images", "video", "bag"])
def test_what_cannot_be_enhanced_is_there_as_it_came_and_the_command_ends_in_1(
    kind, night_folder, night_video, night_bag, tmp_path, monkeypatch
):
    class Faltering(OnnxRuntime):
        asked = 0

        def infer(self, image):
            self.asked += 1
            answer = super().infer(image)
            return answer * np.float32(np.nan if self.asked == 3 else 0 if self.asked == 4 else 1)

    monkeypatch.setitem(sys.modules, "faltering", types.SimpleNamespace(Faltering=Faltering))
    monkeypatch.setitem(select.RUNTIMES, "onnxruntime", ("faltering", "Faltering"))
    source = {"images": night_folder, "video": night_video, "bag": night_bag}[kind]
    target = tmp_path / ("out.mp4" if kind == "video" else "out")
    lines = illumigan(f"enhance-{kind}", source, target, "--runtime", "onnxruntime", code=1).splitlines()
    what = {"images": "pictures", "video": "frames", "bag": "images"}[kind]
    count = {"images": 3, "video": 12, "bag": len(STAMPS)}[kind]
    assert any(line.startswith(f"{count - 2} {what}") and "enhanced into" in line for line in lines)
    (error,) = [line for line in lines if line.startswith("error: ")]
    assert error.startswith(f"error: 2 of {count} {what}")
    assert error.endswith("are not enhanced, see the warnings.")
    (warning,) = [line for line in lines if line.startswith(f"warning: 2 {what}")]
    assert "could not be enhanced and are there as they came: The network answered with curves that do not" in warning
    if kind == "bag":
        with BagReader(target) as bag:
            images = [decode(message) for message in bag.messages(["/enhanced/image"])]
        bright = [image.data.mean() > 1.2 * NIGHT.mean() for image in images]
        assert bright == [True, False, False, True]


@pytest.mark.parametrize(
    "stamps,told",
    [
        ([60, 62, 64, 66], "began anew: 3 x jump in time"),
        ([60.0, 60.1, 20.0, 20.1], "began anew: 1 x jump in time"),
        ([60.0, 0.0, 60.2, 0.0], ""),
        ([0.0, 0.0, 0.0, 0.0], ""),
    ],
)
def test_a_bag_whose_stamps_jump_or_are_missing_stays_bright_and_jumps_are_told(tmp_path, stamps, told):
    with BagWriter(tmp_path / "jumps") as bag:
        bag.add_topic("/camera/image_raw", IMAGE)
        for index, stamp in enumerate(stamps):
            bag.write("/camera/image_raw", STAMPS[index], image_cdr(NIGHT, int(stamp * 1e9), "front"))
    output = illumigan("enhance-bag", tmp_path / "jumps", tmp_path / "out")
    assert told in output
    assert ("began anew" in output) == bool(told)
    with BagReader(tmp_path / "out") as bag:
        images = [decode(message) for message in bag.messages(["/enhanced/image"])]
    assert [image.header.stamp.sec for image in images] == [int(stamp) for stamp in stamps]
    assert all(image.data.mean() > 1.2 * NIGHT.mean() for image in images)


def test_bad_pictures_are_told_and_the_others_done(night_folder, tmp_path):
    whole = (night_folder / "two.jpg").read_bytes()
    (night_folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (night_folder / "empty.png").write_bytes(b"")
    cv2.imwrite(str(night_folder / "tiny.png"), NIGHT[:4, :4])
    output = illumigan("enhance-images", night_folder, tmp_path / "out", code=2)
    assert "error: 3 of 6 pictures could not be read; the others are done." in output
    assert "cut.jpg is cut off" in output and "empty.png is damaged, empty or no picture" in output
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_two_pictures_never_become_one_file(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a.png", "a.jpg"):
        cv2.imwrite(str(tmp_path / "in" / name), NIGHT)
    illumigan("enhance-images", tmp_path / "in", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.jpg.png", "a.png.png"]


def test_folders_that_do_not_do(night_folder, tmp_path):
    (tmp_path / "bare").mkdir()
    (tmp_path / "file").write_text("")
    assert "is the input itself" in error("enhance-images", night_folder, night_folder)
    assert "There is no folder" in error("enhance-images", tmp_path / "nowhere", tmp_path / "out")
    assert "holds no pictures" in error("enhance-images", tmp_path / "bare", tmp_path / "out")
    assert "cannot be written" in error("enhance-images", night_folder, tmp_path / "file" / "out")
    assert "no_such_model" in error("enhance-images", night_folder, tmp_path / "out", "--model", "no_such_model")
    assert "no_such_runtime" in error("enhance-images", night_folder, tmp_path / "out", "--runtime", "no_such_runtime")


def test_a_video_keeps_frame_count_and_rate(night_video, tmp_path):
    output = illumigan("enhance-video", night_video, tmp_path / "out.mp4", "--attention", tmp_path / "map.mp4")
    assert "12 frames" in output
    for name in ("out.mp4", "map.mp4"):
        with VideoReader(tmp_path / name) as video:
            frames = [frame.picture for frame in video]
            assert (video.fps, len(frames), frames[0].shape) == (Fraction(30000, 1001), 12, (120, 160, 3))
    with VideoReader(tmp_path / "out.mp4") as video:
        assert next(iter(video)).picture.mean() > 1.5 * NIGHT.mean()


def test_a_video_and_its_attention_appear_together_or_not_at_all(tmp_path):
    # side by side holds twice the pixels and noise on top, so that it alone outgrows the disk
    noise = np.random.default_rng(0).integers(0, 255, (4, 120, 160, 3), np.uint8)
    with VideoWriter(tmp_path / "noise.mp4", Fraction(10)) as video:
        for frame in noise:
            video.write(frame)
    arguments = ("--side-by-side", "--attention", tmp_path / "out" / "map.mp4")
    illumigan("enhance-video", tmp_path / "noise.mp4", tmp_path / "out" / "whole.mp4", *arguments)
    sizes = [(tmp_path / "out" / name).stat().st_size for name in ("map.mp4", "whole.mp4")]
    assert sizes[0] < sizes[1]
    shutil.rmtree(tmp_path / "out")
    sentence = error("enhance-video", tmp_path / "noise.mp4", tmp_path / "out" / "whole.mp4", *arguments,
                     run=illumigan_process, most_bytes=sum(sizes) // 2)  # fmt: skip
    assert "The disk is full" in sentence
    assert list((tmp_path / "out").iterdir()) == []


def test_a_video_side_by_side_shows_both(night_video, tmp_path):
    illumigan("enhance-video", night_video, tmp_path / "both.mp4", "--side-by-side")
    with VideoReader(tmp_path / "both.mp4") as video:
        frames = [frame.picture for frame in video]
    assert (len(frames), frames[0].shape) == (12, (120, 320, 3))
    left, right = frames[5][30:, :160].astype(int), frames[5][30:, 160:]
    assert np.abs(left - np.roll(NIGHT, 15, axis=1)[30:]).mean() < 4
    assert right.mean() > 1.5 * left.mean()


def test_videos_that_do_not_do(night_video, tmp_path, monkeypatch):
    before = night_video.read_bytes()
    assert "is the input itself" in error("enhance-video", night_video, night_video)
    assert night_video.read_bytes() == before
    (tmp_path / "cut.mp4").write_bytes(before[: len(before) // 2])
    out = tmp_path / "out.mp4"
    assert "cannot be read as a video" in error("enhance-video", tmp_path / "cut.mp4", out)
    assert "There is no video" in error("enhance-video", tmp_path / "nowhere.mp4", out)
    assert "must end in" in error("enhance-video", night_video, tmp_path / "out.gif")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "There is no display here" in error("enhance-video", night_video, out, "--display")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.mp4", "night.mp4"]


def test_a_video_that_is_cut_off_is_enhanced_as_far_as_it_goes(tmp_path):
    noise = np.random.default_rng(0).integers(0, 60, (12, 120, 160, 3)).astype(np.uint8)
    with VideoWriter(tmp_path / "night.mkv", Fraction(10)) as video:
        for frame in noise:
            video.write(frame)
    content = (tmp_path / "night.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    output = illumigan("enhance-video", tmp_path / "cut.mkv", tmp_path / "out.mp4", code=1)
    (done,) = re.findall(r"^(\d+) frames .* enhanced into", output, re.MULTILINE)
    assert f"cut.mkv is cut off or damaged: {12 - int(done)} of 12 frames could not be read." in output
    assert "error: The source is not complete" in output
    with VideoReader(tmp_path / "out.mp4") as video:
        assert len(list(video)) == int(done) > 3


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


def test_a_bag_is_enhanced_without_skipping_and_headers_stay(night_bag, tmp_path):
    assert "4 images enhanced" in illumigan("enhance-bag", night_bag, tmp_path / "out")
    with BagReader(tmp_path / "out") as reader:
        topics = reader.topics
        enhanced = list(reader.messages(["/enhanced/image"]))
        attention = list(reader.messages(["/attention/image"]))
        infos = list(reader.messages(["/enhanced/camera_info"]))
    assert topics == {"/enhanced/image": IMAGE, "/attention/image": IMAGE, "/enhanced/camera_info": CAMERA_INFO}
    for messages in (enhanced, attention, infos):
        assert [header_stamp_ns(message.raw) for message in messages] == STAMPS
        assert [message.time_ns for message in messages] == [stamp + 5 for stamp in STAMPS]
    assert infos[0].raw == camera_info_cdr(160, 120, STAMPS[0], "front")
    assert decode(enhanced[0]).header.frame_id == "front"
    assert (decode(enhanced[0]).encoding, decode(attention[0]).encoding) == ("bgr8", "mono8")
    assert picture_of(enhanced[3]).mean() > 1.5 * NIGHT.mean()


def test_a_damaged_image_in_a_bag_is_counted_and_the_rest_done(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        bag.add_topic("/image", IMAGE)
        for stamp in STAMPS:
            raw = image_cdr(NIGHT, stamp)
            bag.write("/image", stamp, raw[: len(raw) // 2] if stamp == STAMPS[1] else raw)
    assert "1 of 4 images could not be read" in error("enhance-bag", tmp_path / "bag", tmp_path / "out")
    with BagReader(tmp_path / "out") as reader:
        assert reader.count("/enhanced/image") == 3


def test_bags_that_do_not_do(night_bag, tmp_path):
    out = tmp_path / "out"
    assert "exists already" in error("enhance-bag", night_bag, night_bag)
    assert "no image topic /other" in error("enhance-bag", night_bag, out, "--topic", "/other")
    storage = next(night_bag.glob("*.db3"))
    storage.write_bytes(storage.read_bytes()[:5000])
    assert "damaged, truncated or no rosbag2" in error("enhance-bag", night_bag, out)
    assert "damaged, truncated or no rosbag2" in error("play-bag", night_bag)
    assert not out.exists()


def test_a_bag_that_was_cut_off_is_enhanced_as_far_as_it_goes_and_the_exit_code_is_1(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        bag.add_topic("/image", IMAGE)
        for stamp in STAMPS:
            bag.write("/image", stamp, image_cdr(NIGHT, stamp))
    file = tmp_path / "bag" / "bag.mcap"
    file.write_bytes(file.read_bytes()[:150_000])
    output = illumigan("enhance-bag", tmp_path / "bag", tmp_path / "out", code=1)
    assert "2 images enhanced" in output
    assert "warning: bag.mcap is cut off" in output and "2 of 4 messages on /image are there." in output
    assert "error: The source is not complete" in output
    with BagReader(tmp_path / "out") as reader:
        assert [header_stamp_ns(message.raw) for message in reader.messages(["/enhanced/image"])] == STAMPS[:2]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_conversion_that_is_stopped_leaves_nothing_and_says_so(tmp_path, number, code):
    with BagWriter(tmp_path / "bag") as bag:
        bag.add_topic("/image", IMAGE)
        for stamp in range(3000):
            bag.write("/image", stamp, image_cdr(NIGHT[:32, :32], stamp))
    command = [sys.executable, "-m", "illumigan_ros.commands.main", "enhance-bag", tmp_path / "bag", tmp_path / "out"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        while not (tmp_path / "out").exists():
            assert process.poll() is None
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output
    assert "out was not finished and has been removed; run it again." in output
    assert "Traceback" not in output
    assert not (tmp_path / "out").exists()


def test_a_bag_without_images_is_one_sentence(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        bag.add_topic("/image", IMAGE)
        bag.add_topic("/camera_info", CAMERA_INFO)
        bag.write("/camera_info", STAMPS[0], camera_info_cdr(160, 120, STAMPS[0]))
    assert "is empty: no images on /image" in error("enhance-bag", tmp_path / "bag", tmp_path / "out")
    for command, *rest in (("enhance-bag", tmp_path / "out"), ("play-bag",)):
        assert "has no images on /image" in error(command, tmp_path / "bag", *rest, "--topic", "/image")
    assert not (tmp_path / "out").exists()


def test_weights_are_exported_for_a_size_or_as_they_are(tmp_path):
    pytest.importorskip("torch", reason="needs torch")
    import onnx

    for options, graph in (((), "core"), (("--size", "64x48", "--precision", "fp16"), "full")):
        illumigan("export", "--model", "curve_grid", *options, tmp_path / "mine.onnx")
        facts = {entry.key: entry.value for entry in onnx.load(tmp_path / "mine.onnx").metadata_props}
        assert facts["graph"] == graph
    assert "is not a size" in error("export", "--model", "curve_grid", "--size", "big", tmp_path / "x.onnx")
    assert "made for one size" in error("export", "--model", "curve_grid", "--graph", "full", tmp_path / "x.onnx")


def test_ten_photos_become_weights_that_enhance(tmp_path):
    names = ("astronaut", "coffee", "chelsea", "rocket", "cat")
    for folder in ("low", "high"):
        (tmp_path / folder).mkdir()
    for name in names:
        photo = cv2.cvtColor(getattr(pictures, name)(), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(tmp_path / "high" / f"{name}.png"), photo)
        cv2.imwrite(str(tmp_path / "low" / f"{name}.png"), photo // 7)
    config = yaml.safe_load((CONFIGS / "train_curve_grid.yaml").read_text())
    config |= {"normal": [{"folder": "high", "licence": "CC0"}], "dark": [{"folder": "low"}], "accelerator": "cpu"}
    config["weights"] |= {"features": 0.0, "local_features": 0.0}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    settings = [f"root={tmp_path}", f"run={tmp_path / 'run'}", "steps=4", "batch=2", "workers=0"]
    assert "of 10 photos are used" in illumigan("manifest", tmp_path / "mine.yaml", tmp_path / "photos.csv", *settings)
    assert (tmp_path / "photos.csv").read_text().count("CC0") == 5
    illumigan("train", tmp_path / "mine.yaml", *settings)
    table = illumigan("evaluate", "--data", tmp_path, "--run", tmp_path / "run", "--out", tmp_path / "report")
    assert "auto-gamma" in table and "PSNR" in table
    assert (tmp_path / "report" / "contact_sheet.jpg").is_file()
    illumigan("export", "--model", tmp_path / "run" / "curve_grid.safetensors", tmp_path / "mine.onnx")
    illumigan("enhance-images", tmp_path / "low", tmp_path / "out", "--model", tmp_path / "mine.onnx")
    for name in names:
        before, after = (cv2.imread(str(tmp_path / folder / f"{name}.png")) for folder in ("low", "out"))
        assert after.mean() > 1.2 * before.mean()


def test_the_doctor_says_what_works():
    output = illumigan_process("doctor")
    assert "onnxruntime" in output and "sha256 as shipped" in output
    for subject in ("GPU", "PyAV", "rclpy", "kernel", "openvino", "tensorrt", "engines in"):
        assert subject in output
