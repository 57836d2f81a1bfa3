"""The first moments of a command or node, while Python imports what it needs."""

from __future__ import annotations

import signal
import sys
from importlib import import_module


def start(module: str) -> None:
    """Run a ROS executable, the `main` of a module; exit code 1 and one sentence where ROS cannot start."""
    _let_ctrl_c_end_it()
    from illumigan_model.errors import IllumiganError
    from illumigan_ros.node.shared_memory import require_a_start

    try:
        require_a_start()  # before anything imports rclpy
    except IllumiganError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)  # and not 2, after which the launch file does not try again
    sys.exit(import_module(module).main())


def illumigan() -> None:
    """Run the command `illumigan`."""
    _let_ctrl_c_end_it()
    sys.exit(import_module("illumigan_ros.commands.main").main())


def _let_ctrl_c_end_it() -> None:
    """Let Ctrl-C end the process without a traceback until `main` handles it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, and stays so
        signal.signal(signal.SIGINT, signal.SIG_DFL)
