import csv
import shutil

import cv2
import numpy as np
import pytest
import torch
import yaml
from skimage import data
from skimage.metrics import peak_signal_noise_ratio
from support.commands import illumigan, run_here

from illumigan_model.errors import IllumiganError, ModelError
from illumigan_model.frames.baselines import auto_gamma
from illumigan_model.generators.checkpoint import save_checkpoint
from illumigan_model.generators.curve_grid import CurveGrid
from illumigan_training.evaluation.images import evaluate, find_photos, open_contenders
from illumigan_training.evaluation.report import as_csv, markdown, means, table


def photo(name):
    return cv2.cvtColor(getattr(data, name)(), cv2.COLOR_RGB2BGR)


def darkened(bgr):
    return (255 * (bgr / 255) ** 2.2 / 4).astype(np.uint8)


@pytest.fixture
def pairs(tmp_path):
    """A folder like LOL's, with low/ and high/ in it: two photos of different size."""
    folder = tmp_path / "pairs"
    for name in ("coffee", "chelsea"):
        for kind, bgr in (("high", photo(name)), ("low", darkened(photo(name)))):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / kind / f"{name}.png"), bgr)
    return folder


@pytest.fixture
def day(tmp_path):
    """A folder with one bright photo and one dark one."""
    folder = tmp_path / "day"
    folder.mkdir()
    cv2.imwrite(str(folder / "bright.png"), cv2.add(photo("chelsea"), 60))
    cv2.imwrite(str(folder / "dark.png"), darkened(photo("coffee")))
    return folder


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Weights by their step; the same file for every test, so that its graph is made once."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for step in (600, 300):
        torch.manual_seed(step)
        save_checkpoint(CurveGrid(), folder / f"{step}.safetensors", {"step": str(step)})
    return folder


@pytest.fixture
def runs(checkpoints, tmp_path):
    """Two training runs that differ in rate and in one weight; one of them went further."""
    for name, rate, weight, step in (("slow", 0.001, 1.0, 600), ("fast0.1", 0.1, 3.0, 300)):
        run = tmp_path / "runs" / name
        run.mkdir(parents=True)
        config = {"run": str(run), "rate": rate, "batch": 16, "weights": {"colour": 1.0, "contrast": weight}}
        (run / "config.yaml").write_text(yaml.safe_dump(config))
        shutil.copy(checkpoints / f"{step}.safetensors", run / "curve_grid.safetensors")
    return [tmp_path / "runs" / "slow", tmp_path / "runs" / "fast0.1"]


def measured(folder, models=("curve_grid",), runs=(), **options):
    with open_contenders(models, runs, **options) as contenders:
        return evaluate(find_photos(folder)[0], contenders)


def test_models_are_measured_next_to_the_baselines_and_the_truth(pairs):
    scores = means(measured(pairs))
    assert list(scores) == ["input", "auto-gamma", "CLAHE on L", "curve_grid", "truth"]
    wanted = np.mean(
        [
            peak_signal_noise_ratio(cv2.imread(str(pairs / "high" / name)), cv2.imread(str(pairs / "low" / name)))
            for name in ("chelsea.png", "coffee.png")
        ]
    )
    assert scores["input"]["psnr"] == pytest.approx(wanted)
    assert scores["curve_grid"]["psnr"] > scores["input"]["psnr"] + 1
    assert scores["curve_grid"]["ssim"] > scores["input"]["ssim"]
    assert scores["input"]["luma_out"] < scores["curve_grid"]["luma_out"] < scores["truth"]["luma_out"] + 0.2
    assert scores["truth"]["niqe"] < scores["input"]["niqe"]


def test_bright_photos_are_left_alone_behind_the_daylight_gate(day):
    gated, ungated = measured(day), measured(day, daylight_gate=False)
    assert means(gated)["curve_grid"]["unchanged"] == 0.5
    assert means(ungated)["curve_grid"]["unchanged"] == 0
    assert "unchanged" in table(gated)[0]
    assert "unchanged" not in table(ungated)[0]
    # The change is that of the photo that changed, and finite.
    change = {score.photo: score.values["change"] for score in gated.scores if score.method == "curve_grid"}
    assert change["bright.png"] == np.inf
    assert means(gated)["curve_grid"]["change"] == change["dark.png"] < 30


def test_without_a_truth_only_what_needs_none_is_measured(day):
    evaluation = measured(day, baselines=False)
    head, rows = table(evaluation)
    assert head == ["method", "NIQE", "luma", "change dB", "unchanged", "ms"]
    assert [row[0] for row in rows] == ["input", "curve_grid"]
    assert rows[0][3:] == ["", "", ""]


def test_auto_gamma_reaches_a_middle_grey():
    assert auto_gamma(np.full((20, 20, 3), 10, np.uint8)).mean() == pytest.approx(0.45 * 255, abs=2)


def test_pairs_share_a_name_whatever_their_suffix(pairs, tmp_path):
    (pairs / "high" / "coffee.png").rename(pairs / "high" / "coffee.PPM")
    cv2.imwrite(str(pairs / "low" / "lonely.jpg"), photo("chelsea"))
    photos, unpaired = find_photos(pairs / "low", pairs / "high")
    assert [(pair.path.name, pair.truth.name) for pair in photos] == [
        ("chelsea.png", "chelsea.png"),
        ("coffee.png", "coffee.PPM"),
    ]
    assert [path.name for path in unpaired] == ["lonely.jpg"]
    assert len(find_photos(pairs / "low")[0]) == 3


def test_folders_without_photos_or_pairs_are_named(pairs, day, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(IllumiganError, match="empty holds no photos"):
        find_photos(tmp_path / "empty")
    with pytest.raises(IllumiganError, match=r"There is no folder .*nowhere"):
        find_photos(pairs / "low", tmp_path / "nowhere")
    with pytest.raises(IllumiganError, match=r"No photo of .*day has one of the same name in .*high"):
        find_photos(day, pairs / "high")


def test_what_cannot_be_used_is_left_out_for_every_method_and_named(pairs):
    cv2.imwrite(str(pairs / "high" / "coffee.png"), photo("coffee")[:-1])
    for kind in ("low", "high"):
        (pairs / kind / "broken.png").write_bytes(b"no picture")
        cv2.imwrite(str(pairs / kind / "tiny.png"), photo("coffee")[:8, :8])
    evaluation = measured(pairs)
    assert {score.photo for score in evaluation.scores} == {"chelsea.png"}
    broken, coffee, tiny = evaluation.left_out
    assert "low/broken.png is damaged" in broken
    assert "low/coffee.png and" in coffee
    assert "differ in size" in coffee
    assert "low/tiny.png: A frame must be at least 16 x 16" in tiny
    assert "Pairs: 1, of 451 x 300 pixels; 3 more were left out" in markdown(evaluation)
    (pairs / "low" / "chelsea.png").write_bytes(b"")
    with pytest.raises(IllumiganError, match=r"None of the 4 photos could be measured: .*broken\.png is damaged"):
        measured(pairs)


def test_there_is_a_picture_even_if_most_photos_cannot_be_read(tmp_path):
    for number in range(8):
        (tmp_path / f"{number}.png").write_bytes(b"no picture")
    cv2.imwrite(str(tmp_path / "2.png"), photo("chelsea"))  # 0, 1, 3, 4, 6 and 7 would be shown
    ((name, pictures),) = measured(tmp_path).pictures
    assert name == "2.png"
    assert [picture.shape for picture in pictures] == [(300, 451, 3)] * 2


def test_a_photo_too_small_for_niqe_counts_in_everything_else(tmp_path):
    cv2.imwrite(str(tmp_path / "small.png"), darkened(photo("coffee")[:100, :150]))
    head, rows = table(measured(tmp_path))
    assert "NIQE" not in head
    assert all(row[head.index("luma")] for row in rows)


def test_the_csv_has_every_photo_and_their_means(pairs):
    rows = list(csv.DictReader(as_csv(measured(pairs)).splitlines()))
    of_model = [row for row in rows if row["method"] == "curve_grid"]
    assert [row["photo"] for row in of_model] == ["chelsea.png", "coffee.png", "mean"]
    first, second, mean = (float(row["ssim_gt_mean"]) for row in of_model)
    assert mean == pytest.approx((first + second) / 2, abs=1e-4)
    assert {row["psnr"] for row in rows if row["method"] == "truth"} == {""}


def test_runs_are_compared_by_the_settings_in_which_they_differ(pairs, runs):
    head, rows = table(measured(pairs, [], runs, baselines=False))
    assert head[:5] == ["method", "step", "rate", "weights.contrast", "PSNR dB"]
    assert [row[:4] for row in rows] == [
        ["input", "", "", ""],
        ["slow", "600", "0.001", "1.0"],
        ["fast0.1", "300", "0.1", "3.0"],
        ["truth", "", "", ""],
    ]
    assert rows[1][4] != rows[2][4] != ""


def test_models_of_one_name_are_told_apart(runs, tmp_path):
    files = [str(run / "curve_grid.safetensors") for run in runs]
    with open_contenders(["curve_grid", *files, "curve_grid"], baselines=False) as contenders:
        assert [contender.name for contender in contenders] == ["input", "curve_grid", *files]


def test_models_and_runs_that_are_none_are_named(runs, tmp_path):
    def sentence(kind, *arguments):
        with pytest.raises(kind) as error, open_contenders(*arguments):
            pass
        return str(error.value)

    assert "There is no model named 'gan'" in sentence(ModelError, ["gan"])
    assert "config.yaml is missing or damaged" in sentence(IllumiganError, [], [tmp_path])
    (runs[0] / "other.safetensors").write_bytes(b"")
    assert "several weights (curve_grid.safetensors, other.safetensors)" in sentence(IllumiganError, [], runs)
    (runs[0] / "curve_grid.safetensors").unlink()
    assert "other.safetensors cannot be read" in sentence(IllumiganError, [], runs)
    (runs[0] / "other.safetensors").unlink()
    assert "slow holds no weights" in sentence(IllumiganError, [], runs)
    (runs[0] / "config.yaml").write_text("")
    assert "config.yaml holds no settings" in sentence(IllumiganError, [], runs)


def test_the_command_leaves_tables_and_a_contact_sheet(monkeypatch, pairs, runs, tmp_path):
    monkeypatch.setenv("COLUMNS", "120")
    cv2.imwrite(str(pairs / "low" / "lonely.png"), photo("chelsea"))
    out = tmp_path / "out"
    options = ["--data", pairs, "--model", "curve_grid", "--run", runs[0], "--no-baselines", "--out", out]
    printed = illumigan("evaluate", *options)
    assert "1 photos have no partner of the same name, such as" in printed
    lines = (out / "table.md").read_text().splitlines()
    assert lines[0].startswith("| method | PSNR dB | SSIM | PSNR-GT-mean dB | SSIM-GT-mean | NIQE | luma |")
    psnr = lines[3].split("|")[2].strip()
    assert lines[3].startswith(f"| curve_grid | {psnr} |")
    assert psnr in printed
    assert (out / "table.csv").is_file()
    sheet = cv2.imread(str(out / "contact_sheet.jpg"))
    # input | curve_grid | slow | truth of the two pairs, below the titles; chelsea comes first.
    assert sheet.shape[1] == pytest.approx(4 * 480, abs=40)
    cells = [sheet[60:350, left + 100 : left + 400].mean() for left in range(0, 4 * 486, 486)]
    assert cells[0] < cells[1]
    assert cells[3] == pytest.approx(photo("chelsea").mean(), abs=15)


def test_the_command_does_the_rest_and_says_how_many_were_left_out(day):
    (day / "broken.png").write_bytes(b"no picture")
    code, output, errors = run_here("evaluate", "--data", day)
    assert code == 2
    assert "left out: " in output
    assert "curve_grid" in output
    assert "error: 1 of 3 photos were left out; the numbers are of the other 2." in errors


def test_the_command_says_in_one_sentence_what_is_missing(day, tmp_path):
    for options, sentence in (
        (["--data", tmp_path / "nowhere"], "There is no folder"),
        (["--data", day, "--model", "gan"], "There is no model named 'gan'"),
        (["--data", day, "--vgg", tmp_path / "vgg.pt"], "vgg.pt is missing"),
        (["--data", day, "--vgg", day], f"{day} is a folder and no file of weights; name a file"),
        (["--data", day, "--model", day], f"{day} is a folder and no file of weights; give one of"),
        (["--data", day, "--out", day], "is the input itself"),
    ):
        code, _, errors = run_here("evaluate", *options)
        assert code == 2
        (line,) = errors.splitlines()
        assert line.startswith("error: ")
        assert sentence in line
