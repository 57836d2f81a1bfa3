"""What goes from the cache of engines when a new one has been built, and what must never go."""

import json
import os
import shutil
import sys
import threading
import time

import pytest

from illumigan_model.system.child_process import unwatched
from illumigan_model.tensorrt.engine_folder import in_use, locked
from illumigan_model.tensorrt.engine_list import listed, prune

UPGRADES = [{"tensorrt": "10.7.0"}, {"driver": "560"}, {"l4t": "36.5"}]


def engines(workshop):
    return {one.record.engine for one in listed(workshop.cache)}


def made_yesterday(path):
    os.utime(path, 2 * (time.time() - 90_000,))


@pytest.mark.parametrize("upgrade", UPGRADES)
def test_after_an_upgrade_the_new_engine_replaces_the_old_one(workshop, upgrade):
    old = workshop.build()
    assert workshop.build() == old  # nothing new
    new = workshop.build(facts=workshop.facts | upgrade)
    assert engines(workshop) == {new}
    assert not old.parent.exists()


def test_what_the_new_engine_does_not_replace_stays(workshop, tmp_path):
    network = tmp_path / "another.onnx"
    network.write_bytes(workshop.onnx.read_bytes() + b"!")
    others = {
        workshop.build(precision="fp32"),
        workshop.build(onnx=network),
        workshop.build(facts=workshop.facts | {"gpu": "Xavier"}),  # another machine, with the same home folder
        workshop.build(facts=workshop.facts | {"gpu": "Xavier", "compute_capability": "7.2"}),
    }
    assert len(others) == 4
    new = workshop.build(facts=workshop.facts | UPGRADES[0])
    assert engines(workshop) == {*others, new}


def test_the_engine_of_another_environment_on_the_same_gpu_stays(workshop, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "prefix", "/another/environment")
        theirs = workshop.build()
    ours = workshop.build(facts=workshop.facts | UPGRADES[0])
    assert engines(workshop) == {theirs, ours}


def test_an_engine_that_a_process_runs_stays_until_it_has_ended(workshop):
    old = workshop.build()
    with in_use(old):
        second = workshop.build(facts=workshop.facts | UPGRADES[0])
        assert engines(workshop) == {old, second}
    third = workshop.build(facts=workshop.facts | UPGRADES[1])
    assert engines(workshop) == {third}


def test_a_folder_that_a_process_builds_in_stays(workshop):
    old = workshop.build()
    with locked(old.parent, 0, unwatched):
        (old.parent / ".half.0.part").touch()
        made_yesterday(old.parent / ".half.0.part")
        new = workshop.build(facts=workshop.facts | UPGRADES[0])
    assert engines(workshop) == {old, new}
    assert (old.parent / ".half.0.part").exists()


def test_what_was_set_aside_or_left_over_goes_after_a_day(workshop, tmp_path):
    others = workshop.facts | {"gpu": "Xavier"}
    theirs = workshop.build(facts=others)
    left_over = [theirs.parent / name for name in ("engine.bad", ".half.0.part")]
    for path in left_over:
        path.touch()
    unfinished = workshop.cache / "unfinished"
    unfinished.mkdir(mode=0o700)
    (unfinished / "1234.engine").touch()  # a machine that lost its power before there was a record
    ours = workshop.build()
    assert all(path.exists() for path in (*left_over, unfinished / "1234.engine"))
    for path in (*left_over, unfinished / "1234.engine"):
        made_yesterday(path)
    workshop.build(facts=workshop.facts | UPGRADES[0])
    assert not any(path.exists() for path in (*left_over, unfinished, ours))
    assert theirs.exists()


def test_an_engine_that_is_found_damaged_is_kept_for_a_day_from_then_on(workshop):
    engine = workshop.build()
    os.truncate(engine, 1000)
    os.utime(engine, 2 * (time.time() - 3 * 86_400,))
    again = workshop.build()
    assert again == engine
    assert (engine.parent / "engine.bad").stat().st_size == 1000


def test_an_engine_whose_record_is_of_another_version_of_ours_stays(workshop):
    theirs = workshop.build(facts=workshop.facts | {"gpu": "Xavier"})
    record = theirs.parent / "record.json"
    entries = json.loads(record.read_text())
    del entries["graph"]
    record.write_text(json.dumps(entries | {"by": "somebody else"}))
    for path in (theirs, record):
        os.utime(path, 2 * (time.time() - 3 * 86_400,))
    with in_use(theirs):
        workshop.build()
    workshop.build(facts=workshop.facts | UPGRADES[0])
    assert theirs.exists()
    assert record.exists()


def test_an_engine_without_a_record_stays_while_a_process_runs_it(workshop):
    old = workshop.build(facts=workshop.facts | {"gpu": "Xavier"})
    (old.parent / "record.json").unlink()
    os.utime(old, 2 * (time.time() - 3 * 86_400,))
    with in_use(old):
        workshop.build()
        assert old.exists()
    workshop.build(facts=workshop.facts | UPGRADES[0])
    assert not old.parent.exists()


def test_a_cache_that_cannot_be_looked_at_is_left_as_it_is(tmp_path):
    (tmp_path / "no folder").touch()
    prune(tmp_path / "no folder" / "engine", {})
    assert (tmp_path / "no folder").exists()


def test_what_others_own_or_a_link_leads_to_stays(workshop, tmp_path):
    outside = tmp_path / "outside"
    old = workshop.build()
    shutil.move(old.parent, outside)
    old.parent.symlink_to(outside)
    open_to_others = workshop.cache / "open"
    open_to_others.mkdir()
    open_to_others.chmod(0o777)
    for folder in (outside, open_to_others):
        (folder / "engine.bad").touch()
        made_yesterday(folder / "engine.bad")
    workshop.build(facts=workshop.facts | UPGRADES[0])
    assert all((folder / "engine.bad").exists() for folder in (outside, open_to_others))
    assert (outside / old.name).exists()


def test_who_waits_for_a_folder_that_is_removed_meanwhile_builds_all_the_same(workshop):
    said, built = [], []
    folder = workshop.build().parent
    shutil.rmtree(folder)
    with locked(folder, 0, unwatched):
        waiting = threading.Thread(target=lambda: built.append(workshop.build(on_progress=said.append)))
        waiting.start()
        workshop.wait_until(lambda: said)
        shutil.rmtree(folder)
    waiting.join(workshop.patience)
    assert built == [workshop.find()]
