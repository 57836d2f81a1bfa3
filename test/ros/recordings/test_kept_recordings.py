"""A recording is never lost, whatever ends it: what is there stays, in a bag that others read, the rest is said."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosbags.rosbag2 import Reader

from illumigan_model.errors import FrameError
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.cdr import IMAGE, header_stamp_ns
from illumigan_ros.recordings.time_log import TimeLog

TOPIC = "/image"
TIMEOUT = 60
CUSTOM = "diagnostic_msgs/msg/DiagnosticStatus"
FILL_A_DISK = """
import sys
from pathlib import Path
from illumigan_model.errors import FrameError
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.cdr import IMAGE
bag = BagWriter(Path(sys.argv[1]), keep=True)
bag.add_topic("/image", IMAGE)
try:
    for index in range(40):
        bag.write("/image", index, b"\\0\\1\\0\\0" + bytes([index]) * 300_000)
        bag.flush()
except FrameError as error:
    print(error)
try:
    bag.close()
except FrameError as error:
    print(error)
print("in the bag:", bag.counts)
"""


def read_as_others_do(bag):
    """Return topic -> (time, bytes) of a bag that must be closed, with index and metadata."""
    assert (bag / "metadata.yaml").is_file()
    messages = {}
    with Reader(bag) as reader:
        for connection in reader.connections:
            messages[connection.topic] = []
        for connection, time_ns, raw in reader.messages():
            messages[connection.topic].append((time_ns, raw))
        promised = {connection.topic: connection.msgcount for connection in reader.connections}
        assert promised == {topic: len(found) for topic, found in messages.items()}
    return messages


@pytest.mark.parametrize("disk", ["a full tmpfs", "a limit on the size of files"])
def test_a_full_disk_leaves_a_closed_bag_with_all_that_fits(tmp_path, disk):
    script = [sys.executable, "-c", FILL_A_DISK]
    if disk == "a full tmpfs":
        place = tmp_path / "disk"
        place.mkdir()
        inside = 'mount -t tmpfs -o size=4m tmpfs "$1" && "${@:3}" "$1/bag" && cp -r "$1/bag" "$2"'
        command = ["unshare", "-Urm", "bash", "-c", inside, "bash", place, tmp_path / "bag", *script]
        if shutil.which("unshare") is None or subprocess.run(["unshare", "-Urm", "true"], check=False).returncode:
            pytest.skip("this system does not let users mount")
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    else:
        done = subprocess.run(
            [*script, tmp_path / "bag"],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20)),
        )
    assert done.returncode == 0, done.stderr
    kept = read_as_others_do(tmp_path / "bag")[TOPIC]
    assert kept == [(index, b"\0\1\0\0" + bytes([index]) * 300_000) for index in range(len(kept))]
    assert len(kept) in (12, 13)  # of 13.9 that fit
    assert f"in the bag: {{'/image': {len(kept)}}}" in done.stdout
    assert "The disk is full" in done.stdout and "holds is kept" in done.stdout


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 60_000), min_size=1, max_size=30), limit=st.integers(3_000, 900_000))
def test_wherever_the_disk_fills_up_the_bag_has_its_first_messages(tmp_path, sizes, limit):
    shutil.rmtree(tmp_path / "bag", ignore_errors=True)
    written = [(index, bytes([index]) * size) for index, size in enumerate(sizes)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    bag = BagWriter(tmp_path / "bag", keep=True)
    failed = False
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            bag.add_topic(TOPIC, IMAGE)
            for index, raw in written:
                bag.write(TOPIC, index, raw)
                if index % 3 == 0:
                    bag.flush()
        except FrameError:
            failed = True
        try:
            bag.close()
        except FrameError:
            failed = True
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    kept = read_as_others_do(tmp_path / "bag").get(TOPIC, [])
    assert kept == written[: len(kept)]
    assert bag.counts.get(TOPIC, 0) == len(kept)
    assert failed == (len(kept) < len(written))


def test_a_bag_without_messages_is_a_bag(tmp_path):
    with BagWriter(tmp_path / "bag", keep=True) as bag:
        bag.add_topic(TOPIC, IMAGE)
    assert read_as_others_do(tmp_path / "bag") == {TOPIC: []}


def test_a_topic_never_changes_its_type_within_a_bag(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        bag.add_topic(TOPIC, IMAGE)
        with pytest.raises(FrameError, match=r"has the type sensor_msgs/msg/Image .* cannot have std_msgs/msg/String"):
            bag.add_topic(TOPIC, "std_msgs/msg/String")


def test_hours_of_times_stay_out_of_memory_and_come_back_as_json():
    log = TimeLog()
    for index in range(3):
        log.append(None if index == 1 else index, 10**18 + index)
    assert json.loads(b"".join(log.json())) == [[0, 10**18], [None, 10**18 + 1], [2, 10**18 + 2]]
    assert json.loads(b"".join(TimeLog().json())) == []


@pytest.fixture
def camera():
    """Call with (type, topic, QoS) for a publisher."""
    rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed")
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("kept_recordings", context=context)
    yield lambda kind, topic=TOPIC, qos=50: node.create_publisher(kind, topic, qos)
    node.destroy_node()
    context.try_shutdown()


@pytest.fixture
def record(tmp_path):
    """Call with topics, options and things that do not work: start record_bag into tmp_path / "bag"."""
    children = []

    def start(*arguments, unloadable=(), undefined=(), most_bytes=None, most_waiting=None):
        code = "import resource, sys\nfrom illumigan_ros.recordings.definitions import typestore\n"
        code += "".join(f"sys.modules[{name!r}] = None\n" for name in unloadable)
        code += "".join(f"typestore().fielddefs.pop({name!r})\n" for name in undefined)
        if most_bytes:
            code += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most_bytes}, {most_bytes}))\n"
        if most_waiting:
            code += "from illumigan_ros.recordings import writer_thread\n"
            code += f"writer_thread.MOST_WAITING_BYTES = {most_waiting}\n"
        code += "from illumigan_ros.commands.record_bag import main\nmain()"
        child = subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / "bag", *map(str, arguments)],
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


def image(stamp, size=1000):
    from sensor_msgs.msg import Image

    message = Image(height=1, width=size, step=size, encoding="mono8")
    message.header.stamp.sec = stamp
    message.data.frombytes(os.urandom(size))
    return message


def send(publisher, stamps, size=1000):
    wait(lambda: publisher.get_subscription_count() > 0)
    for stamp in stamps:
        publisher.publish(image(stamp, size))
        time.sleep(0.01)


def wait(condition):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def finish(child, code):
    output, _ = child.communicate(timeout=TIMEOUT)
    assert child.returncode == code, output
    assert "Traceback" not in output
    return output


def stamps_in(messages):
    return [header_stamp_ns(raw) // 10**9 for _, raw in messages]


def recorded(tmp_path):
    """Return how many bytes the recording has so far."""
    return sum(file.stat().st_size for file in (tmp_path / "bag").glob("*.mcap"))


def test_a_disk_that_fills_up_ends_a_recording_and_what_is_there_is_kept(camera, record, tmp_path):
    from sensor_msgs.msg import Image

    publisher = camera(Image)
    child = record(TOPIC, most_bytes=3 << 20)
    send(publisher, range(8), 600_000)
    output = finish(child, 1)
    kept = stamps_in(read_as_others_do(tmp_path / "bag")[TOPIC])
    assert kept == [0, 1, 2, 3, 4]
    assert "recorded 5 messages (/image 5)" in output
    assert "error: The disk is full" in output and "holds is kept" in output


@pytest.mark.parametrize(
    "numbers", [[signal.SIGTERM], [signal.SIGHUP], [signal.SIGINT, signal.SIGINT, signal.SIGTERM]], ids=str
)
def test_every_signal_that_asks_for_an_end_leaves_a_whole_bag(camera, record, tmp_path, numbers):
    from sensor_msgs.msg import Image

    publisher = camera(Image)
    child = record(TOPIC)
    send(publisher, range(5), 300_000)
    wait(lambda: recorded(tmp_path) > 1_400_000)
    for number in numbers:
        child.send_signal(number)
    assert "recorded 5 messages" in finish(child, 0)
    assert stamps_in(read_as_others_do(tmp_path / "bag")[TOPIC]) == [0, 1, 2, 3, 4]


def test_a_killed_recorder_loses_only_the_last_second(camera, record, tmp_path):
    from sensor_msgs.msg import Image

    publisher = camera(Image)
    child = record(TOPIC)
    send(publisher, range(5))
    wait(lambda: recorded(tmp_path) > 5000)
    child.kill()
    child.wait()
    with BagReader(tmp_path / "bag") as reader:
        assert stamps_in([(0, message.raw) for message in reader.messages([TOPIC])]) == [0, 1, 2, 3, 4]
        assert any("its recorder is killed; 5 messages of it are whole" in loss for loss in reader.losses)


def test_a_topic_of_a_type_from_elsewhere_is_left_out_when_it_appears_and_the_others_go_on(camera, record, tmp_path):
    from diagnostic_msgs.msg import DiagnosticStatus
    from sensor_msgs.msg import Image

    publisher = camera(Image)
    child = record(TOPIC, "/late", TOPIC, unloadable=["diagnostic_msgs.msg"])
    send(publisher, range(3))
    camera(DiagnosticStatus, "/late")
    warning, begun = child.stdout.readline(), child.stdout.readline()
    assert begun == "recording 1 topics\n"
    assert warning.startswith(f"warning: /late: left out, as its type {CUSTOM} cannot be loaded here")
    send(publisher, range(3, 6), 600_000)
    wait(lambda: recorded(tmp_path) > 1_800_000)
    child.send_signal(signal.SIGINT)
    output = finish(child, 1)
    assert "recorded 6 messages (/image 6, /late 0)" in output
    assert stamps_in(read_as_others_do(tmp_path / "bag")[TOPIC]) == [0, 1, 2, 3, 4, 5]


def test_a_topic_that_nobody_publishes_costs_none_of_the_others(camera, record, tmp_path):
    from sensor_msgs.msg import Image

    publisher = camera(Image)
    child = record(TOPIC, "/never", "--wait", 4, "--max-messages", 6)
    send(publisher, range(3))
    warning = child.stdout.readline()
    send(publisher, range(3, 6))
    output = finish(child, 1)
    assert warning == "warning: /never: left out, as nobody publishes it after 4 s.\n"
    assert "recorded 6 messages (/image 6, /never 0)" in output
    assert stamps_in(read_as_others_do(tmp_path / "bag")[TOPIC]) == [0, 1, 2, 3, 4, 5]


def test_what_is_odd_is_recorded_all_the_same_and_what_the_disk_is_too_slow_for_is_said(camera, record, tmp_path):
    from diagnostic_msgs.msg import DiagnosticStatus
    from rclpy.qos import QoSDurabilityPolicy, QoSProfile
    from sensor_msgs.msg import CameraInfo, Image

    latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    camera(CameraInfo, "/info", latched).publish(CameraInfo(width=7))
    publisher, unknown = camera(Image), camera(DiagnosticStatus, "/custom")
    child = record(TOPIC, "/info", "/custom", "--max-messages", 5, undefined=[CUSTOM], most_waiting=50_000)
    wait(lambda: unknown.get_subscription_count() > 0 and publisher.get_subscription_count() > 0)
    publisher.publish(b"\0\1\0\0\0\0\0\0")  # too short for a header
    unknown.publish(DiagnosticStatus(name="mine"))
    publisher.publish(image(1, 60_000))
    publisher.publish(image(2))
    assert "lacks 1 messages for which the disk was too slow." in finish(child, 1)
    messages = read_as_others_do(tmp_path / "bag")
    assert {topic: len(found) for topic, found in messages.items()} == {TOPIC: 2, "/info": 1, "/custom": 1}
    with Reader(tmp_path / "bag") as reader:
        definitions = {connection.topic: connection.msgdef.data for connection in reader.connections}
    assert "string hardware_id" in definitions["/custom"] and "MSG: diagnostic_msgs/KeyValue" in definitions["/custom"]


def test_a_recording_of_nothing_leaves_nothing_in_the_way(record, tmp_path):
    assert "error: Nobody publishes /image after 0.2 s." in finish(record(TOPIC, "--wait", 0.2), 2)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_sentence(record, tmp_path):
    (tmp_path / "bag").write_text("a file of mine")
    output = finish(record(TOPIC), 2)
    assert output.startswith("error: ") and "exists already" in output and output.count("\n") == 1
    assert Path(tmp_path / "bag").read_text() == "a file of mine"
