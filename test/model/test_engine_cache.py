"""The cache of engines: a real program builds them, in real folders, and what can go wrong on a robot goes wrong."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from illumigan_model import engine_cache
from illumigan_model.engine_cache import Builder
from illumigan_model.errors import ModelError
from illumigan_model.weights import find_weights

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
FACTS = {"tensorrt": "10.3.0", "gpu": "Orin", "driver": "540.4"}

# An engine that tells what it was built from; each run leaves a line in the file that is its first argument.
PROGRAM = """
import hashlib, os, sys, time
runs, onnx, target, precision = sys.argv[1:]
with open(runs, "a") as file:
    file.write(f"{os.getpid()}\\n")
print("parsing", flush=True)
content = hashlib.sha256(open(onnx, "rb").read()).hexdigest() + precision
{body}
with open(target, "wb") as file:
    file.write(1000 * content.encode())
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "illumigan" / "trt"


@pytest.fixture
def onnx() -> Path:
    return find_weights("curve_grid", (".onnx",))


@pytest.fixture
def program(tmp_path):
    """Call with some lines to run before the engine is written: a builder."""

    def make(body: str = "", facts: dict[str, str] | None = None) -> Builder:
        script = tmp_path / "program.py"
        script.write_text(PROGRAM.replace("{body}", body))
        command = (sys.executable, "-I", "-S", str(script), str(tmp_path / "runs"))
        return Builder(command, lambda: facts or FACTS)

    return make


@pytest.fixture
def runs(tmp_path):
    """The process ids of all builders so far."""
    path = tmp_path / "runs"
    return lambda: [int(line) for line in path.read_text().split()] if path.exists() else []


def build(onnx, builder, *, timeout_s=PATIENCE, precision="fp16", on_progress=lambda _: None):
    return engine_cache.build(onnx, precision, timeout_s, on_progress, builder)


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def names(folder: Path) -> list[str]:
    return sorted(path.name if path.suffix != ".engine" else "engine" for path in folder.iterdir())


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_an_engine_is_built_once_and_found_from_then_on(onnx, program, runs, cache):
    with pytest.raises(ModelError, match="illumigan build-engine"):
        engine_cache.find(onnx, "fp16", program())
    assert not cache.exists()  # looking leaves nothing behind
    said = []
    engine = build(onnx, program("time.sleep(0.5)"), on_progress=said.append)
    assert engine.read_bytes().endswith(b"fp16")
    assert "parsing" in said
    assert engine_cache.find(onnx, "fp16", program()) == build(onnx, program()) == engine
    assert len(runs()) == 1
    assert engine.parent.parent == cache
    assert names(engine.parent) == ["engine", "lock", "record.json"]
    for path in (cache.parent, cache, engine.parent):
        assert path.stat().st_mode & 0o777 == 0o700
    for path in engine.parent.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads((engine.parent / "record.json").read_text())["for"]["facts"] == FACTS


@pytest.mark.parametrize("changed", [{"gpu": "Xavier"}, {"tensorrt": "10.3.1"}, {"driver": "541"}, {"l4t": "36.4"}])
def test_the_engine_of_another_gpu_or_version_is_not_used(onnx, program, changed):
    engine = build(onnx, program())
    other = program(facts=FACTS | changed)
    with pytest.raises(ModelError, match=r"no engine of curve_grid\.onnx"):
        engine_cache.find(onnx, "fp16", other)
    assert build(onnx, other) != engine
    assert engine_cache.find(onnx, "fp16", program()) == engine  # back on the first machine, it is still there


def test_another_network_or_precision_has_another_engine(onnx, program, tmp_path):
    engine = build(onnx, program())
    assert build(onnx, program(), precision="fp32").read_bytes() != engine.read_bytes()
    copy = tmp_path / "a copy of the same.onnx"
    copy.write_bytes(onnx.read_bytes())
    assert engine_cache.find(copy, "fp16", program()) == engine
    copy.write_bytes(onnx.read_bytes() + b"!")
    with pytest.raises(ModelError, match="no engine"):
        engine_cache.find(copy, "fp16", program())
    with pytest.raises(ModelError, match=r"int4.*fp32 or fp16"):
        build(onnx, program(), precision="int4")
    with pytest.raises(ModelError, match=r"none\.onnx cannot be read"):
        build(tmp_path / "none.onnx", program())


def flip_a_byte(engine):
    content = bytearray(engine.read_bytes())
    content[len(content) // 2] ^= 1
    engine.write_bytes(content)


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


DAMAGES = {
    "sha256 differs": flip_a_byte,
    "65000 bytes, and 68000": lambda engine: os.truncate(engine, 65000),
    "record is missing": lambda engine: (engine.parent / "record.json").unlink(),
    "record cannot be read": lambda engine: os.truncate(engine.parent / "record.json", 30),
    "another purpose": lambda engine: replace(engine.parent / "record.json", "Orin", "Xavier"),
    "it is missing": lambda engine: engine.unlink(),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_engine_is_set_aside_and_built_again_once(onnx, program, runs, what):
    engine = build(onnx, program())
    good = engine.read_bytes()
    DAMAGES[what](engine)
    bad = engine.read_bytes() if engine.exists() else None
    with pytest.raises(ModelError, match=what):
        engine_cache.find(onnx, "fp16", program())
    aside = engine.with_name("engine.bad")
    assert (aside.read_bytes() if bad else None) == bad
    with pytest.raises(ModelError, match="no engine"):  # it was told once; now there is none
        engine_cache.find(onnx, "fp16", program())
    assert build(onnx, program()).read_bytes() == good
    assert engine_cache.find(onnx, "fp16", program()) == engine
    DAMAGES[what](engine)  # and where nobody looked before
    assert build(onnx, program()).read_bytes() == good
    assert len(runs()) == 3
    with pytest.raises(ModelError, match=r"broken for good\.$"):
        DAMAGES[what](engine)
        build(onnx, program("sys.exit('broken for good')"))
    assert len(runs()) == 4


def test_an_engine_that_others_could_have_written_is_not_used(onnx, program, runs, cache, monkeypatch):
    engine = build(onnx, program())
    for path in (engine, engine.parent / "record.json", engine.parent, cache):
        mode = path.stat().st_mode
        path.chmod(mode | 0o020)
        with pytest.raises(ModelError, match="Others may write"):
            engine_cache.find(onnx, "fp16", program())
        path.chmod(mode)
        if os.geteuid() == 0:
            os.chown(path, 4711, -1)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: 4711)
        for get in (engine_cache.find, lambda *given: build(given[0], given[2])):
            with pytest.raises(ModelError, match="belongs to another user"):
                get(onnx, "fp16", program())
        if os.geteuid() == 0:
            os.chown(path, 0, -1)
        monkeypatch.undo()
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parents[1]))
    assert engine_cache.find(onnx, "fp16", program()) == engine
    assert len(runs()) == 1


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
def test_a_builder_that_fails_is_quoted_and_leaves_nothing(onnx, program, tmp_path, cache, body, complaint):
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(onnx.read_bytes())
    with pytest.raises(ModelError, match=complaint):
        build(copy, program(body))
    (folder,) = cache.iterdir()
    assert names(folder) == ["lock"]
    assert build(copy, program()).exists()


def test_a_builder_that_is_not_there_is_one_sentence(onnx):
    with pytest.raises(ModelError, match="no/such/program"):
        build(onnx, Builder(("/no/such/program",), lambda: FACTS))


@pytest.mark.parametrize("body", ["time.sleep(3600)", "os.close(1); os.close(2); time.sleep(3600)"])
def test_a_builder_that_takes_too_long_is_ended_with_all_it_started(onnx, program, runs, body):
    grandchild = "import subprocess; print(subprocess.Popen(['sleep', '3600']).pid, flush=True)\n"
    said = []
    with pytest.raises(ModelError, match="more than 1 s"):
        build(onnx, program(grandchild + body), timeout_s=1, on_progress=said.append)
    grandchildren = [int(line) for line in said if line.isdigit()]
    assert grandchildren
    wait_until(lambda: not any(map(is_alive, [*runs(), *grandchildren])))
    assert build(onnx, program()).exists()


def test_whoever_listens_to_the_progress_can_end_it(onnx, program, runs):
    class NoLongerWanted(Exception):
        pass

    def stop(said: str) -> None:
        if said == "parsing":
            raise NoLongerWanted

    with pytest.raises(NoLongerWanted):
        build(onnx, program("time.sleep(3600)"), on_progress=stop)
    assert not any(map(is_alive, runs()))
    assert build(onnx, program()).exists()


# A process that builds an engine; its arguments are the graph and the builder's command.
CHILD = f"""
import sys
from pathlib import Path
from illumigan_model import engine_cache, errors
builder = engine_cache.Builder(tuple(sys.argv[2:]), lambda: {FACTS})
try:
    print(engine_cache.build(Path(sys.argv[1]), "fp16", {PATIENCE}, lambda said: print(said, flush=True), builder))
except errors.ModelError as error:
    print("error:", error)
"""


def child(onnx, builder, *, before=(), **options):
    command = [*before, sys.executable, "-c", CHILD, str(onnx), *builder.command]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, env=environment, **pipes, **options)


def last_line(process):
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output
    return output.splitlines()[-1]


def on_a_disk(mount):
    """The beginning of a command in whose eyes another disk is mounted; it is gone when the command ends."""
    before = ["unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh"]
    if subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    return before


def test_of_two_processes_one_builds_and_the_other_waits_for_the_engine(onnx, program, runs, tmp_path):
    builder = program(f"while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.02)")
    first = child(onnx, builder)
    wait_until(runs)
    second = child(onnx, builder)
    assert "another process is building it already" in second.stdout.readline()
    (tmp_path / "go").touch()
    assert last_line(first) == last_line(second) == str(engine_cache.find(onnx, "fp16", builder))
    assert len(runs()) == 1


def test_who_waits_for_another_process_has_patience_but_not_for_ever(onnx, program, runs):
    other = child(onnx, program("time.sleep(3600)"))
    wait_until(runs)
    try:
        with pytest.raises(ModelError, match=r"Another process .* for over 0\.3 s"):
            build(onnx, program(), timeout_s=0.3)
    finally:
        other.kill()
        other.communicate()


def test_a_process_that_is_killed_while_it_builds_leaves_no_lock_and_no_builder(onnx, program, runs, cache):
    killed = child(onnx, program("open(target, 'w').write('half of it'); time.sleep(3600)"))
    wait_until(lambda: list(cache.glob("*/*.part")))
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=PATIENCE)
    wait_until(lambda: not is_alive(runs()[0]))
    engine = build(onnx, program())
    assert names(engine.parent) == ["engine", "lock", "record.json"]


def test_a_read_only_cache_gives_what_it_has_and_says_that_nothing_can_be_added(onnx, program, runs, cache):
    cache.parents[1].mkdir()
    read_only = on_a_disk(
        f"mount --bind {cache.parents[1]} {cache.parents[1]} && mount -o remount,bind,ro {cache.parents[1]}"
    )
    refused = last_line(child(onnx, program(), before=read_only))
    assert refused.startswith(f"error: The engine cannot be kept in {cache}")
    assert "(Read-only file system)" in refused
    assert "XDG_CACHE_HOME" in refused
    assert not runs()
    engine = build(onnx, program())
    assert last_line(child(onnx, program(), before=read_only)) == str(engine)
    flip_a_byte(engine)
    assert "(Read-only file system)" in last_line(child(onnx, program(), before=read_only))
    assert len(runs()) == 1


FULL_DISKS = {
    "size=40k": r"Building the engine failed: OSError: \[Errno 28\] No space left on device\.",
    "nr_inodes=2": r"The engine cannot be kept in .* \(No space left on device\)",  # not even for the folders
    "nr_inodes=6": r"The engine cannot be kept in .* \(No space left on device\)",  # for the engine, not for its record
}


@pytest.mark.parametrize("disk", FULL_DISKS)
def test_a_full_disk_is_one_sentence_and_stays_as_it_was(onnx, program, cache, disk):
    base = cache.parents[1]
    base.mkdir()
    listing = f"find {base} -type f"
    script = f'mount -t tmpfs -o {disk},mode=700 tmpfs {base} && "$@" && {listing} && exec true'
    full = ["unshare", "-rm", "sh", "-c", script, "sh"]
    on_a_disk(f"mount -t tmpfs tmpfs {base}")  # or skip
    process = child(onnx, program(), before=full)
    output, _ = process.communicate(timeout=PATIENCE)
    (sentence,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert re.match("error: " + FULL_DISKS[disk], sentence)
    assert all(line.endswith("/lock") for line in output.splitlines() if line.startswith(str(base)))


def test_files_that_must_not_grow_are_a_full_disk_too(onnx, program, cache):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

    assert last_line(child(onnx, program(), preexec_fn=limit)).endswith("failed: OSError: [Errno 27] File too large.")
    (folder,) = cache.iterdir()
    assert names(folder) == ["lock"]


WITH_TENSORRT_RTX = """
import pathlib, sys
import tensorrt_rtx as trt
onnx, target, precision = sys.argv[1:]
logger = trt.Logger(trt.Logger.ERROR)
builder = trt.Builder(logger)
network = builder.create_network()
parser = trt.OnnxParser(network, logger)
if not parser.parse(pathlib.Path(onnx).read_bytes()):
    sys.exit(parser.get_error(0).desc())
print("optimizing", flush=True)
pathlib.Path(target).write_bytes(builder.build_serialized_network(network, builder.create_builder_config()))
"""


def test_with_tensorrt_for_rtx_a_real_engine_is_built_and_a_bad_graph_refused(onnx, tmp_path):
    trt = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx-cu13 exists for x86-64 only")
    (tmp_path / "build.py").write_text(WITH_TENSORRT_RTX)
    builder = Builder((sys.executable, str(tmp_path / "build.py")), lambda: {"tensorrt": trt.__version__})
    said = []
    engine = build(onnx, builder, on_progress=said.append)
    assert "optimizing" in said
    assert engine.stat().st_size > 10_000
    assert engine_cache.find(onnx, "fp16", builder) == engine
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(onnx.read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"Building the engine failed: .*[Pp]arse"):
        build(bad, builder)
