"""What crashes, power cuts and bad copies leave of a bag: every whole message comes out in order, the rest is said."""

import io
import os
import shutil
import sqlite3
from contextlib import closing

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.writer import CompressionType, Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as RosbagsWriter

from illumigan_model.errors import FrameError
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.cdr import IMAGE
from illumigan_ros.recordings.damaged import DamagedMcap
from illumigan_ros.recordings.definitions import typestore

TOPIC = "/camera/image"
COUNT = 12
CDR = b"\x00\x01\x00\x00"
MESSAGES = [(1_600_000_000_000_000_000 + index * 100_000_000, CDR + bytes([index]) * 3000) for index in range(COUNT)]


def write_bag(path, messages=MESSAGES):
    with BagWriter(path) as bag:
        bag.add_topic(TOPIC, IMAGE)
        for time_ns, raw in messages:
            bag.write(TOPIC, time_ns, raw)
    return path


def write_mcap(path, messages=MESSAGES, **options):
    """Write an mcap file as other recorders do: chunks of a few messages, or none, compressed or not."""
    content = io.BytesIO()
    writer = Writer(content, chunk_size=8000, **options)
    writer.start("ros2")
    schema = writer.register_schema(IMAGE, "ros2msg", typestore().generate_msgdef(IMAGE, ros_version=2)[0].encode())
    channel = writer.register_channel(TOPIC, "cdr", schema)
    for time_ns, raw in messages:
        writer.add_message(channel, time_ns, raw, time_ns)
    writer.finish()
    path.write_bytes(content.getvalue())
    return path


def write_with_rosbags(path, storage=StoragePlugin.SQLITE3, compression=None, messages=MESSAGES):
    writer = RosbagsWriter(path, version=8, storage_plugin=storage)
    if compression is not None:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection(TOPIC, IMAGE, typestore=typestore())
        for time_ns, raw in messages:
            writer.write(connection, time_ns, raw)
    return path


def read(path):
    """Return what comes out of a bag, and the sentences on what is missing."""
    with BagReader(path) as reader:
        messages = [(message.time_ns, message.raw) for message in reader.messages([TOPIC])]
        assert all(type(raw) is bytes for _, raw in messages)
        return messages, reader.losses


@pytest.fixture(autouse=True)
def nothing_stays_in_the_temporary_folder(tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.fixture(scope="module")
def mcap_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contents")
    kinds = [{"compression": kind} for kind in CompressionType] + [{"use_chunking": False}]
    return [write_mcap(folder / f"{number}.mcap", **options) for number, options in enumerate(kinds)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.integers(0, 3), kept=st.floats(0, 1))
def test_an_mcap_file_cut_anywhere_gives_its_first_messages(mcap_files, tmp_path, kind, kept):
    content = mcap_files[kind].read_bytes()
    file = tmp_path / "cut.mcap"
    file.write_bytes(content[: round(len(content) * kept)])
    try:
        messages, losses = read(file)
    except FrameError as error:
        assert "cannot be read" in str(error)
        assert kept < 0.2
        return
    assert messages == MESSAGES[: len(messages)]
    assert len(messages) == COUNT or losses
    # A message of an uncompressed file is lost only where the cut went through it.
    if kind in (0, 3):
        assert len(messages) >= min(COUNT, round(len(content) * kept) // 3100 - 2)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.integers(0, 3), place=st.floats(0, 1), garbage=st.binary(min_size=1, max_size=64))
def test_garbage_anywhere_costs_only_what_it_hits_and_never_more_than_a_sentence(
    mcap_files, tmp_path, kind, place, garbage
):
    content = bytearray(mcap_files[kind].read_bytes())
    start = round((len(content) - len(garbage)) * place)
    content[start : start + len(garbage)] = garbage
    file = tmp_path / "rotten.mcap"
    file.write_bytes(content)
    try:
        messages, _ = read(file)
    except FrameError as error:
        assert "\n" not in str(error)
        return
    whole = [message for message in messages if message in MESSAGES]
    assert whole == [message for message in MESSAGES if message in whole]


def test_a_bad_chunk_in_the_middle_costs_only_its_own_messages(tmp_path):
    file = write_mcap(tmp_path / "rotten.mcap", compression=CompressionType.ZSTD)
    content = bytearray(file.read_bytes())
    with closing(DamagedMcap(file)) as whole:
        chunk = whole._stretches[1]
    content[chunk.offset + 60 : chunk.offset + 80] = b"\xff" * 20
    file.write_bytes(content)
    messages, losses = read(file)
    assert 0 < COUNT - len(messages) <= 3
    assert messages == [message for message in MESSAGES if message in messages] and messages[-1] == MESSAGES[-1]
    assert "rotten.mcap is damaged in 1 place;" in losses[0]


def test_messages_written_out_of_order_come_in_order_from_an_unclosed_file_too(tmp_path):
    shuffled = [MESSAGES[index] for index in (1, 0, 3, 4, 2, 5, 8, 7, 6, 9, 11, 10)]
    file = write_mcap(tmp_path / "late.mcap", shuffled)
    file.write_bytes(file.read_bytes()[:-40])
    messages, _ = read(file)
    assert messages == MESSAGES


def test_zeros_at_the_end_of_a_file_as_a_power_cut_leaves_them_are_no_messages(tmp_path):
    file = write_mcap(tmp_path / "power.mcap", compression=CompressionType.NONE)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] + bytes(20_000))
    messages, losses = read(file)
    assert messages == MESSAGES[: len(messages)] and len(messages) > 2
    whole = f"{len(messages)} messages of it are whole."
    assert losses == [f"power.mcap is cut off, as when its recorder is killed; {whole}"]


def killed_sqlite(folder, *, checkpointed=6):
    """Write a bag as rosbag2 does whose recorder is killed: the last messages are in the log beside the file."""
    whole = write_with_rosbags(folder.with_name("whole"))
    folder.mkdir()
    live = folder.with_name("live.db3")
    with closing(sqlite3.connect(whole / "whole.db3")) as old, closing(sqlite3.connect(live)) as new:
        new.isolation_level = None
        new.execute("PRAGMA journal_mode=WAL")
        new.execute("PRAGMA wal_autocheckpoint=0")
        dump = list(old.iterdump())
        rows = [line for line in dump if line.startswith('INSERT INTO "messages"')]
        for line in dump:
            if line not in (*rows, "BEGIN TRANSACTION;", "COMMIT;"):
                new.execute(line)
        for line in rows[:checkpointed]:
            new.execute(line)
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for line in rows[checkpointed:]:
            new.execute(line)
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{live}{suffix}", folder / f"drive_0.db3{suffix}")
    return folder


@pytest.mark.parametrize("checkpointed", [0, 6])
def test_what_sqlite_kept_in_its_log_is_read_and_nothing_written_beside_it(tmp_path, checkpointed):
    bag = killed_sqlite(tmp_path / "killed", checkpointed=checkpointed)
    before = {path.name: path.read_bytes() for path in bag.iterdir()}
    bag.chmod(0o555)
    assert read(bag) == (MESSAGES, [])
    assert read(bag / "drive_0.db3") == (MESSAGES, [])
    assert {path.name: path.read_bytes() for path in bag.iterdir()} == before


def test_a_damaged_log_costs_only_what_is_in_it(tmp_path):
    bag = killed_sqlite(tmp_path / "killed")
    (bag / "drive_0.db3-wal").write_bytes(b"\xff" * 5000)
    messages, _ = read(bag)
    assert messages == MESSAGES[:6]


@pytest.mark.parametrize("kept", [0.5, 0.8, 0.99])
def test_a_sqlite_file_that_is_cut_gives_its_first_messages(tmp_path, kept):
    large = [(time_ns, CDR + os.urandom(50_000)) for time_ns, _ in MESSAGES]
    file = write_with_rosbags(tmp_path / "cut", messages=large) / "cut.db3"
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])
    messages, losses = read(tmp_path / "cut")
    assert messages == large[: len(messages)]
    assert kept * COUNT - 2 <= len(messages) < COUNT
    assert f"cut.db3 is damaged; {len(messages)} messages of it are whole." in losses
    assert f"{len(messages)} of 12 messages on {TOPIC} are there." in losses


def test_where_nothing_is_whole_it_is_said_that_the_file_is_damaged(tmp_path):
    file = write_with_rosbags(tmp_path / "cut", messages=MESSAGES[:6]) / "cut.db3"
    file.write_bytes(file.read_bytes()[: 1 << 15])
    with BagReader(file) as reader, pytest.raises(FrameError, match=r"no images on .*; cut.db3 is damaged"):
        reader.pick_image_topic()


@pytest.mark.parametrize("suffix", ["", ".zstd"])
def test_splits_without_metadata_are_read_in_their_natural_order(tmp_path, suffix):
    folder = tmp_path / "splits"
    folder.mkdir()
    for index, message in enumerate(MESSAGES):
        file = write_mcap(folder / f"drive_{index}.mcap", [message])
        if suffix:
            (folder / f"drive_{index}.mcap.zstd").write_bytes(zstandard.compress(file.read_bytes()))
            file.unlink()
    assert read(folder) == (MESSAGES, [])


def test_a_split_that_is_damaged_costs_only_itself(tmp_path):
    folder = tmp_path / "splits"
    folder.mkdir()
    for index in range(3):
        write_mcap(folder / f"drive_{index}.mcap", MESSAGES[4 * index : 4 * index + 4])
    (folder / "drive_1.mcap").write_bytes(b"")
    messages, (loss,) = read(folder)
    assert messages == MESSAGES[:4] + MESSAGES[8:]
    assert "drive_1.mcap cannot be read" in loss


@pytest.mark.parametrize("storage", list(StoragePlugin))
@pytest.mark.parametrize("mode", [CompressionMode.FILE, CompressionMode.MESSAGE])
@pytest.mark.parametrize("metadata", [True, False])
def test_compression_by_file_and_by_message_is_read_with_and_without_metadata(tmp_path, storage, mode, metadata):
    bag = write_with_rosbags(tmp_path / "packed", storage, mode)
    if not metadata:
        (bag / "metadata.yaml").unlink()
    assert read(bag) == (MESSAGES, [])
    (file,) = (path for path in bag.iterdir() if path.name != "metadata.yaml")
    assert read(file) == (MESSAGES, [])


def test_a_compressed_file_that_is_cut_gives_its_first_messages(tmp_path):
    noise = [(time_ns, CDR + os.urandom(200_000)) for time_ns, _ in MESSAGES]
    plain = write_mcap(tmp_path / "plain.mcap", noise, compression=CompressionType.NONE)
    packed = zstandard.compress(plain.read_bytes())
    plain.unlink()
    (tmp_path / "cut.mcap.zstd").write_bytes(packed[: len(packed) // 2])
    messages, losses = read(tmp_path / "cut.mcap.zstd")
    assert messages == noise[: len(messages)] and 4 <= len(messages) <= 6
    assert any("cut.mcap.zstd is cut off or damaged" in loss for loss in losses)


@pytest.mark.parametrize("content", ["", "rosbag2_bagfile_information:\n  version: 5\n  rel", "[1, 2]", "\0\0\0\0"])
def test_empty_and_damaged_metadata_is_noted_and_the_messages_are_read(tmp_path, content):
    bag = write_bag(tmp_path / "drive")
    (bag / "metadata.yaml").write_text(content)
    assert read(bag) == (MESSAGES, [])
    with BagReader(bag) as reader:
        (note,) = reader.notes
    assert "metadata.yaml is empty or damaged" in note


def test_metadata_that_promises_more_than_comes_is_told(tmp_path):
    bag = write_bag(tmp_path / "drive")
    text = (bag / "metadata.yaml").read_text()
    (bag / "metadata.yaml").write_text(text.replace("message_count: 12", "message_count: 15"))
    assert read(bag) == (MESSAGES, [f"12 of 15 messages on {TOPIC} are there."])


def test_metadata_that_names_a_file_which_is_not_there_is_told(tmp_path):
    bag = write_bag(tmp_path / "drive")
    text = (bag / "metadata.yaml").read_text()
    (bag / "metadata.yaml").write_text(text.replace("- drive.mcap\n", "- drive.mcap\n  - drive_1.mcap\n"))
    assert read(bag) == (MESSAGES, ["metadata.yaml names drive_1.mcap, which is not there."])


def test_files_that_were_renamed_or_came_after_the_metadata_are_read(tmp_path):
    renamed = write_bag(tmp_path / "drive")
    (renamed / "drive.mcap").rename(renamed / "monday.mcap")
    assert read(renamed) == (MESSAGES, [])
    later = write_bag(tmp_path / "run_0", MESSAGES[:8])
    write_mcap(later / "run_1.mcap", MESSAGES[8:])
    assert read(later) == (MESSAGES, [])


def test_a_file_beside_its_own_compressed_copy_is_read_once(tmp_path):
    file = write_mcap(tmp_path / "drive_0.mcap")
    (tmp_path / "drive_0.mcap.zstd").write_bytes(zstandard.compress(file.read_bytes()))
    (tmp_path / "._drive_0.mcap").write_bytes(b"left by another system")
    assert read(tmp_path) == (MESSAGES, [])


@pytest.mark.parametrize("name", ["x.mcap", "x.bag", "drive #3?", "50%"])
def test_a_folder_is_a_bag_whatever_it_is_called(tmp_path, name):
    assert read(write_bag(tmp_path / name)) == (MESSAGES, [])
    write_with_rosbags(tmp_path / "plain")
    shutil.move(tmp_path / "plain", tmp_path / f"sql{name}")
    assert read(tmp_path / f"sql{name}") == (MESSAGES, [])


@pytest.mark.parametrize("name", ["bag", "drive.mp4", "drive.db3", "MY.MCAP"])
def test_a_file_is_what_it_holds_whatever_it_is_called(tmp_path, name):
    assert read(write_mcap(tmp_path / name)) == (MESSAGES, [])
