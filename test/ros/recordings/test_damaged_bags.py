"""What crashes, power cuts and bad copies leave of a bag: every whole message comes out in order, the rest is said."""

import os
import re
import shutil
from contextlib import closing

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inputs.bags import BAGS, CDR, COUNT, MESSAGES, TOPIC, killed_sqlite, write_bag, write_mcap, write_with_rosbags
from mcap.writer import CompressionType

from illumigan_model.errors import FrameError
from illumigan_ros.recordings.bags import BagReader
from illumigan_ros.recordings.damaged import DamagedMcap


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


@pytest.mark.parametrize("row", BAGS, ids=lambda row: row.name)
def test_every_bag_gives_its_messages_in_order_and_what_is_missing_is_said(tmp_path, row):
    messages, losses = read(row.make(tmp_path / "drive"))
    times = [time_ns for time_ns, _ in MESSAGES]
    assert [time_ns for time_ns, _ in messages] == times[: len(messages)]
    assert [raw[4] for _, raw in messages] == list(range(len(messages)))
    assert row.fewest <= len(messages) <= COUNT
    assert any(row.said in loss for loss in losses) if row.said else losses == []


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
        assert kept < 0.21  # the end of the first chunk, before which there is no whole one
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
        messages, losses = read(file)
    except FrameError as error:
        assert "\n" not in str(error)
        return
    whole = [message for message in messages if message in MESSAGES]
    assert whole == [message for message in MESSAGES if message in whole]
    if kind < 3:  # chunks have a checksum, messages outside of them have none
        assert messages == MESSAGES or losses


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


@pytest.mark.parametrize("ours", [True, False], ids=["written by us", "written by others"])
def test_a_byte_that_flips_in_a_picture_is_noticed_and_told_with_topic_and_time(tmp_path, ours):
    large = [(time_ns, CDR + bytes([index]) * 600_000) for index, (time_ns, _) in enumerate(MESSAGES)]
    bag = write_bag(tmp_path / "drive", large) if ours else tmp_path / "drive"
    file = bag / "drive.mcap"
    if not ours:
        bag.mkdir()
        write_mcap(file, large, compression=CompressionType.NONE)
    content = bytearray(file.read_bytes())
    content[content.index(large[4][1]) + 300_000] ^= 1
    file.write_bytes(content)
    messages, losses = read(bag)
    assert [index for index, message in enumerate(messages) if message != large[index]] == [4]
    assert len(messages) == COUNT
    (told,) = [loss for loss in losses if "checksum" in loss]
    first, last, count = re.search(rf"from ([\d.]+) to ([\d.]+) s: .* \((\d+) of {TOPIC}\)\.$", told).groups()
    assert float(first) <= large[4][0] / 1e9 <= float(last) and 1 <= int(count) <= 2
    assert f"{COUNT - int(count)} messages of it are whole" in losses[0]


def test_a_byte_that_flips_in_the_summary_costs_no_message_and_is_told(tmp_path):
    bag = write_bag(tmp_path / "drive")
    file = bag / "drive.mcap"
    content = bytearray(file.read_bytes())
    content[content.rindex(TOPIC.encode()) + 1] ^= 1
    file.write_bytes(content)
    messages, losses = read(bag)
    assert messages == MESSAGES
    assert losses == ["drive.mcap is damaged in 1 place; 12 messages of it are whole."]


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


def test_a_split_that_is_damaged_costs_only_itself(tmp_path):
    folder = tmp_path / "splits"
    folder.mkdir()
    for index in range(3):
        write_mcap(folder / f"drive_{index}.mcap", MESSAGES[4 * index : 4 * index + 4])
    (folder / "drive_1.mcap").write_bytes(b"")
    messages, (loss,) = read(folder)
    assert messages == MESSAGES[:4] + MESSAGES[8:]
    assert "drive_1.mcap cannot be read" in loss


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
