"""The cache of engines where processes share it, are killed, or find a disk that is full or read-only."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from illumigan_model.errors import ModelError

ROOT = Path(__file__).parents[3]

# A process that builds an engine: its arguments are what the engine is for, the graph and the builder's command.
CHILD = """
import json, sys
from pathlib import Path
from illumigan_model import errors
from illumigan_model.tensorrt import engine_cache
facts, graph, *command = sys.argv[1:]
builder = engine_cache.Builder(tuple(command), lambda: json.loads(facts))
try:
    print(engine_cache.build(Path(graph), "fp16", 60, lambda said: print(said, flush=True), builder))
except errors.ModelError as error:
    print("error:", error)
"""


@pytest.fixture
def child(workshop):
    """Call to start a process; those that still run after the test are killed."""
    processes = []

    def start(body="", *, before=(), **options):
        arguments = [json.dumps(workshop.facts), str(workshop.onnx), *workshop.builder(body).command]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        command = [*before, sys.executable, "-c", CHILD, *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        processes.append(subprocess.Popen(command, env=environment, **pipes, **options))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def last_line(workshop, process):
    output, _ = process.communicate(timeout=workshop.patience)
    assert process.returncode == 0, output
    return output.splitlines()[-1]


def in_its_own_eyes(mount, then="true"):
    """The beginning of a command for which something else is mounted; that is gone when the command has ended."""
    before = ["unshare", "-rm", "sh", "-c", f'{mount} && "$@" && {then}', "sh"]
    if subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    return before


def test_of_two_processes_one_builds_and_the_other_waits_for_the_engine(workshop, child, tmp_path):
    until_told = f"while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.02)"
    first = child(until_told)
    workshop.wait_until(workshop.runs)
    second = child(until_told)
    assert "another process is building it already" in second.stdout.readline()
    (tmp_path / "go").touch()
    assert last_line(workshop, first) == last_line(workshop, second) == str(workshop.find())
    assert len(workshop.runs()) == 1


def test_who_waits_for_another_process_has_patience_but_not_for_ever(workshop, child):
    child("time.sleep(3600)")
    workshop.wait_until(workshop.runs)
    with pytest.raises(ModelError, match=r"Another process .* for over 0\.3 s"):
        workshop.build(timeout_s=0.3)


def test_a_process_that_is_killed_while_it_builds_leaves_no_lock_and_no_builder(workshop, child):
    killed = child("open(target, 'w').write('half of it'); time.sleep(3600)")
    workshop.wait_until(lambda: list(workshop.cache.glob("*/.*.part")))
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=workshop.patience)
    workshop.wait_until_ended(*workshop.runs())
    engine = workshop.build()
    assert sorted(path.name for path in engine.parent.iterdir()) == [engine.name, "lock", "record.json"]


def test_a_builder_that_is_killed_is_told_and_the_next_try_works(workshop, child):
    process = child("time.sleep(3600)")
    workshop.wait_until(workshop.runs)
    os.kill(workshop.runs()[0], signal.SIGKILL)
    assert "ended by SIGKILL" in last_line(workshop, process)
    assert workshop.build().exists()


def test_a_read_only_cache_gives_what_it_has_and_says_that_nothing_can_be_added(workshop, child):
    base = workshop.cache.parents[1]
    base.mkdir()
    read_only = in_its_own_eyes(f"mount --bind {base} {base} && mount -o remount,bind,ro {base}")
    refused = last_line(workshop, child(before=read_only))
    assert refused.startswith(f"error: The engine cannot be kept in {workshop.cache}")
    assert "(Read-only file system)" in refused
    assert "XDG_CACHE_HOME" in refused
    assert not workshop.runs()
    engine = workshop.build()
    assert last_line(workshop, child(before=read_only)) == str(engine)
    os.truncate(engine, 1000)
    assert "(Read-only file system)" in last_line(workshop, child(before=read_only))
    assert len(workshop.runs()) == 1


FULL_DISKS = {
    "size=40k": r"Building the engine failed: OSError: \[Errno 28\] No space left on device\.",
    "nr_inodes=2": r"The engine cannot be kept in .* \(No space left on device\)",  # not even room for the folders
    "nr_inodes=6": r"The engine cannot be kept in .* \(No space left on device\)",  # for the engine, not for its record
}


@pytest.mark.parametrize("disk", FULL_DISKS)
def test_a_full_disk_is_one_sentence_and_stays_as_it_was(workshop, child, disk):
    base = workshop.cache.parents[1]
    base.mkdir()
    full = in_its_own_eyes(f"mount -t tmpfs -o {disk},mode=700 tmpfs {base}", then=f"find {base} -type f")
    output, _ = child(before=full).communicate(timeout=workshop.patience)
    (sentence,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert re.match("error: " + FULL_DISKS[disk], sentence)
    left = [Path(line).name for line in output.splitlines() if line.startswith(str(base))]
    assert left == ([] if disk == "nr_inodes=2" else ["lock"])


def test_files_that_must_not_grow_are_a_full_disk_too(workshop, child):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

    sentence = last_line(workshop, child(preexec_fn=limit))
    assert sentence == "error: Building the engine failed: OSError: [Errno 27] File too large."
    (folder,) = workshop.cache.iterdir()
    assert [path.name for path in folder.iterdir()] == ["lock"]
