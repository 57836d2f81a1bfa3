"""Folders of real photos for the training tests."""

from pathlib import Path

import cv2
import pytest
from skimage import data


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """A root folder with day/ (three real photos and a broken file) and dark/ (the same photos, dimmed)."""
    root = tmp_path_factory.mktemp("photos")
    (root / "day").mkdir()
    (root / "dark").mkdir()
    for name in ("astronaut", "chelsea", "coffee"):
        photo = cv2.cvtColor(getattr(data, name)(), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(root / "day" / f"{name}.jpg"), photo)
        cv2.imwrite(str(root / "dark" / f"{name}.png"), photo // 8)
    (root / "day" / "broken.jpg").write_bytes(b"not a picture")
    (root / "day" / "notes.txt").write_text("not a picture either")
    return root
