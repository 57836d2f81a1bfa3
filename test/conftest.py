"""What all tests share: a cache of their own, so that none touches the user's, and a look at child processes."""

import os
from pathlib import Path

import pytest

pytest.register_assert_rewrite("support")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def children():
    """Call with a process id, or none for this process: the ids of the processes that it has started and that live."""

    def started_by(parent=None):
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, its_parent = stat.read_text().rpartition(")")[2].split()[:2]
            except OSError:  # it has just ended
                continue
            if state != "Z" and int(its_parent) == (parent or os.getpid()):
                found.append(int(stat.parent.name))
        return found

    return started_by
