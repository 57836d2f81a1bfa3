"""`illumigan compare`, and its page in a real browser: one page for all tests, of a drive whose truth is known."""

import re
import shutil
import sys
from fractions import Fraction

import cv2
import numpy as np
import onnx
import pytest
from support import commands

from illumigan_ros.compare.drive import DriveSource
from illumigan_ros.compare.moments import choose_moments
from illumigan_ros.compare.sources import choose_measured
from illumigan_ros.compare.verdicts import unmatched
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.cdr import CAMERA_INFO, camera_info_cdr
from illumigan_ros.recordings.video import VideoWriter

WIDTH, HEIGHT, FRAMES = 128, 64, 12
LAMP = slice(16, 32), slice(24, 40)  # seen by the detector, as a car, where it is bright enough
TRUTH = f"{LAMP[1].start / WIDTH},{LAMP[0].start / HEIGHT},{LAMP[1].stop / WIDTH},{LAMP[0].stop / HEIGHT}"

BARE = ("--no-baselines", "--detector", "none")


def illumigan(*arguments, code=0):
    return commands.illumigan("compare", *arguments, code=code)


def night(number):
    """A dark frame with a lamp that only some frames show brightly enough for the detector."""
    frame = np.random.default_rng(number).integers(8, 16, (HEIGHT, WIDTH, 3), np.uint8)
    frame[LAMP] = 40 if number % 3 == 0 else 200
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("compare")


@pytest.fixture(scope="module")
def video(folder):
    path = folder / "drive.mp4"
    with VideoWriter(path, Fraction(10)) as writer:
        for number in range(FRAMES):
            writer.write(night(number))
    return path


@pytest.fixture(scope="module")
def page(folder, video, detector_file):
    """The page of the video: its path, and what the command printed."""
    (folder / "truth.csv").write_text(
        "image,class,x0,y0,x1,y1\n" + "".join(f"{number},car,{TRUTH}\n" for number in range(FRAMES))
    )
    out = folder / "page.html"
    how = ("--detector", detector_file, "--truth", folder / "truth.csv", "--frames", 9, "--moments", 5)
    return out, illumigan(video, "--out", out, *how)


@pytest.fixture(scope="module")
def browser(page):
    """Chromium with the page open, from its file."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("there is no browser: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1100,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    opened.get(page[0].as_uri())
    yield opened
    opened.quit()


def test_the_page_stands_alone_and_says_what_was_measured(page):
    text, printed = page[0].read_text(), page[1]
    assert not re.search(r"""(?:src|href)=["'](?!data:)|https?:|@import|url\(""", text)
    assert "9 frames measured, 5 moments shown" in printed
    assert "9 of 12 frames are measured, evenly spread" in printed
    assert "9 of 12 frames are measured, evenly spread" in text
    for method in ("raw", "auto-gamma", "CLAHE on L", "curve_grid"):
        assert f">{method}</option>" in text
    for quantity in ("Luminance", "Noise", "Flicker", "Time", "Boxes"):
        assert f"<b>{quantity}</b>" in text
    assert re.search(r"<td>raw</td><td>\d+\.\d \[\d+\.\d, \d+\.\d\]</td>", text), "scores have their intervals"


def test_the_slider_moves_keys_step_and_the_console_is_empty(browser):
    from selenium.webdriver import ActionChains, Keys

    def clip():
        return float(re.search(r"inset\(0px ([\d.]+)", style("side-left", "clipPath"))[1])

    def style(element, name):
        return browser.execute_script(f"return getComputedStyle(document.getElementById('{element}')).{name}")

    def where():
        return browser.find_element("id", "where").text

    assert clip() == pytest.approx(50, abs=0.5)
    stage = browser.find_element("id", "stage")
    ActionChains(browser).move_to_element(stage).click_and_hold().move_by_offset(stage.size["width"] // 4, 0).perform()
    assert clip() == pytest.approx(25, abs=2)
    ActionChains(browser).release().key_down(Keys.SHIFT).send_keys(Keys.ARROW_LEFT).key_up(Keys.SHIFT).perform()
    assert clip() == pytest.approx(27, abs=2)

    assert where().startswith("1 / 5")
    before = browser.find_element("css selector", "#side-right img").get_attribute("src")
    ActionChains(browser).send_keys(Keys.ARROW_RIGHT).perform()
    assert where().startswith("2 / 5")
    assert browser.find_element("css selector", "#side-right img").get_attribute("src") != before
    ActionChains(browser).send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT).perform()
    assert where().startswith("5 / 5")

    ActionChains(browser).send_keys(" ").perform()
    assert browser.find_element("id", "play").text == "Pause"
    ActionChains(browser).send_keys(" ", "a").perform()
    assert style("map", "display") != "none"
    assert browser.find_elements("css selector", ".mark.missed, .mark.found")
    ActionChains(browser).send_keys("b").perform()
    assert not browser.find_elements("css selector", ".mark")
    wide = "return document.documentElement.scrollWidth <= window.innerWidth"
    assert browser.execute_script(wide)
    phone = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    assert browser.execute_script(wide), "the page is wider than a phone"
    assert browser.get_log("browser") == []


def test_what_changed_most_is_shown_first_and_the_rest_is_spread_out():
    changes = [0] * 30
    changes[20], changes[4], changes[21] = 3, 1, 2
    assert choose_moments(changes, 4)[:2] == [20, 4], "21 is too near to 20 to show something new"
    assert choose_moments([0] * 30, 3) == [0, 14, 29]
    assert choose_measured(range(1000), 5) == {0, 250, 500, 749, 999}


def test_the_rendered_drive_comes_with_its_truth():
    drive = DriveSource((320, 180), seconds=0.2)
    frames = list(drive.frames({5}))
    assert [frame.number for frame in frames if frame.measured] == [5]
    assert "car" in drive.truth.classes["5"]
    assert drive.truth.boxes["5"].max() <= 1
    assert len(drive.truth.boxes["5"]) == len(drive.truth.classes["5"])


def test_boxes_of_one_thing_share_half_of_their_area():
    boxes = np.array([[0, 0, 10, 10], [100, 0, 110, 10.0]])
    assert unmatched(boxes, boxes[:1] + 1).tolist() == [False, True]
    assert unmatched(boxes, np.zeros((0, 4))).tolist() == [True, True]


def test_a_page_over_its_limit_shows_fewer_moments_and_says_so(folder, video):
    printed = illumigan(video, "--out", folder / "small.html", "--moments", 12, "--megabytes", 0.06, *BARE)
    assert (folder / "small.html").stat().st_size <= 60_000
    assert re.search(r"[2-9] of 12 moments are shown, as the page may have 0.06 MB", printed)


def test_pictures_are_compared_one_by_one_and_those_that_are_broken_told(folder):
    pictures = folder / "pictures <b>"
    pictures.mkdir()
    cv2.imwrite(str(pictures / "one.png"), night(1))
    (pictures / "two.jpg").write_bytes(b"no picture")
    printed = illumigan(pictures, "--out", folder / "pictures.html", *BARE, code=2)
    assert "two.jpg" in printed
    assert "1 frames could not be read" in printed
    text = (folder / "pictures.html").read_text()
    assert "pictures &lt;b&gt;" in text
    assert "<b>Flicker</b>" not in text


def test_bad_input_is_one_sentence_and_leaves_nothing(folder, video, detector_file):
    foreign, broken, bag = folder / "foreign.onnx", folder / "broken.onnx", folder / "no_images"
    broken.write_bytes(b"no network")
    shutil.copy(sys.modules["illumigan_model.weights"].FOLDER / "curve_grid.onnx", foreign)
    with BagWriter(bag) as writer:
        writer.add_topic("/camera_info", CAMERA_INFO)
        writer.write("/camera_info", 1, camera_info_cdr(WIDTH, HEIGHT, 1))
    (folder / "bikes.csv").write_text(f"image,class,x0,y0,x1,y1\n0,bike,{TRUTH}\n")
    animals = onnx.load(detector_file)
    onnx.helper.set_model_props(animals, {"names": str([f"animal {number}" for number in range(80)])})
    onnx.save(animals, folder / "animals.onnx")
    (folder / "empty").mkdir()
    cv2.imwrite(str(folder / "photo.png"), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    (folder / "other.csv").write_text(f"image,class,x0,y0,x1,y1\nelsewhere.png,car,{TRUTH}\n")
    out = folder / "nothing.html"
    for arguments, sentence in (
        ((video, "--detector", foreign), "known are"),
        ((video, "--detector", broken), "cannot be loaded"),
        ((bag,), "has no image topic"),
        (("--topic", "/image"), "No bag is compared: leave out --topic."),
        ((folder / "photo.png", "--topic", "/image"), "No bag is compared: leave out --topic."),
        ((folder / "empty",), "holds no pictures"),
        ((folder / "missing.mp4",), "There is no bag or video"),
        ((video, "--truth", folder / "other.csv", *BARE), "name one with --detector"),
        ((video, "--truth", folder / "other.csv", "--detector", detector_file), "The truth has no frame of drive.mp4"),
        (
            (video, "--truth", folder / "other.csv", "--detector", folder / "animals.onnx"),
            "animals.onnx knows none of the classes car, bus, truck, which are looked for, but animal 0, animal 1",
        ),
        (
            (video, "--truth", folder / "bikes.csv", "--detector", detector_file, "--no-baselines"),
            "The truth has no car, bus, truck in the measured frames of drive.mp4; choose one that has.",
        ),
        ((video, "--megabytes", 0.01, *BARE), "with a single moment"),
        ((video, "--out", folder / "nowhere" / "page.html"), "cannot be written"),
        ((video, "--out", video), "is the input itself"),
    ):
        printed = illumigan("--out", out, *arguments, code=2)
        assert len([line for line in printed.splitlines() if line.startswith("error: ")]) == 1
        assert sentence in printed, printed
        assert "Traceback" not in printed
        assert not out.exists()
