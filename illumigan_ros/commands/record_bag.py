"""The ROS executable `record_bag`: topics into an mcap bag."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Optional

import typer

from illumigan_model.errors import IllumiganError, Incomplete
from illumigan_model.system.files import require_writable, write_pieces
from illumigan_ros.commands.command_line import require_positive, run, warn
from illumigan_ros.commands.signals import stopping_on_signals
from illumigan_ros.node.process import ros_node
from illumigan_ros.recordings.bag_writer import BagWriter
from illumigan_ros.recordings.recorder import Recorder, record
from illumigan_ros.recordings.writer_thread import WriterThread
from illumigan_ros.starting import start


def command(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="Folder of the new bag.")],
    topics: Annotated[list[str], typer.Argument(help="Topics to record.")],
    *,
    idle: Annotated[Optional[float], typer.Option(help="Stop after so many seconds without a message.")] = None,
    max_messages: Annotated[Optional[int], typer.Option(help="Stop after so many messages.")] = None,
    wait: Annotated[
        Optional[float], typer.Option(help="Leave out a topic that has no publisher after so many seconds.")
    ] = None,
    report: Annotated[Optional[Path], typer.Option(help="Write stamps and times of reception (ns) as JSON.")] = None,
) -> None:
    """Record topics into an mcap bag until Ctrl-C; the bag and its count are complete when the command returns.

    Whatever ends it, what was recorded is kept; where something is missing, it is said and the exit code is 1.
    """
    require_positive("--idle", idle)
    require_positive("--wait", wait)
    require_writable(report)
    with stopping_on_signals() as stop, ros_node("record_bag", context.obj or []) as node:
        writer = WriterThread(BagWriter(out, keep=True))
        failure = None
        try:
            recorder = Recorder(node, writer, topics, lambda text: warn([text]), keep_logs=report is not None)
            record(node, recorder, writer, stop, wait=wait, idle=idle, most=max_messages)
        except Exception as error:
            # Without a context it was only the interrupt, seen from inside a call.
            failure = error if isinstance(error, IllumiganError) or node.context.ok() else None
        writer.finish()
        if (failure or writer.error) and not any(writer.bag.counts.values()):
            writer.bag.discard()  # it holds nothing, and would stand in the way of the next one
        if failure is not None:
            raise failure
        if report is not None:
            write_pieces(report, _report(recorder, writer))
        _tell(recorder, writer)
    _require_complete(recorder, writer)


def _tell(recorder: Recorder, writer: WriterThread) -> None:
    counts = writer.bag.counts
    listed = ", ".join(f"{topic} {counts.get(topic, 0)}" for topic in recorder.topics)
    print(f"recorded {sum(counts.values())} messages ({listed})", flush=True)


def _require_complete(recorder: Recorder, writer: WriterThread) -> None:
    """Raise Incomplete if the bag lacks something that was to be recorded."""
    lost = recorder.received.total() - sum(writer.bag.counts.values()) - writer.dropped
    if writer.error is not None:
        raise Incomplete(f"{writer.error} The last {lost} messages are not among it.")
    if writer.dropped:
        raise Incomplete(f"{writer.bag.path} lacks {writer.dropped} messages for which the disk was too slow.")
    if writer.refused:
        raise Incomplete(f"{writer.bag.path} lacks {writer.refused} messages that could not be written.")
    if recorder.left_out:
        raise Incomplete(f"{writer.bag.path} has not all that was wanted; see the warnings above.")


def _report(recorder: Recorder, writer: WriterThread) -> Iterator[bytes]:
    yield b'{"received": {'
    for number, (topic, log) in enumerate((recorder.logs or {}).items()):
        yield f"{', ' if number else ''}{json.dumps(topic)}: ".encode()
        yield from log.json()
    yield f'}}, "dropped": {writer.dropped}}}\n'.encode()


def main() -> None:
    """Run the executable `record_bag`."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    run(app)


if __name__ == "__main__":
    start("illumigan_ros.commands.record_bag")
