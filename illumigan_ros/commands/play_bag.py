"""`illumigan play-bag` and the ROS executable `play_bag`: a bag or a video, published as a camera."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated, Optional

import typer

from illumigan_model.errors import Incomplete
from illumigan_model.system.files import require_writable, write_pieces
from illumigan_ros.commands.command_line import require_positive, run, warn
from illumigan_ros.commands.signals import heeded
from illumigan_ros.node.process import ros_node
from illumigan_ros.recordings.footage import Footage
from illumigan_ros.recordings.player import Player, topic_of
from illumigan_ros.starting import start


def command(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="BAG_OR_VIDEO", help="rosbag2 folder, .mcap, .db3 or a video file")],
    *,
    topic: Annotated[Optional[str], typer.Option(help="Image topic of the bag; needed if it has several.")] = None,
    rate: Annotated[float, typer.Option(help="Speed: 2 plays twice as fast.")] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Start again at the end.")] = False,
    clock: Annotated[bool, typer.Option("--clock", help="Publish the recorded time on /clock.")] = False,
    restamp: Annotated[bool, typer.Option("--restamp", help="Put the current time into the headers.")] = False,
    seconds: Annotated[Optional[float], typer.Option(help="Play only so many seconds of the footage.")] = None,
    wait_for_subscribers: Annotated[int, typer.Option(help="Wait for so many subscribers before the first frame.")] = 0,
    wait_timeout: Annotated[float, typer.Option(help="Seconds to wait for them.")] = 30.0,
    report: Annotated[Optional[Path], typer.Option(help="Write stamps and times of publishing (ns) as JSON.")] = None,
) -> None:
    """Publish a bag or a video as a camera on `image` and `camera_info`; remap with --ros-args -r image:=NAME."""
    require_positive("--rate", rate)
    require_positive("--seconds", seconds)
    require_positive("--wait-timeout", wait_timeout)
    require_writable(report)
    with Footage(source, topic) as footage, ros_node("play_bag", context.obj or []) as node:
        warn(footage.notes)
        player = Player(node, footage, clock=clock, restamp=restamp, keep_log=report is not None)
        try:
            player.wait_for_subscribers(wait_for_subscribers, wait_timeout)
            topic_in_use = node.resolve_topic_name(topic_of(node, footage.image_type))
            print(f"playing {footage.name} on {topic_in_use}", flush=True)
            player.play(footage.messages(seconds), rate)
            while loop:
                player.play(footage.messages(seconds), rate)
            player.finish()
        except (KeyboardInterrupt, SystemExit):  # Ctrl-C, SIGTERM, SIGHUP: the way to end a loop
            heeded()
        except Exception:
            if node.context.ok():  # else it was only the interrupt, seen from inside a call
                warn(footage.losses)
                raise
        if player.log is not None and report is not None:
            write_pieces(report, chain([b'{"published": '], player.log.json(), [b"}\n"]))
        print(f"published {player.count} images", flush=True)
        warn(footage.losses)
        if footage.losses:
            raise Incomplete(f"{source} was played as far as it can be read.")


def main() -> None:
    """Run the executable `play_bag`."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    run(app)


if __name__ == "__main__":
    start("illumigan_ros.commands.play_bag")
