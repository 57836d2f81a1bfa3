from itertools import islice

import numpy as np
import pytest

from illumigan_model.errors import IllumiganError
from illumigan_training.data import draw_samples, list_images, load_photos

DAY, DARK = {"folder": "day"}, {"folder": "dark"}


def test_pictures_are_found_and_other_files_are_not(photos):
    found = [path.name for path in list_images(DAY, photos)]
    assert found == ["astronaut.jpg", "broken.jpg", "chelsea.jpg", "coffee.jpg"]


def test_a_table_narrows_a_source(photos, tmp_path):
    table = tmp_path / "frames.csv"
    table.write_text("image,split\nchelsea.jpg,train\ncoffee.jpg,test\n")
    source = {**DAY, "csv": str(table), "where": "split=train"}
    assert [path.name for path in list_images(source, photos)] == ["chelsea.jpg"]


def test_unreadable_files_are_named_and_left_out(photos, capsys):
    assert len(load_photos([DAY], photos)) == 3
    assert "broken.jpg is damaged" in capsys.readouterr().out


def test_the_luma_rule_tells_dark_from_normal(photos):
    assert len(load_photos([{**DAY, "luma": [0.2, 1.0]}, {**DARK, "luma": [0.2, 1.0]}], photos)) == 3


@pytest.mark.parametrize(
    "source,message", [({"folder": "nowhere"}, "is not a folder"), ({**DAY, "luma": [0.99, 1.0]}, "No photo is left")]
)
def test_an_empty_source_is_a_clear_error(photos, source, message):
    with pytest.raises(IllumiganError, match=message):
        load_photos([source], photos)


def test_samples_of_every_kind_are_drawn_and_repeat_with_the_seed(photos):
    normal, dark = load_photos([DAY], photos), load_photos([DARK], photos)
    shares = {"relit": 0.5, "day": 0.25, "dark": 0.25}
    first, again = (list(islice(draw_samples(normal, dark, shares, 3), 12)) for _ in range(2))
    assert {sample.kind for sample in first} == set(shares)
    for one, other in zip(first, again, strict=True):
        for name in ("dark", "calm", "wanted"):
            picture = getattr(one, name)
            assert picture.shape == (3, 144, 256)
            assert picture.dtype == np.float32
            assert picture.min() >= 0
            assert picture.max() <= 1
            assert (picture == getattr(other, name)).all()
        if one.kind == "day":
            assert (one.dark == one.wanted).all()
        if one.kind == "dark":
            assert one.wanted.std() > one.dark.std()
