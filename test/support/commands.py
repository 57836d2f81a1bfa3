"""The `illumigan` command, run in this process, which saves its start, or as a process where that is the point."""

import io
import resource
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import pytest

from illumigan_ros.commands.main import main

COMMAND = [sys.executable, "-m", "illumigan_ros.commands.main"]


def run_here(*arguments, command=main):
    """Run a command in this process; return its exit code, and what it printed on stdout and on stderr."""
    output, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(errors):
        patch.setattr(sys, "argv", ["illumigan", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            command()
    return ending.value.code or 0, output.getvalue(), errors.getvalue()


def illumigan(*arguments, code=0, command=main):
    """Run a command in this process, which must end with this exit code, and return all that it printed."""
    ended, output, errors = run_here(*arguments, command=command)
    assert ended == code, output + errors
    return output + errors


def illumigan_process(*arguments, code=0, most_bytes=None):
    """Run the command as a process, with a limit on the size of files: to a program it looks like a full disk."""

    def limit():
        if most_bytes is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    command = [*COMMAND, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, preexec_fn=limit)
    output = done.stdout + done.stderr
    assert done.returncode == code, output
    assert "Traceback" not in output
    return output


def error(*arguments, code=2, run=illumigan, **options):
    """Run the command, which must fail, and return its one sentence."""
    output = run(*arguments, code=code, **options)
    (sentence,) = [line for line in output.splitlines() if line.startswith("error: ")]
    return sentence
