"""The reader of an ONNX file's metadata, next to the package onnx."""

import pytest

from illumigan_model.runtimes.onnx_metadata import read_metadata
from illumigan_model.weights import FOLDER

onnx = pytest.importorskip("onnx", reason="needs onnx")
SHIPPED = FOLDER / "curve_grid.onnx"


def test_it_reads_what_the_onnx_package_reads(tmp_path):
    model = onnx.load(SHIPPED)
    model.metadata_props.add(key="grüße", value="")
    onnx.save(model, tmp_path / "model.onnx")
    expected = {entry.key: entry.value for entry in model.metadata_props}
    assert read_metadata(tmp_path / "model.onnx") == expected
    assert expected["architecture"] == "curve_grid"
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "bare.onnx")
    assert read_metadata(tmp_path / "bare.onnx") == {}


def test_a_file_that_is_cut_off_never_gives_all_of_it(tmp_path):
    whole, metadata = SHIPPED.read_bytes(), read_metadata(SHIPPED)
    for size in (0, 1, 5, 100, len(whole) // 2, len(whole) - 3000, len(whole) - 10, len(whole) - 1):
        (tmp_path / "part.onnx").write_bytes(whole[:size])
        try:
            assert read_metadata(tmp_path / "part.onnx").keys() < metadata.keys()
        except ValueError as error:
            assert "cut off" in str(error)


@pytest.mark.parametrize("content", [b"a graph of something else", b"\x80" * 40, b"\x72\xff\xff\xff\xff\x7f", b"\x0f"])
def test_what_is_no_onnx_file_is_an_error(content, tmp_path):
    (tmp_path / "other.onnx").write_bytes(content)
    with pytest.raises(ValueError, match=r"cut off|no ONNX file"):
        read_metadata(tmp_path / "other.onnx")
