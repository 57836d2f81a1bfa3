"""What `illumigan benchmark --node` measures the live node with."""

from __future__ import annotations

from dataclasses import dataclass

from illumigan_model.errors import FrameError


@dataclass(frozen=True)
class Scenario:
    """Cameras of a size (width, height in pixels) and rate (frames a second), and who serves them.

    `nodes` share the cameras; they run on one core only with `on_one_core`, while cameras and listener have the others.
    """

    name: str
    size: tuple[int, int]
    rate: float
    cameras: int = 1
    nodes: int = 1
    on_one_core: bool = False
    has_listener: bool = True

    def names(self, node: int) -> list[str]:
        """Return the names of the cameras that a node (counted from 0) serves."""
        share = self.cameras // self.nodes
        return [f"camera{index + 1}" for index in range(node * share, (node + 1) * share)]


FOUR, FOUR_NODES, IDLE = "4x480p15", "4x480p15-four-nodes", "1080p30-idle"
SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("720p30", (1280, 720), 30),
        Scenario("1080p30", (1920, 1080), 30),
        Scenario(FOUR, (640, 480), 15, cameras=4),
        Scenario(FOUR_NODES, (640, 480), 15, cameras=4, nodes=4),
        Scenario("1080p60-one-core", (1920, 1080), 60, on_one_core=True),
        Scenario("4k10", (3840, 2160), 10),
        Scenario(IDLE, (1920, 1080), 30, has_listener=False),
    )
}


def chosen(names: list[str]) -> list[Scenario]:
    """Return the scenarios of these names, all where there are none; raises FrameError for a name that is unknown."""
    for name in names:
        if name not in SCENARIOS:
            raise FrameError(f"There is no scenario {name!r}; choose from {', '.join(SCENARIOS)}.")
    return [SCENARIOS[name] for name in names or SCENARIOS]
