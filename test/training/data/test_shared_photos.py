import subprocess
import sys

import numpy as np
import pytest

from illumigan_training.data.folders import Photo
from illumigan_training.data.shared_photos import SharedPhotos


def test_photos_come_back_in_order_and_cannot_be_changed():
    originals = [
        Photo(f"{side}.png", np.arange(side * side * 3, dtype=np.uint8).reshape(side, side, 3)) for side in (4, 7)
    ]
    photos = SharedPhotos(originals)
    assert len(photos) == 2
    assert [photo.name for photo in photos] == ["4.png", "7.png"] == [photo.name for photo in photos[:]]
    assert np.array_equal(photos[-1].pixels, originals[1].pixels)
    with pytest.raises(ValueError, match="read-only"):
        photos[0].pixels[0] = 0
    assert not SharedPhotos([])


def test_a_process_that_is_started_with_photos_has_no_copy_of_its_own(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run([sys.executable, tmp_path / "program.py"], check=False, timeout=60, capture_output=True)
    assert done.stdout.split() == [b"a.png", b"150000000", b"False"], done.stderr[-1000:]


PROGRAM = """
import multiprocessing, resource, sys
import numpy as np
from illumigan_training.data.folders import Photo
from illumigan_training.data.shared_photos import SharedPhotos

def look(photos):
    private = photos[0].pixels.flags.owndata
    print(photos[0].name, photos[0].pixels.sum(dtype=np.int64), private)

if __name__ == "__main__":
    photos = SharedPhotos([Photo("a.png", np.full((5000, 5000, 3), 2, np.uint8))])
    child = multiprocessing.get_context("spawn").Process(target=look, args=(photos,))
    child.start()
    child.join()
"""
