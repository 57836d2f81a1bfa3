"""What stands and moves where on the street of the built-in drive.

The street is endless: what is in a slot along it is a pure function of (seed, slot), so any stretch can be asked for
and comes out the same. Road coordinates are metres: s along the road, d to the right of its centre line, y up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from illumigan_training.night_drive.chances import chances
from illumigan_training.night_drive.solids import (
    BODIES,
    CAR_COLOURS,
    Solid,
    car,
    pedestrian,
    road_sign,
    street_lamp,
    tree,
)

CROSSING = (40.0, 43.5)  # where the zebra crossing lies in each period of the surface
PERIOD = 72.0  # metres after which the road surface repeats
LANE = 1.65  # centre of the own lane; the oncoming one mirrors it
KERB = 5.4
HEADLAMP = (70.0, 67.0, 60.0)
LAMP_SPACING = 23.0  # from a lamp to the next, on the other side
LAMP_OFFSET = {-1: 5.0, 1: 5.0 + LAMP_SPACING}  # of the first lamp on the left and on the right
LAMP_POWER = 48.0  # what a street lamp sends straight down
CAR, PERSON = "car", "person"
SODIUM, LED = (1.0, 0.5, 0.16), (0.95, 0.9, 0.78)


@dataclass(frozen=True)
class Thing:
    """A solid set down on the road."""

    solid: Solid
    d: float
    s: float
    turn: int = 1  # -1 where it comes toward us
    behind: float = 0.0  # metres by which it is painted as if further away
    kind: str = ""  # what a detector is to call it: CAR, PERSON or nothing


@dataclass(frozen=True)
class Lamp:
    """A light that hangs over or moves along the road; `beam` is 1 or -1 for headlamps, 0 for lamps that shine down."""

    place: tuple[float, float, float]  # d, y, s
    power: tuple[float, float, float]
    beam: int = 0


def slots(low: float, high: float, spacing: float) -> range:
    """Return the slots of a spacing that lie between two places along the road."""
    return range(int(np.floor(low / spacing)), int(np.ceil(high / spacing)) + 1)


def own_position(time: float) -> float:
    """Return how far along the road the own car is after a time in seconds."""
    return 30.0 + 10.5 * time - 4.0 * (float(np.cos(time / 3.0)) - 1.0)


def _any_car(body: float, colour: float, plate: float, lights: str) -> Solid:
    """Return the car that three numbers in [0, 1) pick."""
    return car(int(len(BODIES) * body), int(len(CAR_COLOURS) * colour), lights, int(1000 * plate))


def traffic(seed: int, time: float, reach: float) -> tuple[list[Thing], list[Lamp]]:
    """Return the moving cars up to a reach ahead, with the light they give."""
    things, lamps = [], []
    own, phase = own_position(time), 6.28 * chances(seed, 2, 0)[0]
    for slot, (gap, swing) in enumerate(((17.0, 4.0), (58.0, 9.0))):
        pick = chances(seed, 2, slot)
        closing = float(np.cos(0.8 * time + phase + gap))
        s, braking = own + gap + swing * float(np.sin(0.8 * time + phase + gap)), closing < -0.35
        things.append(Thing(_any_car(pick[1], pick[2], pick[3], "brake" if braking else "on"), LANE, s, kind=CAR))
        glow = 9.0 if braking else 2.5
        lamps.append(Lamp((LANE, 0.8, s - 0.1), (glow, 0.06 * glow, 0.04 * glow), -1))
        lamps.append(Lamp((LANE, 0.65, s + 4.3), HEADLAMP, 1))
    for slot in slots(own + 12.5 * time - 20, own + 12.5 * time + reach, 64.0):
        pick = chances(seed, 3, slot)
        if pick[0] < 0.85:
            s = 64.0 * slot + 40 * pick[1] - 12.5 * time
            things.append(Thing(_any_car(pick[2], pick[3], pick[4], "on"), -LANE, s, -1, kind=CAR))
            lamps.append(Lamp((-LANE, 0.65, s - 4.4), HEADLAMP, -1))
    return things, lamps


def street_lamps(seed: int, low: float, high: float) -> tuple[list[Thing], list[Lamp]]:
    """Return the lamp posts of a stretch, alternating sides, a few of them dark, with the light they give."""
    things, lamps = [], []
    for slot in slots(low, high, LAMP_SPACING):
        pick, side = chances(seed, 4, slot), 1 if slot % 2 else -1
        s = LAMP_SPACING * (slot - slot % 2) + LAMP_OFFSET[side]
        colour, on = LED if pick[0] < 0.25 else SODIUM, pick[1] < 0.8
        things.append(Thing(street_lamp(side, colour, on), side * 5.9, s))
        if on:
            power = LAMP_POWER * colour[0], LAMP_POWER * colour[1], LAMP_POWER * colour[2]
            lamps.append(Lamp((side * 4.2, 7.3, s), power))
    return things, lamps


def furniture(seed: int, time: float, low: float, high: float) -> list[Thing]:
    """Return the parked cars, trees, signs and walkers of a stretch."""
    return [*_parked(seed, low, high), *_beside(seed, low, high), *_walkers(seed, time, low, high)]


def _parked(seed: int, low: float, high: float) -> Iterator[Thing]:
    """Yield parked cars, none of them on the crossing."""
    for slot in slots(low, high, 7.2):
        for side, share in ((1, 0.6), (-1, 0.5)):
            pick = chances(seed, 5 + side, slot)
            if pick[0] < share and not CROSSING[0] - 6 < 7.2 * slot % PERIOD < CROSSING[1] + 1:
                s = 7.2 * slot + 0.6 + pick[1] + (5.0 if side < 0 else 0.0)
                parked = _any_car(pick[2], pick[3], pick[4], "off")
                yield Thing(parked, side * (4.2 + 0.25 * pick[5]), s, side, kind=CAR)


def _beside(seed: int, low: float, high: float) -> Iterator[Thing]:
    """Yield street trees and road signs."""
    for slot in slots(low, high, 12.0):
        for side in (-1, 1):
            pick = chances(seed, 8 + side, slot)
            s = 12.0 * slot + 8 * pick[1]
            from_lamp = abs((s - LAMP_OFFSET[side] + LAMP_SPACING) % (2 * LAMP_SPACING) - LAMP_SPACING)
            if pick[0] < 0.45 and from_lamp > 4.5:  # no leaves in a lamp
                yield Thing(tree(seed, 2 * slot + side), side * 6.5, s)
    for slot in slots(low, high, 34.0):
        pick = chances(seed, 14, slot)
        yield Thing(road_sign(int(4 * pick[0])), 5.8, 34.0 * slot + 25 * pick[1])


def _walkers(seed: int, time: float, low: float, high: float) -> Iterator[Thing]:
    """Yield the people on the pavements."""
    for way in (-1, 1):
        walked = way * 1.3 * time
        for slot in slots(low - walked, high - walked, 16.0):
            pick = chances(seed, 15 + way, slot)
            if pick[0] < 0.6:
                side, phase = 1 if pick[1] < 0.6 else -1, int(24 * (0.9 * time + pick[2])) % 24
                walker = pedestrian(int(60 * pick[3]), phase)
                yield Thing(walker, side * (5.9 + 2.1 * pick[4]), 16.0 * (slot + pick[5]) + walked, kind=PERSON)
