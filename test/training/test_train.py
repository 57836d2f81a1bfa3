import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from support.programs import program
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from illumigan_model.enhancer import Enhancer
from illumigan_model.errors import IllumiganError, ModelError
from illumigan_model.export.export import export_onnx
from illumigan_model.generators.checkpoint import load_checkpoint, save_checkpoint
from illumigan_model.generators.curve_grid import CurveGrid
from illumigan_training.config import read_config, steps_of
from illumigan_training.data.samples import SampleSet, read_photos, stack
from illumigan_training.networks import enhance
from illumigan_training.train import rate_factor, train

CONFIGS = Path(__file__).parents[2] / "config"
PLAIN = {"adversarial": 0.0, "local_adversarial": 0.0, "features": 0.0, "local_features": 0.0}
ADVERSARIAL = {"adversarial": 0.1, "local_adversarial": 0.1, "features": 0.0, "local_features": 0.0}
SHARES = {"night": 0.25, "underexposed": 0.25, "day": 0.25, "dark": 0.25, "paired": 0.0}


def settings(photos, run, name="train_curve_grid", weights=PLAIN, **changes):
    quick = [f"root={photos}", f"run={run}", "steps=6", "batch=2", "save_every=3"]
    config = read_config(CONFIGS / f"{name}.yaml", quick)
    sources = {"normal": [{"folder": "day"}], "dark": [{"folder": "dark"}]}
    config = {**config, **sources, "crop": [128, 96], "workers": 0, "threads": 1}
    config = {**config, "accelerator": "cpu", "shares": SHARES, **changes}
    return {**config, "weights": {**config["weights"], **weights}}


@pytest.fixture
def config(photos, tmp_path):
    return settings(photos, tmp_path / "run")


def small_gan(photos, run, **changes):
    """The published recipe, everything in it small and the features left out: VGG's weights are not ours to keep."""
    small = {"width": 4, "global_layers": 3, "local_layers": 2, "patch": 32, "patches": 2}
    shares = {"dark": 1.0, "night": 0.0, "underexposed": 0.0, "day": 0.0, "paired": 0.0}
    return settings(
        photos, run, "train_enlightengan",
        generator={"architecture": "attention_unet", "width": 2}, discriminators=small, crop=[64, 48],
        shares=shares, weights=ADVERSARIAL, **changes,
    )  # fmt: skip


def weights_of(run):
    return torch.load(run / "resume.pt", weights_only=True)


def same(one, other):
    """Whether two states are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def test_a_run_leaves_weights_that_enhance_and_a_folder_that_says_everything(config, tmp_path):
    run = train(config)
    assert yaml.safe_load((run / "config.yaml").read_text())["steps"] == 6
    assert {"revision", "machine", "torch", "started"} <= json.loads((run / "run.json").read_text()).keys()
    with (run / "manifest.csv").open(newline="") as file:
        assert any(row["left_out"].startswith("is damaged") for row in csv.DictReader(file))
    for name in ("samples_000003.jpg", "samples_000006.jpg", "curves.png"):
        assert (run / name).stat().st_size > 1000
    board = EventAccumulator(str(run))
    board.Reload()
    assert {"total", "reconstruction"} <= set(board.Tags()["scalars"])
    assert board.Tags()["images"]
    export_onnx(run / "curve_grid.safetensors", tmp_path / "mine.onnx")
    assert Enhancer(str(tmp_path / "mine.onnx")).runtime == "onnxruntime"


def test_a_run_learns(config):
    config = {**config, "steps": 30, "save_every": 30, "rate": 0.01, "average": 0.8, "shares": {"underexposed": 1.0}}
    run = train(config)
    samples = SampleSet({**config, "seed": 77}, read_photos(config))
    fresh = stack([samples[number] for number in range(8)])

    def distance(net):
        with torch.no_grad():
            return (enhance(net.eval(), fresh.dark, fresh.calm)[0] - fresh.wanted).abs().mean()

    assert distance(load_checkpoint(run / "curve_grid.safetensors")) < 0.8 * distance(CurveGrid())


def test_a_run_begins_with_the_weights_it_is_given(config, tmp_path):
    torch.manual_seed(5)
    begin = tmp_path / "begin.safetensors"
    save_checkpoint(CurveGrid(), begin, {})
    run = train({**config, "start": str(begin), "steps": 1, "rate": 1e-9, "average": 0.0})
    made, given = load_checkpoint(run / "curve_grid.safetensors"), load_checkpoint(begin)
    for mine, theirs in zip(made.parameters(), given.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)
    narrow = {**config["generator"], "width": 8}
    with pytest.raises(ModelError, match=r"begin\.safetensors holds another generator"):
        train({**config, "run": str(tmp_path / "other"), "start": str(begin), "generator": narrow})
    with pytest.raises(ModelError, match="no model named 'nobody'"):
        train({**config, "run": str(tmp_path / "none"), "start": "nobody"})


def test_the_published_recipe_trains_both_generator_and_discriminators(photos, tmp_path):
    run = train(small_gan(photos, tmp_path / "gan"))
    state = weights_of(run)
    with (run / "metrics.csv").open(newline="") as file:
        assert {"adversarial", "local_adversarial", "discriminators"} <= set(next(csv.DictReader(file)))
    fresh = train(small_gan(photos, tmp_path / "other", steps=1, save_every=1))
    for part in ("student", "critics"):
        assert not same(state[part], weights_of(fresh)[part])


@pytest.mark.parametrize("kind", ["supervised", "adversarial"])
def test_a_killed_run_ends_bit_equal_to_an_unbroken_one(photos, tmp_path, kind):
    make = settings if kind == "supervised" else small_gan
    unbroken = train(make(photos, tmp_path / "unbroken"))
    broken = make(photos, tmp_path / "broken", workers=1)
    with program(KILLED, broken, tmp_path / "errors") as killed:
        pass
    assert killed.exitcode == 9
    assert weights_of(tmp_path / "broken")["step"] == 3
    train(broken)
    one, other = weights_of(unbroken), weights_of(tmp_path / "broken")
    for name in one.keys() - {"config"}:
        assert same(one[name], other[name]), name
    names = [name for name in ("curve_grid.safetensors", "attention_unet.safetensors") if (unbroken / name).is_file()]
    first, second = (load_checkpoint(run / names[0]).state_dict() for run in (unbroken, tmp_path / "broken"))
    assert same(dict(first), dict(second))


# Trains, and dies in the fifth step as a killed process does: nothing is flushed, nothing is cleaned up.
KILLED = """
import os
from illumigan_training import train
step = train.Training._step
def deadly(self, number, batch):
    if number == 4:
        os._exit(9)
    return step(self, number, batch)
train.Training._step = deadly
train.train({**settings, "workers": 0})
"""


def started_by_us(config, folder):
    """Train by processes that start each other, as `devices` has it; return their exit codes and complaints."""
    file = folder / "two_processes.py"
    file.write_text(TWO.format(config=json.dumps(json.dumps(config))))
    return run_file(file)


def run_file(file):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, file], check=False, timeout=240, capture_output=True, text=True, env=environment
    )
    return [done.returncode], [done.stderr]


def started_by_torchrun(config, folder, run_of_second=None):
    """Train as torchrun does it on two machines with a process each; return their exit codes and complaints."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test",
    }  # fmt: skip
    second = {**config, "run": str(run_of_second or config["run"])}
    errors = [folder / "first", folder / "second"]
    with (
        program(TRAIN, config, errors[0], **shared, RANK="0", GROUP_RANK="0") as one,
        program(TRAIN, second, errors[1], **shared, RANK="1", GROUP_RANK="1") as other,
    ):
        pass
    return [one.exitcode, other.exitcode], [file.read_text() for file in errors]


TRAIN = """
from illumigan_training.train import train
train(settings)
"""


@pytest.mark.parametrize(
    ("make", "processes", "start"),
    [(settings, {"num_nodes": 2}, started_by_torchrun), (small_gan, {"devices": 2}, started_by_us)],
    ids=["two machines, supervised", "two devices, adversarial"],
)
def test_two_processes_do_what_one_does_with_the_joint_batch(photos, tmp_path, make, processes, start):
    config = make(photos, tmp_path / "two", batch=4, steps=3, **processes)
    codes, complaints = start(config, tmp_path)
    assert not any(codes), complaints
    one = train(make(photos, tmp_path / "one", batch=4, steps=3))
    begun = weights_of(train(make(photos, tmp_path / "start", batch=4, steps=1, save_every=1, rate=1e-12)))["student"]
    alone, joint = weights_of(one)["student"], weights_of(tmp_path / "two")["student"]
    for kind in (".weight", ".bias", "running_mean", "running_var"):  # Adam enlarges what rounding does
        names = [name for name in alone if name.endswith(kind)]
        moved, apart = (sum((alone[n] - other[n]).abs().sum() for n in names) for other in (begun, joint))
        assert apart < 0.02 * moved, f"{kind}: {apart} of {moved}"
    assert train({**config, "devices": 1, "num_nodes": 1}) == tmp_path / "two"  # another number may go on with it


TWO = """
import json
from illumigan_training.train import train
if __name__ == "__main__":
    train(json.loads({config}))
"""


def test_machines_that_do_not_share_the_run_folder_stop_together(photos, tmp_path):
    config = settings(photos, tmp_path / "shared", batch=4, steps=3, num_nodes=2)
    train({**config, "num_nodes": 1})
    codes, complaints = started_by_torchrun(config, tmp_path, run_of_second=tmp_path / "elsewhere")
    assert all(codes)
    assert all("folders that all of them share" in complaint for complaint in complaints)


def test_a_loss_that_is_not_a_number_stops_with_step_files_and_state(config):
    config["weights"] = {**config["weights"], "contrast": 1e39}  # more than a float32 holds
    config["shares"] = {"underexposed": 1.0}
    with pytest.raises(IllumiganError, match=r"is \w+ at step 0, whose photos are day/\w+\.jpg, .*; no state was kept"):
        train(config)


def test_a_loss_that_is_not_a_number_in_one_process_stops_both(photos, tmp_path):
    config = settings(photos, tmp_path / "two", batch=4, steps=3, devices=2)
    file = tmp_path / "two_processes.py"
    file.write_text(ONE_OF_TWO_FAILS.format(config=json.dumps(json.dumps(config))))
    codes, (complaint,) = run_file(file)
    assert all(codes)
    assert "The loss is nan at step 1, whose photos are " in complaint
    assert "The loss of another process is not a number at step 1" in complaint


ONE_OF_TWO_FAILS = """
import json
from illumigan_training import train
terms = train.Training._terms
steps = []
def spoilt(self, *arguments):
    steps.append(1)
    factor = float("nan") if self.fabric.global_rank and len(steps) == 2 else 1
    return {{name: factor * term for name, term in terms(self, *arguments).items()}}
if __name__ == "__main__":
    train.Training._terms = spoilt
    train.train(json.loads({config}))
"""


def test_a_run_of_other_settings_or_with_a_damaged_state_is_not_taken_up(config):
    run = train({**config, "steps": 1, "save_every": 1})
    with pytest.raises(IllumiganError, match=r"resume\.pt belongs to a run with steps=1; set that"):
        train(config)
    with pytest.raises(IllumiganError, match=r"resume\.pt belongs to a run with generator="):
        train({**config, "steps": 1, "generator": {"architecture": "curve_grid", "width": 8}})
    state = (run / "resume.pt").read_bytes()
    (run / "resume.pt").write_bytes(state[: len(state) // 2])
    with pytest.raises(IllumiganError, match=r"resume\.pt is damaged"):
        train({**config, "steps": 1})


def test_a_run_folder_that_cannot_be_written_is_named(config, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(IllumiganError, match=r"file/run cannot be written"):
        train({**config, "run": str(tmp_path / "file" / "run")})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"steps": "many"}, r"steps must be a whole number .*, or a number of epochs \('200 epochs'\), not 'many'"),
        ({"steps": 0}, "steps must be"),
        ({"rate": "1e-3"}, r"rate must be a number above 0 \(YAML reads"),
        ({"precision": "int4"}, "precision must be one of 32-true, bf16-mixed, 16-mixed, not 'int4'"),
        ({"generator": {"architecture": "resnet"}}, "generator.architecture must be one of curve_grid, attention_unet"),
        ({"generator": {"architecture": "curve_grid", "depth": 3}}, r"generator\.depth is .*: architecture, width"),
        ({"generator": {"architecture": "curve_grid", "width": 2.5}}, "generator.width must be a whole number"),
        ({"shares": {"day": 0.5}}, "The shares must add up to 1, not 0.5"),
        ({"shares": {"dawn": 1.0}}, r"shares\.dawn is not a setting; shares\.\w+ is the nearest of .*: night"),
        ({"darken": {"chanse": 1, "chance": 0.5, "least": 1.0, "most": 2.0}}, r"darken\.chanse .* darken\.chance is"),
        ({"normal": [{"folder": "day", "lumma": [0, 1]}]}, r"normal\[0\]\.lumma is .* normal\[0\]\.luma is"),
        ({"paired": [{"low": "a", "high": "b", "folder": "c"}]}, r"paired\[0\]\.folder is not a setting"),
        ({"normal": ["day"]}, "normal .* must be a section"),
        ({"normal": [{"folder": "day", "luma": 3}]}, r"luma .* must be \[lowest, highest\], not 3"),
        ({"paired": [{"low": "dark"}]}, "high .of a source of paired. must be a folder"),
        ({"weights": {"charm": 1}}, "weights.charm is not a setting"),
        ({"crop": [256]}, r"crop must be \[width, height\]"),
        ({"batch": 3, "devices": 2}, "batch=3 cannot be shared out evenly to devices=2"),
        ({"batch": 6, "devices": 2, "num_nodes": 2}, "evenly to devices=2 of num_nodes=2"),
        ({"teacher": "nobody.safetensors"}, r"nobody\.safetensors"),
        ({"stepz": 3}, "stepz is not a setting; steps is the nearest"),
    ],
)
def test_settings_that_cannot_be_are_named(config, change, sentence):
    change = {**change, "weights": {**config["weights"], **change.get("weights", {})}}
    with pytest.raises(IllumiganError, match=sentence):
        train({**config, **change})


def test_curve_terms_need_curves(photos, tmp_path):
    config = small_gan(photos, tmp_path)
    with pytest.raises(IllumiganError, match=r"weights.tint must be 0: attention_unet predicts no curves"):
        train({**config, "weights": {**config["weights"], "tint": 1.0}})


def test_a_missing_vgg_file_is_named(config):
    config["weights"] = {**config["weights"], "features": 1.0}
    config["features"] = {**config["features"], "file": "nowhere/vgg.pt"}
    with pytest.raises(IllumiganError, match=r"nowhere/vgg\.pt is missing; name a file of VGG-16 weights"):
        train(config)


def test_what_is_missing_is_named_before_a_photo_is_read(config, tmp_path, capsys):
    (tmp_path / "damaged.onnx").write_bytes(b"no network")
    train({**config, "run": str(tmp_path / "before"), "steps": 1, "save_every": 1})
    capsys.readouterr()
    photos, pairs = {"normal": [{"folder": "day"}, {"folder": "dusk"}]}, {"paired": [{"low": "dark", "high": "lit"}]}
    changes = [
        ({"run": str(tmp_path / "before")}, r"resume\.pt belongs to a run with steps=1"),
        ({"start": "begin.safetensors"}, r"begin\.safetensors does not exist"),
        ({"teacher": "teacher.safetensors"}, r"teacher\.safetensors does not exist"),
        ({"weights": {"features": 1.0}, "features": {**config["features"], "file": "vgg.pt"}}, r"vgg\.pt is missing"),
        ({"steps": "many"}, "a number of epochs"),
        (photos, r"dusk is not a folder"),
        ({**photos, "start": "begin.safetensors"}, r"dusk is not a folder"),
        ({**pairs, "shares": {"paired": 0.5, "day": 0.5}}, r"lit is not a folder"),
    ]
    for file, sentence in (("nowhere.onnx", r"no detector .*nowhere"), ("damaged.onnx", "cannot be turned")):
        detector = {**config["detector"], "file": str(tmp_path / file)}
        changes.append(({"weights": {"detector": 1.0}, "detector": detector}, sentence))
    for change, sentence in changes:
        weights = {**config["weights"], **change.get("weights", {})}
        with pytest.raises(IllumiganError, match=sentence):
            train({**config, **change, "weights": weights})
    assert "photos" not in capsys.readouterr().out


def test_the_published_schedule_is_constant_then_linear():
    config = read_config(CONFIGS / "train_enlightengan.yaml", [])
    assert [rate_factor(progress, config) for progress in (0.0, 0.25, 0.5)] == [1.0, 1.0, 1.0]
    assert rate_factor(0.75, config) == pytest.approx(0.5)
    assert steps_of(config, 1016) == 200 * 31


def test_a_rate_warms_up_and_falls_along_a_cosine(config):
    factors = [rate_factor(step / 100, config) for step in range(101)]
    assert factors[0] < 0.02
    assert max(factors) == factors[10] == 1.0
    assert factors == sorted(factors[:10]) + sorted(factors[10:], reverse=True)
    assert factors[-1] < 1e-9


def test_unknown_settings_and_missing_files_are_named(tmp_path):
    config = CONFIGS / "train_curve_grid.yaml"
    with pytest.raises(IllumiganError, match="stepz is not a setting"):
        read_config(config, ["stepz=3"])
    changed = read_config(config, ["dark.0.where=split=test,ride!=one"])
    assert changed["dark"][0]["where"] == "split=test,ride!=one"
    for beside in ("dark.7.where=a=b", "dark.x.where=a=b"):
        with pytest.raises(IllumiganError, match="is not a setting"):
            read_config(config, [beside])
    with pytest.raises(IllumiganError, match=r"steps\.x is not a setting .*; it has root, run"):
        read_config(config, ["steps.x=1"])
    with pytest.raises(IllumiganError, match="cannot be read"):
        read_config(config, ["steps=[1"])
    with pytest.raises(IllumiganError, match="does not exist"):
        read_config(Path("nowhere.yaml"), [])
    with pytest.raises(IllumiganError, match="is a folder and no training config"):
        read_config(tmp_path, [])
    for text, sentence in (("a: [1", "cannot be read"), ("hello", "holds no settings"), ("", "holds no settings")):
        (tmp_path / "broken.yaml").write_text(text)
        with pytest.raises(IllumiganError, match=sentence):
            read_config(tmp_path / "broken.yaml", [])


def test_an_export_that_cannot_be_written_is_one_sentence_and_leaves_nothing(tmp_path):
    save_checkpoint(CurveGrid(), tmp_path / "mine.safetensors")
    with pytest.raises(ModelError, match=r"there is no folder .*such; make it first"):
        export_onnx(tmp_path / "mine.safetensors", tmp_path / "no" / "such" / "x.onnx")
    (tmp_path / "x.onnx").mkdir()
    with pytest.raises(ModelError, match=r"x\.onnx cannot be written"):
        export_onnx(tmp_path / "mine.safetensors", tmp_path / "x.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.safetensors", "x.onnx"]
