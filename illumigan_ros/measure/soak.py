"""Endurance: a node under everything that robots do to it, for as long as wanted; `make soak` runs ten minutes.

Cameras whose messages are good, bad, of any size and stamp, and whose publishers come, go and get killed; listeners of
every QoS; parameters, transitions and services at random; a network that fails now and then; a call that hangs in C; a
full /dev/shm; many cycles of configure and cleanup. It ends with a report, and with exit code 1 if the node died, fell
silent, miscounted a frame, or grew. What happens is decided by the seed.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from illumigan_ros.measure import soak_growth
from illumigan_ros.measure.soak_deeds import ACTIVATE, CLEANUP, CONFIGURE, DEACTIVATE, Deeds
from illumigan_ros.measure.soak_memory import full_shm, have_own_shm
from illumigan_ros.measure.soak_node import NodeProcess, Size
from illumigan_ros.node.environment import ros_environment
from illumigan_ros.node.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.node import Node

START = 60.0  # seconds that the node may take to come up
SILENCE = 15.0  # seconds without diagnostics that are a breach; a transition loads the model
ANSWER = 30.0  # seconds that a transition may take
END = 15.0  # seconds after which a node that hangs must have ended
REST_PERIOD = 15.0  # seconds between two looks at what is left of a node that is not configured
RESPAWN = 0.2  # seconds, as in the launch file
WARM_UP = 0.3  # share of the time after which memory, threads and descriptors must no longer grow
CALM = 1.0  # seconds without shrinking, after which a node that is no longer configured has given its memory back
OWN_HANG = 60.0  # seconds after which this process ends itself, as the middleware may hang in it, too
MOST_LEFT = Size(own_mb=5.0, shared_mb=70.0, threads=2, descriptors=4, segments=2)  # by all cycles of configure
MOST_IN_WORK = 3  # frames of a camera: in its callback, in its slot, in the worker
SPARE = 12  # threads, descriptors or segments that may come and go
FULL_SECONDS = 2.0


class Soak:
    """The node's process, what is done to it, and what it must not do."""

    def __init__(self, node: Node, process: NodeProcess, deeds: Deeds) -> None:
        from diagnostic_msgs.msg import DiagnosticArray

        self.node, self.process, self.deeds = node, process, deeds
        self.watchdog = Watchdog(OWN_HANG)
        self.breaches: list[str] = []
        self.notes: list[str] = []
        self.sizes: list[tuple[float, Size]] = []  # seconds since the start
        self.at_rest: list[tuple[float, Size]] = []  # when nothing is configured
        self.counts: dict[str, dict[str, int]] = {}
        self.totals: dict[str, Counter[str]] = {}  # over all configures, of each camera
        self._began = self._heard = time.monotonic()
        self._rest_due = REST_PERIOD
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._began

    def wait_for_node(self) -> None:
        """Wait until the node is up, which is the start."""
        self._spin_until(lambda: bool(self.counts) or self.process.ended() is not None, START)
        self._began = self._heard = time.monotonic()
        self.sizes.clear()

    def run_until(self, seconds: float) -> None:
        """Do things at random, until so many seconds after the start or the first breach."""
        while self.elapsed() < seconds and not self.breaches:
            self.deeds.do_one()
            self._spin(self.deeds.chance.choice([0.002, 0.01, 0.033]))
            if self.elapsed() > self._rest_due:
                self.rest()
            self._look()

    def rest(self) -> None:
        """Take the node down and see what is left of it, then up again."""
        if self._changed(DEACTIVATE, CLEANUP) and (size := self._calm_size()):
            self.at_rest.append((self.elapsed(), size))
        self._changed(CONFIGURE, ACTIVATE)
        self._rest_due = self.elapsed() + REST_PERIOD

    def full(self) -> None:
        """Go on while /dev/shm is full."""
        with full_shm():
            self.deeds.kill_camera()  # the next one starts without room
            self.run_until(self.elapsed() + FULL_SECONDS)
        self.notes.append("/dev/shm was full for a while")

    def tell_not_full(self) -> None:
        """Note that there is a thing that could not be done."""
        self.notes.append("/dev/shm was not filled, as this process may not mount one of its own")

    def hang(self, restart_seconds: float) -> None:
        """Make the node hang, and start it anew once its watchdog has ended it; frames must be back soon after."""
        self.process.hang()
        began = time.monotonic()
        if not self._spin_until(lambda: self.process.ended() is not None, END):
            self.breaches.append(f"a node that hangs has not ended within {END:g} s")
            return
        ended = time.monotonic()
        self.process.listen()
        self.process.said.clear()  # the traceback of the hang
        self._spin(RESPAWN)
        self.process.start()
        self.counts.clear()
        before = self.deeds.received

        def is_back() -> bool:
            self.deeds.publish()
            return self.deeds.received > before

        is_in_time = self._spin_until(is_back, START) and time.monotonic() - ended <= restart_seconds
        took = f"ended after {ended - began:.1f} s, frames came {time.monotonic() - ended:.1f} s later"
        self.notes.append(f"a call that hangs: {took}")
        if not is_in_time:
            self.breaches.append(f"a node that hung was not back within {restart_seconds:g} s: {took}")
        self._heard = time.monotonic()
        self.sizes.clear()
        self.at_rest.clear()  # that was another process

    def cycle(self, times: int) -> None:
        """Configure and clean up again and again, with frames in between; nothing of it may stay."""
        sizes = []
        for _ in range(times):
            if self.breaches or not self._changed(DEACTIVATE, CLEANUP):
                return
            size = self._calm_size()
            sizes += [size] if size else []
            self._changed(CONFIGURE, ACTIVATE)
            for _ in range(3):
                self.deeds.publish()
                self._spin(0.01)
            self._look()
        if len(sizes) > 1:
            begin = len(sizes) // 10
            first, last = (min(some, key=lambda size: size.own_mb) for some in (sizes[begin : begin + 3], sizes[-3:]))
            self.notes.append(
                f"{times} cycles of configure and cleanup, at rest: {_told(first)}; {_told(last)} at last"
            )
            for name, before, after, most in zip(Size._fields, first, last, MOST_LEFT, strict=True):
                if after > before + most:
                    self.breaches.append(f"{times} cycles of configure and cleanup: {name} from {before} to {after}")

    def finish(self) -> None:
        """Check what may only be known at the end."""
        self.deeds.end_camera()
        if not self.counts:
            self.breaches.append("no diagnostics came")
        warm = WARM_UP * self.elapsed()
        growth = soak_growth.growth([(seconds, size.own_mb) for seconds, size in self.at_rest if seconds > warm])
        if growth is not None:
            self.notes.append(str(growth))
            if growth.is_too_much:
                self.breaches.append(str(growth))
        late = [size for seconds, size in self.sizes if seconds > warm]
        half = len(late) // 2
        for name in ("threads", "descriptors", "segments") if len(late) > 10 else ():
            first, last = (np.median([getattr(size, name) for size in part]) for part in (late[:half], late[half:]))
            if last > first + SPARE:
                self.breaches.append(f"{name} grow from {first:g} to {last:g}")
        if any("Traceback" in line for line in self.process.said):
            self.breaches.append("a traceback was printed")

    def report(self) -> str:
        """Return what was done, what was counted, and how large the node was, in lines."""
        lines = [f"{self.elapsed():.0f} s; {self.deeds.received} output images received"]
        lines += [f"  {name.replace('_', ' ')}: {count}" for name, count in self.deeds.done.most_common()]
        lines += [f"  {note}" for note in self.notes]
        lines += [f"  {name}: {dict(counts)}, as far as told" for name, counts in self.totals.items()]
        if self.at_rest:
            lines.append("  MB at rest: " + " ".join(f"{size.own_mb:.0f}" for _, size in self.at_rest))
            lines.append("  and shared: " + " ".join(f"{size.shared_mb:.0f}" for _, size in self.at_rest))
        if self.sizes:
            sizes = [size for _, size in self.sizes]
            largest = Size(*(max(values) for values in zip(*sizes, strict=True)))
            lines.append(f"  at first {_told(sizes[0])}; at last {_told(sizes[-1])}; at most {_told(largest)}")
        return "\n".join(lines)

    def _look(self) -> None:
        self.process.listen()
        if time.monotonic() - self._heard > SILENCE:
            self.breaches.append(f"the node is silent since {SILENCE:g} s, {self.elapsed():.0f} s after the start")
        if self.process.ended() is not None:
            self.breaches.append(f"the node ended with {self.process.ended()} after {self.elapsed():.0f} s")

    def _changed(self, *transitions: int) -> bool:
        answers = self.deeds.change(*transitions)
        if self._spin_until(lambda: all(answer.done() for answer in answers), ANSWER):
            return True
        self.breaches.append(
            f"a transition was not answered within {ANSWER:g} s, {self.elapsed():.0f} s after the start"
        )
        return False

    def _calm_size(self) -> Size | None:
        """Return the size of the node once it no longer shrinks."""
        least, shrunk = None, time.monotonic()
        while time.monotonic() - shrunk < CALM and (size := self.process.size()):
            if least is None or size.own_mb < least.own_mb - 0.1:
                least, shrunk = size, time.monotonic()
            self._spin(0.1)
        return least

    def _spin(self, seconds: float) -> None:
        import rclpy

        self.watchdog.rearm()
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            rclpy.spin_once(self.node, timeout_sec=left)

    def _spin_until(self, is_done: Callable[[], bool], seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not is_done():
            if time.monotonic() > until:
                return False
            self._spin(0.02)
        return True

    def _on_diagnostics(self, array: Any) -> None:
        from illumigan_ros.node.statistics import FATES

        self._heard = time.monotonic()
        for status in array.status:
            values = {pair.key: pair.value for pair in status.values}
            if "frames in" not in values:
                continue
            counts = {name: int(values[f"frames {name}"]) for name in ("in", "in work", *FATES)}
            before = self.counts.get(status.name, {})
            is_same = all(counts[name] >= before.get(name, 0) for name in ("in", *FATES))
            new = {name: counts[name] - (before.get(name, 0) if is_same else 0) for name in ("in", *FATES)}
            self.totals.setdefault(status.name, Counter()).update(new)
            self.counts[status.name] = counts
            is_exact = counts["in"] == sum(counts.values()) - counts["in"]
            if not (is_exact and 0 <= counts["in work"] <= MOST_IN_WORK):
                self.breaches.append(f"{status.name} counts {counts}")
        if size := self.process.size():
            self.sizes.append((self.elapsed(), size))


def _told(size: Size) -> str:
    memory = f"{size.own_mb:.0f} MB and {size.shared_mb:.0f} MB in {size.segments} shared segments"
    return f"{memory}, {size.threads} threads, {size.descriptors} descriptors"


def _phases(run: Soak, seconds: float, restart_seconds: float, can_fill: bool) -> list[Callable[[], None]]:
    return [
        lambda: run.run_until(0.1 * seconds),
        lambda: run.hang(restart_seconds),
        lambda: run.run_until(0.6 * seconds),
        run.full if can_fill else run.tell_not_full,
        lambda: run.run_until(seconds),
        lambda: run.cycle(max(2, round(seconds / 6))),
    ]


def soak(
    seconds: Annotated[float, typer.Option(help="How long, before the cycles at the end.")] = 600.0,
    seed: Annotated[int, typer.Option(help="What decides what happens.")] = 0,
    restart_seconds: Annotated[float, typer.Option(help="When frames must be back after the node hung.")] = 8.0,
    leak: Annotated[float, typer.Option(help="What the node is made to lose, MB a minute, to see it found.")] = 0.0,
) -> None:
    """Do everything to a node that robots do, and report; exit code 1 on any breach."""
    import os

    can_fill = have_own_shm()
    import rclpy

    os.environ.update(ros_environment())
    process = NodeProcess(leak)
    rclpy.init()
    with ExitStack() as stack:
        stack.callback(rclpy.try_shutdown)
        node = rclpy.create_node("soak")
        stack.callback(node.destroy_node)
        deeds = Deeds(node, random.Random(seed))
        run = Soak(node, process, deeds)
        run.watchdog.start()
        stack.callback(run.watchdog.stop)
        try:
            run.wait_for_node()
            deeds.want_outputs()
            for phase in _phases(run, seconds, restart_seconds, can_fill):
                if not run.breaches:
                    phase()
            run.finish()
        finally:
            if not process.stop():
                run.breaches.append("the node did not end in time after SIGINT")
    print(run.report())
    if run.breaches:
        print("".join(process.said[-40:]), file=sys.stderr)
        print("\n".join(f"breach: {breach}" for breach in run.breaches))
        raise typer.Exit(1)
    print("No breach.")


if __name__ == "__main__":
    typer.run(soak)
