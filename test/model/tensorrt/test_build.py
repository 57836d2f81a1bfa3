"""Engines built by TensorRT for RTX, which needs no GPU for that; what goes wrong on the way is one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

from illumigan_model.errors import ModelError
from illumigan_model.tensorrt import build, cuda


@pytest.fixture
def rtx(monkeypatch):
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx-cu13 exists for x86-64 only")
    monkeypatch.setattr(build, "MODULES", ("tensorrt_rtx",))


@pytest.fixture
def graph(exported, tmp_path):
    path = tmp_path / "graph.onnx"
    path.write_bytes(exported("attention_unet", "core", "fp32").SerializeToString())
    return path


def test_an_engine_is_built_and_half_precision_makes_it_smaller(rtx, graph, tmp_path, capfd):
    sizes = {}
    for precision in ("fp32", "fp16"):
        target = tmp_path / f"{precision}.engine"
        build.build(graph, target, precision)
        sizes[precision] = target.stat().st_size
    assert 10_000 < sizes["fp16"] < sizes["fp32"]
    printed = capfd.readouterr().out.splitlines()
    assert "graph.onnx in fp32" in printed[0]
    assert any("step 1 of" in line for line in printed)
    assert printed[-1].startswith("Done")


def test_single_precision_is_without_tf32(rtx, graph, tmp_path, monkeypatch):
    trt = build.load_tensorrt()
    real, allowed = trt.Builder.build_serialized_network, []

    def watched(builder, network, config):
        allowed.append(config.get_flag(trt.BuilderFlag.TF32))
        return real(builder, network, config)

    monkeypatch.setattr(trt.Builder, "build_serialized_network", watched)
    for precision in ("fp32", "fp16"):
        build.build(graph, tmp_path / "x.engine", precision)
        assert build.options(trt, precision).tf32 == allowed[-1]
    assert allowed == [False, True]


def test_a_graph_in_half_precision_is_taken_as_it_is(rtx, exported, tmp_path):
    path = tmp_path / "half.onnx"
    path.write_bytes(exported("curve_grid", "core", "fp16").SerializeToString())
    build.build(path, tmp_path / "half.engine", "fp16")
    assert (tmp_path / "half.engine").stat().st_size > 10_000


def test_the_builder_is_a_program_of_its_own(graph, tmp_path):
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx-cu13 exists for x86-64 only")
    command = [sys.executable, "-m", "illumigan_model.tensorrt.build"]
    target = tmp_path / "made.engine"
    done = subprocess.run([*command, str(graph), str(target), "fp32"], capture_output=True, text=True, check=True)
    assert target.is_file()
    assert "Done" in done.stdout
    graph.write_bytes(graph.read_bytes()[:2000])
    failed = subprocess.run([*command, str(graph), str(target), "fp32"], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert len(failed.stderr.splitlines()) == 1
    assert "cannot parse" in failed.stderr
    assert subprocess.run(command, capture_output=True, check=False).returncode == 2


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_truncated_graph_is_one_sentence(rtx, precision, graph, tmp_path):
    graph.write_bytes(graph.read_bytes()[:2000])
    with pytest.raises(ModelError, match=r"graph\.onnx") as refusal:
        build.build(graph, tmp_path / "x.engine", precision)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "x.engine").exists()


def test_what_cannot_be_asked_for_is_said(rtx, graph, tmp_path):
    with pytest.raises(ModelError, match="no precision 'int8'; give fp32 or fp16"):
        build.build(graph, tmp_path / "x.engine", "int8")
    with pytest.raises(ModelError, match=r"missing\.onnx cannot be read"):
        build.build(tmp_path / "missing.onnx", tmp_path / "x.engine", "fp32")
    with pytest.raises(ModelError, match=r"cannot be written .*; choose another place"):
        build.build(graph, tmp_path / "no" / "folder" / "x.engine", "fp32")


def test_without_tensorrt_or_with_a_broken_one_the_reason_is_given(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "MODULES", ("a_tensorrt_that_is_missing",))
    with pytest.raises(ModelError, match=r"^TensorRT cannot be used: it is not installed\.$"):
        build.facts()
    (tmp_path / "a_broken_tensorrt.py").write_text("raise OSError('libnvinfer.so.10: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(build, "MODULES", ("a_broken_tensorrt",))
    with pytest.raises(ModelError, match=r"a_broken_tensorrt does not load \(libnvinfer"):
        build.facts()
    (tmp_path / "what_pip_uninstall_left").mkdir()
    monkeypatch.setattr(build, "MODULES", ("what_pip_uninstall_left",))
    with pytest.raises(ModelError, match="left is not installed completely"):
        build.facts()


@pytest.mark.skipif(Path("/dev/nvidia0").exists() or Path("/etc/nv_tegra_release").exists(), reason="has a GPU")
def test_without_a_gpu_the_reason_is_given():
    with pytest.raises(ModelError, match=r"no NVIDIA GPU|libcudart"):
        cuda.facts()
    cuda.library.cache_clear()


def test_versions_are_spelled_as_people_know_them():
    assert [cuda.spelled(number) for number in (11040, 12060, 13000)] == ["11.4", "12.6", "13.0"]
