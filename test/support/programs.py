"""Programs that train, as processes that begin with what is imported already: torch costs each of them seconds."""

import json
import multiprocessing
import os
import sys
from contextlib import contextmanager

PATIENCE = 240.0
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["illumigan_training.train"])


def _run(code, settings, environment, errors):
    os.environ.update(environment)
    sys.stderr = errors.open("w", buffering=1)
    exec(code, {"__name__": "__main__", "settings": json.loads(settings)})


@contextmanager
def program(code, settings, errors, **environment):
    """Run the text of a program, which finds its settings under that name, as a process; its errors go to a file."""
    process = _forks.Process(target=_run, args=(code, json.dumps(settings), environment, errors))
    process.start()
    try:
        yield process
        process.join(PATIENCE)
        assert process.exitcode is not None
    finally:
        process.kill()
