"""Folders of pictures as people have them: with profiles, transparency, sixteen bits, and odd names."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout

import cv2
import numpy as np
import pytest
from inputs.pictures import ALPHA, PICTURES, PROFILE, RGB
from PIL import Image

from illumigan_ros.commands.main import main

NIGHT = cv2.resize(RGB[..., ::-1], (160, 120))


def illumigan(*arguments, code=0):
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(output):
        patch.setattr(sys, "argv", ["illumigan", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
    assert (ending.value.code or 0) == code, output.getvalue()
    return output.getvalue()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    return tmp_path / "in"


def names_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_every_kind_that_can_be_read_comes_out_with_its_profile_and_transparency(folder, tmp_path):
    rows = {f"{index}{row.suffixes.split(',')[0]}": row for index, row in enumerate(PICTURES) if row.needs()}
    for name, row in rows.items():
        (folder / name).write_bytes(row.make())
    assert f"{len(rows)} pictures enhanced" in illumigan("enhance-images", folder, tmp_path / "out")
    for name, row in rows.items():
        with Image.open(tmp_path / "out" / f"{name.split('.')[0]}.png") as made:
            assert made.mode == ("L" if row.is_grey else "RGB") + "A" * row.alpha
            assert made.info.get("icc_profile", b"") == (PROFILE if row.profile else b"")
            if row.alpha:
                assert np.abs(np.asarray(made.getchannel("A")).astype(int) - ALPHA).max() <= 2


def test_at_strength_0_colours_and_transparency_are_those_of_the_picture(folder, tmp_path):
    picture = Image.fromarray(RGB)
    picture.putalpha(Image.fromarray(ALPHA))
    picture.save(folder / "a.png", icc_profile=PROFILE)
    illumigan("enhance-images", folder, tmp_path / "out", "--strength", "0")
    with Image.open(tmp_path / "out" / "a.png") as made:
        assert (np.asarray(made) == np.asarray(picture)).all()
        assert made.info["icc_profile"] == PROFILE


def test_results_and_attention_maps_are_kept_apart_and_sub_folders_mirrored(folder, tmp_path):
    for name in ("a.jpg", "a.png", "a.jpg.png", "A.bmp", "sub/a.jpg"):
        cv2.imwrite(str(folder / name), NIGHT)
    out, maps = folder / "out", folder / "sub" / "maps"  # in the input itself, on purpose
    for _ in range(2):
        output = illumigan("enhance-images", folder, out, "--attention", maps, "--recursive")
        assert "5 pictures enhanced" in output
        assert names_in(out) == names_in(maps)
        assert names_in(out) == ["A.bmp.png", "a.jpg-2.png", "a.jpg.png", "a.png.png", "sub/a.png"]
    assert "1 sub-folder" in illumigan("enhance-images", folder, out, "--attention", maps)


def test_nothing_is_written_over_a_picture(tmp_path):
    (tmp_path / "in" / "in").mkdir(parents=True)
    for name in ("a.png", "in/a.png"):
        cv2.imwrite(str(tmp_path / "in" / name), NIGHT)
    before = (tmp_path / "in" / "a.png").read_bytes()
    assert "choose another" in illumigan("enhance-images", tmp_path / "in", tmp_path, "--recursive", code=2)
    assert (tmp_path / "in" / "a.png").read_bytes() == before


def test_each_message_names_its_file(folder, tmp_path):
    cv2.imwrite(str(folder / "good.jpg"), NIGHT)
    cv2.imwrite(str(folder / "dot.png"), NIGHT[:1, :1])
    (folder / "empty.gif").write_bytes(b"")
    (folder / "odd\n\x1b[31m\udcff.png").write_bytes(b"no picture")
    (folder / "._good.jpg").write_bytes(b"\0\5\x16\7" + bytes(100))
    output = illumigan("enhance-images", folder, tmp_path / "out", code=2)
    assert "1 pictures enhanced" in output and "error: 3 of 4 pictures could not be read" in output
    skipped = [line for line in output.splitlines() if line.startswith("skipped: ")]
    assert len(skipped) == 3
    for name in ("dot.png: A frame must be at least", "empty.gif is damaged", "odd\\n\\x1b[31m\\udcff.png is damaged"):
        assert any(name in line for line in skipped), skipped


def test_names_that_a_terminal_cannot_show_are_no_trouble(folder, tmp_path):
    for name in ("\udcff\udcfe.png", "new\nline.png", "x" * 246 + ".png", "\N{GRINNING FACE}.png", "-v.png"):
        cv2.imencode(".png", NIGHT)[1].tofile(folder / name)
    assert "5 pictures enhanced" in illumigan("enhance-images", folder, tmp_path / "out")
    assert len(names_in(tmp_path / "out")) == 5


def test_pictures_of_twelve_bits_in_sixteen_are_warned_about_once_and_put_right_by_an_option(folder, tmp_path):
    for name in ("1.png", "2.png"):
        cv2.imwrite(str(folder / name), NIGHT.astype(np.uint16) * 16)
    output = illumigan("enhance-images", folder, tmp_path / "dark")
    assert output.count("warning: ") == 1 and "--white-16bit 4095" in output
    assert "warning" not in illumigan("enhance-images", folder, tmp_path / "right", "--white-16bit", "4095")
    (folder / "1.png").unlink()
    cv2.imwrite(str(folder / "2.png"), NIGHT)
    illumigan("enhance-images", folder, tmp_path / "right")
    twelve, eight = (cv2.imread(str(tmp_path / "right" / f"{number}.png")) for number in (1, 2))
    assert abs(twelve.mean() - eight.mean()) < 6
    illumigan("enhance-images", folder, tmp_path / "out", "--white-16bit", "0", code=2)


def test_denoising_can_be_left_off(folder, tmp_path):
    noise = np.random.default_rng(0).normal(0, 4, NIGHT.shape)
    cv2.imwrite(str(folder / "a.png"), np.clip(NIGHT // 2 + noise, 0, 255).astype(np.uint8))
    sharpness = []
    for denoise in ("1", "0"):
        illumigan("enhance-images", folder, tmp_path / denoise, "--denoise", denoise)
        sharpness.append(cv2.Laplacian(cv2.imread(str(tmp_path / denoise / "a.png")), cv2.CV_32F).std())
    assert sharpness[0] < 0.8 * sharpness[1]


def test_a_folder_that_cannot_be_written_or_read_is_one_sentence(folder, tmp_path):
    cv2.imwrite(str(folder / "sub" / "a.png"), NIGHT)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").write_text("a file where the folder has to be")
    output = illumigan("enhance-images", folder, tmp_path / "out", "--recursive", code=2)
    (sentence,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert "cannot be written" in sentence
