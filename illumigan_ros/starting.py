"""The first moments of a command or node, while Python imports what it needs."""

from __future__ import annotations

import signal
import sys
from importlib import import_module


def start(module: str) -> None:
    """Import a module and run its `main`; Ctrl-C before that takes hold ends the process without a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, and stays so
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(import_module(module).main())


def illumigan() -> None:
    """Run the command `illumigan`."""
    start("illumigan_ros.commands.main")
