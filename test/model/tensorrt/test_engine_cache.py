"""The cache of engines: a real program builds them in real folders, and what can go wrong on a robot goes wrong."""

import json
import os
import shlex
from pathlib import Path

import pytest

from illumigan_model.errors import ModelError
from illumigan_model.tensorrt import build, engine_cache
from illumigan_model.tensorrt.engine_cache import TENSORRT, Builder


def names(folder: Path) -> list[str]:
    return sorted("engine" if path.suffix == ".engine" else path.name for path in folder.iterdir())


def test_an_engine_is_built_once_and_found_from_then_on(workshop):
    with pytest.raises(ModelError, match="illumigan build-engine"):
        workshop.find()
    assert not workshop.cache.exists()  # looking leaves nothing behind
    said = []
    engine = workshop.build("time.sleep(0.5)", on_progress=said.append)
    assert engine.read_bytes().endswith(b"fp16")
    assert "parsing" in said
    assert workshop.find() == workshop.build() == engine
    assert len(workshop.runs()) == 1
    assert engine.parent.parent == workshop.cache
    assert names(engine.parent) == ["engine", "lock", "record.json"]
    for path in (workshop.cache.parent, workshop.cache, engine.parent):
        assert path.stat().st_mode & 0o777 == 0o700
    for path in engine.parent.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    purpose = json.loads((engine.parent / "record.json").read_text())["for"]
    assert set(purpose) == {"onnx", "precision", "shapes", "dla", "facts", "options"}
    assert (purpose["facts"], purpose["dla"]) == (workshop.facts, "none")


@pytest.mark.parametrize("changed", [{"gpu": "Xavier"}, {"tensorrt": "10.3.1"}, {"driver": "541"}, {"l4t": "36.4"}])
def test_the_engine_of_another_gpu_or_version_is_not_used(workshop, changed):
    engine = workshop.build()
    others = workshop.facts | changed
    with pytest.raises(ModelError, match=r"no engine of curve_grid\.onnx"):
        workshop.find(facts=others)
    assert workshop.build(facts=others) != engine


def test_another_network_or_precision_has_another_engine(workshop, tmp_path):
    engine = workshop.build()
    assert workshop.build(precision="fp32").read_bytes() != engine.read_bytes()
    copy = tmp_path / "a copy of the same.onnx"
    copy.write_bytes(workshop.onnx.read_bytes())
    assert workshop.find(onnx=copy) == engine
    copy.write_bytes(workshop.onnx.read_bytes() + b"!")
    with pytest.raises(ModelError, match="no engine"):
        workshop.find(onnx=copy)
    with pytest.raises(ModelError, match=r"int4.*fp32 or fp16"):
        workshop.build(precision="int4")
    with pytest.raises(ModelError, match=r"none\.onnx cannot be read"):
        workshop.build(onnx=tmp_path / "none.onnx")


def test_the_advice_calls_the_network_what_the_user_calls_it_and_can_be_pasted_into_a_shell(workshop, tmp_path):
    builder = workshop.builder()
    with pytest.raises(ModelError, match=r"--model curve_grid --precision fp16\.$"):
        engine_cache.find(workshop.onnx, "fp16", builder, "curve_grid")
    mine = tmp_path / "my night; model.onnx"
    mine.write_bytes(workshop.onnx.read_bytes())
    for onnx, model in ((workshop.onnx, str(mine)), (mine, "")):
        with pytest.raises(ModelError, match="build it: ") as refusal:
            engine_cache.find(onnx, "fp16", builder, model)
        command = str(refusal.value).partition("build it: ")[2].removesuffix(".")
        assert shlex.split(command)[3] == str(mine)


def flip_a_byte(engine):
    content = bytearray(engine.read_bytes())
    content[len(content) // 2] ^= 1
    engine.write_bytes(content)


def rename_the_gpu(record):
    text = record.read_text()
    assert "Orin" in text
    record.write_text(text.replace("Orin", "Xavier"))


DAMAGES = {
    "sha256 differs": flip_a_byte,
    "65000 bytes, and 68000": lambda engine: os.truncate(engine, 65000),
    "record is missing": lambda engine: (engine.parent / "record.json").unlink(),
    "record cannot be read": lambda engine: os.truncate(engine.parent / "record.json", 30),
    "another purpose": lambda engine: rename_the_gpu(engine.parent / "record.json"),
    "it is missing": lambda engine: engine.unlink(),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_engine_is_set_aside_and_built_again_once(workshop, what):
    engine = workshop.build()
    good = engine.read_bytes()
    DAMAGES[what](engine)
    bad = engine.read_bytes() if engine.exists() else None
    with pytest.raises(ModelError, match=what):
        workshop.find()
    aside = engine.with_name("engine.bad")
    assert (aside.read_bytes() if bad else None) == bad
    with pytest.raises(ModelError, match="no engine"):  # it was told once; now there is none
        workshop.find()
    assert workshop.build().read_bytes() == good
    assert workshop.find() == engine
    DAMAGES[what](engine)  # and where nobody has looked before
    assert workshop.build().read_bytes() == good
    assert len(workshop.runs()) == 3
    DAMAGES[what](engine)
    with pytest.raises(ModelError, match=r"broken for good\.$"):
        workshop.build("sys.exit('broken for good')")
    assert len(workshop.runs()) == 4


def test_an_engine_that_others_could_have_written_is_not_used(workshop):
    engine = workshop.build()
    for path in (engine, engine.parent / "record.json", engine.parent, workshop.cache):
        mode = path.stat().st_mode
        path.chmod(mode | 0o020)
        for get in (workshop.find, workshop.build):
            with pytest.raises(ModelError, match="Others may write"):
                get()
        path.chmod(mode)
        with pytest.MonkeyPatch.context() as patch:
            if os.geteuid() == 0:
                os.chown(path, 4711, -1)
            else:
                patch.setattr(os, "geteuid", lambda: 4711)
            for get in (workshop.find, workshop.build):
                with pytest.raises(ModelError, match="belongs to another user"):
                    get()
        os.chown(path, os.geteuid(), -1)
    assert workshop.find() == engine
    assert len(workshop.runs()) == 1


def test_it_is_private_wherever_groups_may_write_by_default(workshop):
    before = os.umask(0o002)
    try:
        workshop.cache.parent.mkdir(parents=True)  # as others do who keep something beside the engines
        engine = workshop.build()
    finally:
        os.umask(before)
    assert workshop.find() == engine
    assert engine.parent.stat().st_mode & 0o777 == 0o700
    assert engine.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("print('Error: the GPU is on fire.\\n\\n'); sys.exit(3)", r"failed: Error: the GPU is on fire\.$"),
        ("sys.exit(3)", r"failed: parsing\.$"),
        ("raise ValueError('no such layer')", r"failed: ValueError: no such layer\.$"),
        ("os.close(1); os.close(2); os._exit(7)", "failed: parsing"),
        ("os.kill(os.getpid(), 9)", r"ended by SIGKILL; the memory may have run out\.$"),
        ("os.kill(os.getpid(), 11)", r"ended by SIGSEGV\.$"),
        ("sys.exit(0)", "left no engine"),
        ("open(target, 'w'); sys.exit(0)", "left no engine"),
        ("open(target, 'w').write('half of it'); sys.exit(1)", "failed: parsing"),
        ("open(onnx, 'ab').write(b'!')", "has changed while its engine was being built"),
    ],
)
def test_a_builder_that_fails_is_quoted_and_leaves_nothing(workshop, tmp_path, body, complaint):
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(workshop.onnx.read_bytes())
    with pytest.raises(ModelError, match=complaint):
        workshop.build(body, onnx=copy)
    (folder,) = workshop.cache.iterdir()
    assert names(folder) == ["lock"]
    assert workshop.build(onnx=copy).exists()


def test_a_builder_that_is_not_there_is_one_sentence(workshop):
    nobody = Builder(("/no/such/program",), lambda: workshop.facts)
    with pytest.raises(ModelError, match="no/such/program"):
        engine_cache.build(workshop.onnx, "fp16", workshop.patience, lambda _: None, nobody)


@pytest.mark.parametrize("body", ["time.sleep(3600)", "os.close(1); os.close(2); time.sleep(3600)"])
def test_a_builder_that_takes_too_long_is_ended_with_all_it_started(workshop, body):
    grandchild = "import subprocess; print(subprocess.Popen(['sleep', '3600']).pid, flush=True)\n"
    said = []
    with pytest.raises(ModelError, match="more than 1 s"):
        workshop.build(grandchild + body, timeout_s=1, on_progress=said.append)
    grandchildren = [int(line) for line in said if line.isdigit()]
    assert grandchildren
    workshop.wait_until_ended(*workshop.runs(), *grandchildren)
    assert workshop.build().exists()


def test_whoever_listens_to_the_progress_can_end_it(workshop):
    class NoLongerWanted(Exception):
        pass

    def stop(said: str) -> None:
        if said == "parsing":
            raise NoLongerWanted

    with pytest.raises(NoLongerWanted):
        workshop.build("time.sleep(3600)", on_progress=stop)
    workshop.wait_until_ended(*workshop.runs())
    assert workshop.build().exists()


def test_with_tensorrt_for_rtx_a_real_engine_is_built_and_a_bad_graph_refused(workshop, tmp_path, monkeypatch):
    trt = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx-cu13 exists for x86-64 only")
    pytest.importorskip("onnx", reason="half precision needs onnx")
    builder = TENSORRT._replace(
        facts=lambda: {"tensorrt": trt.__version__}
    )  # the GPU it asks for is not needed to build
    said = []
    engine = engine_cache.build(workshop.onnx, "fp16", workshop.patience, said.append, builder)
    assert any("Building an engine of curve_grid.onnx in fp16" in line for line in said)
    assert engine.stat().st_size > 10_000
    assert engine_cache.find(workshop.onnx, "fp16", builder) == engine
    monkeypatch.setattr(build, "WORKSPACE", 1 << 29)  # as in another version of this package
    with pytest.raises(ModelError, match="no engine"):
        engine_cache.find(workshop.onnx, "fp16", builder)
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(workshop.onnx.read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"Building the engine failed: .*bad\.onnx"):
        engine_cache.build(bad, "fp16", workshop.patience, said.append, builder)
