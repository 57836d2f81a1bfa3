"""The ROS executable `record_bag`: topics into an mcap bag."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from illumigan_model.errors import IllumiganError
from illumigan_model.system.files import write_json
from illumigan_ros.commands.command_line import require_positive, run
from illumigan_ros.node.process import ros_node
from illumigan_ros.recordings.bags import BagWriter
from illumigan_ros.recordings.recorder import Recorder, record


def command(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="Folder of the new bag.")],
    topics: Annotated[list[str], typer.Argument(help="Topics to record.")],
    *,
    idle: Annotated[Optional[float], typer.Option(help="Stop after so many seconds without a message.")] = None,
    max_messages: Annotated[Optional[int], typer.Option(help="Stop after so many messages.")] = None,
    wait: Annotated[
        Optional[float], typer.Option(help="Give up on a topic without publisher after so many seconds.")
    ] = None,
    report: Annotated[Optional[Path], typer.Option(help="Write stamps and times of reception (ns) as JSON.")] = None,
) -> None:
    """Record topics into an mcap bag until Ctrl-C; the bag and its count are complete when the command returns."""
    require_positive("--idle", idle)
    require_positive("--wait", wait)
    with ros_node("record_bag", context.obj or []) as node, BagWriter(out) as bag:
        recorder = Recorder(node, bag, topics)
        try:
            record(node, recorder, wait, idle, max_messages)
        except KeyboardInterrupt:
            pass
        except IllumiganError:
            raise
        except Exception:
            if node.context.ok():  # else it was only the interrupt, seen from inside a call
                raise
        recorder.writer.finish()
        counts = ", ".join(f"{topic} {len(times)}" for topic, times in recorder.received.items())
        print(f"recorded {recorder.count} messages ({counts})", flush=True)
        if recorder.writer.dropped:
            print(f"the disk was too slow for {recorder.writer.dropped} more messages", flush=True)
        if report is not None:
            write_json(report, {"received": recorder.received, "dropped": recorder.writer.dropped})


def main() -> None:
    """Run the executable `record_bag`."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    run(app)


if __name__ == "__main__":
    main()
