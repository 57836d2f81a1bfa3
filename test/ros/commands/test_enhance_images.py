"""`illumigan enhance-images` on folders as people have them: profiles, transparency, sixteen bits, odd names."""

import cv2
import numpy as np
import pytest
from inputs.pictures import ALPHA, PICTURES, PROFILE, RGB
from PIL import Image
from support.commands import error, illumigan
from support.footage import NIGHT, PHOTO

from illumigan_model.attention import attention_u8

PICTURE = cv2.resize(RGB[..., ::-1], (160, 120))


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
        cv2.imwrite(str(folder / name), PICTURE)
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
        cv2.imwrite(str(tmp_path / "in" / name), PICTURE)
    before = (tmp_path / "in" / "a.png").read_bytes()
    assert "choose another" in illumigan("enhance-images", tmp_path / "in", tmp_path, "--recursive", code=2)
    assert (tmp_path / "in" / "a.png").read_bytes() == before


def test_each_message_names_its_file(folder, tmp_path):
    cv2.imwrite(str(folder / "good.jpg"), PICTURE)
    cv2.imwrite(str(folder / "dot.png"), PICTURE[:1, :1])
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
        cv2.imencode(".png", PICTURE)[1].tofile(folder / name)
    assert "5 pictures enhanced" in illumigan("enhance-images", folder, tmp_path / "out")
    assert len(names_in(tmp_path / "out")) == 5


def test_pictures_of_twelve_bits_in_sixteen_are_warned_about_once_and_put_right_by_an_option(folder, tmp_path):
    for name in ("1.png", "2.png"):
        cv2.imwrite(str(folder / name), PICTURE.astype(np.uint16) * 16)
    output = illumigan("enhance-images", folder, tmp_path / "dark")
    assert output.count("warning: ") == 1 and "--white-16bit 4095" in output
    assert "warning" not in illumigan("enhance-images", folder, tmp_path / "right", "--white-16bit", "4095")
    (folder / "1.png").unlink()
    cv2.imwrite(str(folder / "2.png"), PICTURE)
    illumigan("enhance-images", folder, tmp_path / "right")
    twelve, eight = (cv2.imread(str(tmp_path / "right" / f"{number}.png")) for number in (1, 2))
    assert abs(twelve.mean() - eight.mean()) < 6
    illumigan("enhance-images", folder, tmp_path / "out", "--white-16bit", "0", code=2)


def test_denoising_can_be_left_off(folder, tmp_path):
    noise = np.random.default_rng(0).normal(0, 4, PICTURE.shape)
    cv2.imwrite(str(folder / "a.png"), np.clip(PICTURE // 2 + noise, 0, 255).astype(np.uint8))
    sharpness = []
    for denoise in ("1", "0"):
        illumigan("enhance-images", folder, tmp_path / denoise, "--denoise", denoise)
        sharpness.append(cv2.Laplacian(cv2.imread(str(tmp_path / denoise / "a.png")), cv2.CV_32F).std())
    assert sharpness[0] < 0.8 * sharpness[1]


def test_a_folder_that_cannot_be_written_or_read_is_one_sentence(folder, tmp_path):
    cv2.imwrite(str(folder / "sub" / "a.png"), PICTURE)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").write_text("a file where the folder has to be")
    output = illumigan("enhance-images", folder, tmp_path / "out", "--recursive", code=2)
    (sentence,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert "cannot be written" in sentence


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
