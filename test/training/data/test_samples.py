from pathlib import Path

import cv2
import numpy as np
import pytest

from illumigan_model.errors import IllumiganError
from illumigan_model.generators.attention_unet import AttentionUNet, AttentionUNetConfig
from illumigan_model.generators.checkpoint import save_checkpoint
from illumigan_training.config import read_config
from illumigan_training.data.samples import Numbers, SampleSet, random_crop, read_photos, stack

CONFIG = Path(__file__).parents[3] / "config" / "train_curve_grid.yaml"
SHARES = {"night": 0.3, "underexposed": 0.3, "day": 0.1, "dark": 0.3, "paired": 0.0}


@pytest.fixture
def config(photos):
    config = read_config(CONFIG, [f"root={photos}", "swap_colours=0.0"])
    return {**config, "normal": [{"folder": "day"}], "dark": [{"folder": "dark"}], "shares": SHARES}


def only(config, kind, **changes):
    config = {**config, "shares": {kind: 1.0}, **changes}
    return SampleSet(config, read_photos(config))


def test_a_sample_depends_on_the_seed_and_its_number_alone(config):
    samples, again = (SampleSet(config, read_photos(config)) for _ in range(2))
    other = SampleSet({**config, "seed": 9}, samples.photos)
    again[7]  # what was drawn before makes no difference
    for number in range(6):
        for mine, theirs in zip(samples[number], again[number], strict=True):
            assert np.array_equal(mine, theirs)
    assert any((samples[number].dark != other[number].dark).any() for number in range(6))


@pytest.mark.parametrize("kind", ["night", "underexposed", "day", "dark"])
def test_samples_of_every_kind_are_pictures(config, kind):
    sample = only(config, kind)[3]
    for picture in (sample.dark, sample.calm, sample.wanted, sample.source, sample.real):
        assert picture.shape == (3, 144, 256)
        assert picture.dtype == np.float32
        assert picture.min() >= 0
        assert picture.max() <= 1
    assert sample.has_wanted == 1
    assert sample.files.split("/")[0] == ("dark" if kind == "dark" else "day")


def test_what_is_wanted_of_each_kind(config):
    day = only(config, "day")[0]
    assert (day.dark == day.wanted).all()
    underexposed = [only(config, "underexposed")[number] for number in range(6)]
    assert all(sample.dark.mean() < 0.35 < sample.wanted.mean() + 0.1 for sample in underexposed)
    assert all(np.abs(s.calm - s.dark).mean() < np.abs(s.wanted - s.dark).mean() for s in underexposed)
    dark = only(config, "dark")[0]
    assert dark.wanted.std() > dark.dark.std()  # CLAHE


def test_the_published_recipe_divides_half_of_the_inputs_and_knows_no_wanted_picture(config):
    darken = {"chance": 0.5, "least": 2.0, "most": 4.0}
    samples = only(config, "dark", teacher="none", real="normal", darken=darken)
    factors = []
    for number in range(24):
        sample = samples[number]
        assert sample.has_wanted == 0
        assert sample.real.mean() > 3 * sample.source.mean()  # a normal photo, not a dark one
        factors.append(float(sample.source.sum() / sample.dark.sum()))
    divided = [factor for factor in factors if factor > 1.001]
    assert 4 < len(divided) < 20
    assert all(2 <= factor <= 4.001 for factor in divided)


def test_pairs_show_the_same_view(config, photos):
    samples = only(config, "paired", paired=[{"low": "dark", "high": "day"}], darken={**config["darken"], "chance": 0})
    for number in range(5):
        sample = samples[number]
        assert np.corrcoef(sample.dark.ravel(), sample.wanted.ravel())[0, 1] > 0.95
        assert sample.wanted.mean() == pytest.approx(8 * sample.dark.mean(), rel=0.15)


def test_pairs_that_are_none_are_named(config, photos, tmp_path):
    with pytest.raises(IllumiganError, match="has a well-lit twin"):
        only(config, "paired", paired=[{"low": "dark", "high": str(strangers(tmp_path))}])


def test_each_pair_comes_from_one_source_at_the_same_place(config, photos, tmp_path):
    """The same name in two sources, and in two folders of a source, is not the same photo."""
    for number, place in enumerate(["first/{}/1", "second/{}/1", "second/{}/inner/1"], 1):
        for half, value in (("low", 10 * number), ("high", 60 * number)):
            file = tmp_path / f"{place.format(half)}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), np.full((144, 256, 3), value, np.uint8))
    sources = [
        {"low": str(tmp_path / name / "low"), "high": str(tmp_path / name / "high")} for name in ("first", "second")
    ]
    samples = only(config, "paired", paired=sources, darken={**config["darken"], "chance": 0})
    seen = {
        (round(255 * float(s.dark.mean())), round(255 * float(s.wanted.mean())))
        for s in map(samples.__getitem__, range(24))
    }
    assert seen == {(10, 60), (20, 120), (30, 180)}


def test_a_pair_that_could_be_two_is_refused(config, tmp_path):
    for name in ("low/1.png", "low/1.bmp", "high/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.full((144, 256, 3), 9, np.uint8))
    with pytest.raises(IllumiganError, match=r"1\.bmp and .*1\.png differ in their suffix alone"):
        only(config, "paired", paired=[{"low": str(tmp_path / "low"), "high": str(tmp_path / "high")}])


def strangers(folder):
    cv2.imwrite(str(folder / "stranger.png"), np.full((200, 300, 3), 99, np.uint8))
    return folder


def test_a_trained_generator_can_teach(config, tmp_path):
    save_checkpoint(AttentionUNet(AttentionUNetConfig(width=2)), tmp_path / "teacher.safetensors")
    taught = only(config, "dark", teacher=str(tmp_path / "teacher.safetensors"))[0]
    assert taught.has_wanted == 1
    assert (taught.wanted != only(config, "dark")[0].wanted).any()


def test_colours_change_places_when_asked(config):
    plain, swapped = only(config, "day"), only(config, "day", swap_colours=1.0)
    means = [swapped[number].dark.mean(axis=(1, 2)) for number in range(12)]
    assert len({tuple(np.argsort(mean)) for mean in means}) > 1
    assert plain[0].dark.shape == swapped[0].dark.shape


def test_crops_of_several_photos_lie_at_the_same_place():
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (300, 500, 3), np.uint8)
    first, second = random_crop([photo, photo // 2], (100, 80), 2.0, rng)
    assert first.shape == (80, 100, 3)
    assert np.abs(first / 2.0 - second).max() <= 1.5


def test_processes_share_each_batch():
    whole = list(Numbers(3, 5, 4))
    assert whole == [12, 13, 14, 15, 16, 17, 18, 19]
    parts = [list(Numbers(3, 5, 4, rank, 2)) for rank in range(2)]
    assert sorted(parts[0][:2] + parts[1][:2]) == whole[:4]
    assert len(Numbers(3, 5, 4, 0, 2)) == len(parts[0])


def test_samples_stack_to_a_batch(config):
    samples = SampleSet(config, read_photos(config))
    batch = stack([samples[0], samples[1]])
    assert batch.dark.shape == (2, 3, 144, 256)
    assert batch.has_wanted.shape == (2,)
    assert batch.files == (samples[0].files, samples[1].files)
