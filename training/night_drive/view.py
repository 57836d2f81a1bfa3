"""How the built-in drive is seen and lit: projection along a bending road, light on points, faces ready to paint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from illumigan_training.night_drive import scene, surfaces

EYE_HEIGHT = 1.4  # metres
FAR = 260.0  # metres ahead that are drawn


@dataclass(frozen=True)
class View:
    """Where the camera is and how it projects; camera space is x right, y up from the road, z ahead, in metres."""

    width: int
    height: int
    focal: float
    centre: tuple[float, float]  # pixel of the vanishing point
    s: float
    time: float

    def place(self, points: np.ndarray) -> np.ndarray:
        """Take road coordinates (..., 3 as d, y, s) into camera space, bending them with the road."""
        ahead = points[..., 2] - self.s
        return np.stack([points[..., 0] - scene.LANE + self.bend(ahead), points[..., 1], ahead], -1)

    def bend(self, ahead: np.ndarray) -> np.ndarray:
        """Return how far the road has moved sideways this many metres ahead."""
        return road_course(self.s + ahead) - road_course(self.s) - road_heading(self.s) * ahead

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project camera space (..., 3) to pixels (..., 2)."""
        scale = self.focal / np.maximum(points[..., 2], 0.3)
        return np.stack(
            [self.centre[0] + scale * points[..., 0], self.centre[1] + scale * (EYE_HEIGHT - points[..., 1])], -1
        )


def road_course(s: np.ndarray | float) -> np.ndarray:
    """Return the sideways course of the road at s, in metres."""
    return 9.0 * np.sin(np.asarray(s, np.float64) / 85.0)


def road_heading(s: float) -> float:
    """Return the slope of the course at s."""
    return float(9.0 / 85.0 * np.cos(s / 85.0))


@dataclass(frozen=True)
class Lights:
    """Point lights in camera space; `beam` lights are headlamps that shine along z, the others shine downwards wide."""

    position: np.ndarray  # N x 3
    power: np.ndarray  # N x 3, intensity in the main direction
    beam: np.ndarray  # N, 1 or -1 for a headlamp's direction, 0 for a wide lamp

    def on(self, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """Return the light (P x 3) that reaches points (P x 3) with the given normals (P x 3)."""
        apart = self.position[None] - points[:, None]
        square = np.einsum("pnc,pnc->pn", apart, apart) + 2.0  # no lamp is a point
        toward = apart / np.sqrt(square)[..., None]
        facing = np.clip(0.25 + 0.75 * np.einsum("pnc,pc->pn", toward, normals), 0, 1)
        rise, aside, along = -toward[..., 1], -toward[..., 0], -toward[..., 2] * self.beam
        below = np.exp(-np.abs(rise + 0.012) / np.where(rise > -0.012, 0.008, 0.055))
        head = (along > 0) * (np.exp(-((aside / 0.24) ** 2)) * below + 0.006)
        wide = np.clip(-rise + 0.06, 0, 1) ** 1.5
        return (np.where(self.beam == 0, wide, head) * facing / square) @ self.power


@dataclass(frozen=True)
class Lighting:
    """One way to light the scene: what the sky gives, how bright it looks, and whether lamps are on."""

    sky_light: tuple[float, float, float]  # falls on a face that looks up
    side_light: tuple[float, float, float]  # falls on a face that looks sideways or down
    zenith: tuple[float, float, float]
    horizon: tuple[float, float, float]
    lamps: bool


NIGHT = Lighting(
    sky_light=(0.0045, 0.005, 0.0065),
    side_light=(0.003, 0.0031, 0.0036),
    zenith=(0.0002, 0.00025, 0.0005),
    horizon=(0.0028, 0.0021, 0.0018),
    lamps=True,
)
DAY = Lighting(
    sky_light=(1.0, 1.02, 1.06),
    side_light=(0.5, 0.5, 0.52),
    zenith=(0.62, 0.7, 0.8),
    horizon=(0.8, 0.82, 0.84),
    lamps=False,
)


def illuminate(points: np.ndarray, normals: np.ndarray, lighting: Lighting, lights: Lights) -> np.ndarray:
    """Return the light (P x 3) on points with normals (both P x 3, camera space)."""
    upward = np.clip(0.5 + 0.5 * normals[:, 1:2], 0, 1)
    light = surfaces.rgb(lighting.side_light) * (1 - upward) + surfaces.rgb(lighting.sky_light) * upward
    light = light * (1 + 0.2 * normals[:, 0:1] - 0.1 * normals[:, 2:3])
    return light + lights.on(points, normals) if lighting.lamps else light


def haze_share(ahead: np.ndarray) -> np.ndarray:
    """Return how much of a thing this far ahead (metres) is lost in the air, in [0, 1]."""
    return 1 - np.exp(-((np.maximum(ahead, 0) / 170.0) ** 2))


def own_lights() -> Lights:
    """Return the own car's headlamps."""
    power = surfaces.rgb([(100.0, 95.0, 84.0)] * 2)
    return Lights(surfaces.rgb([(-0.6, 0.65, 1.2), (0.6, 0.65, 1.2)]), power, np.ones(2, np.float32))


def cast(seed: int, view: View) -> tuple[list[scene.Thing], Lights]:
    """Return everything that stands or moves in view, and all lamps in camera space."""
    things, lamps = scene.traffic(seed, view.time, FAR)
    posts, hanging = scene.street_lamps(seed, view.s - 10, view.s + FAR)
    things += posts + scene.furniture(seed, view.time, view.s - 8, view.s + FAR)
    lamps = [lamp for lamp in lamps + hanging if -20 < lamp.place[2] - view.s < 150]
    own = own_lights()
    place = view.place(np.array([lamp.place for lamp in lamps], np.float64).reshape(-1, 3))
    return things, Lights(
        np.concatenate([own.position, place]).astype(np.float32),
        np.concatenate([own.power, np.array([lamp.power for lamp in lamps]).reshape(-1, 3)]).astype(np.float32),
        np.concatenate([own.beam, [lamp.beam for lamp in lamps]]).astype(np.float32),
    )


def fixed(points: np.ndarray) -> np.ndarray:
    """Return pixel positions (N x 2) in the sixteenths of a pixel that OpenCV's smooth drawing takes (shift 4)."""
    return np.round(np.clip(points, -40000, 40000) * 16).astype(np.int32)


@dataclass(frozen=True)
class Faces:
    """The faces in view of all things, as arrays."""

    pixels: np.ndarray  # N x 2 int32, sixteenths of a pixel
    spans: list[tuple[int, int]]  # corners of each face
    groups: list[tuple[int, int]]  # faces of each thing
    depths: list[float]  # per thing, the greater the earlier it is painted
    kinds: list[str]  # per thing, as scene.Thing has it
    centres: np.ndarray  # F x 3 camera space
    normals: np.ndarray
    albedo: np.ndarray
    emission: np.ndarray
    retro: np.ndarray

    @staticmethod
    def collect(view: View, things: Sequence[scene.Thing]) -> Faces:
        """Place, project and cull the faces of things."""
        near = [t for t in things if -6 < t.s - view.s < FAR and _in_frame(view, t)]
        solids = [t.solid for t in near]
        turns = np.repeat([t.turn for t in near], [len(s.centres) for s in solids])[:, None]
        corner_turns = np.repeat([t.turn for t in near], [len(s.points) for s in solids])
        counts = [len(s.centres) for s in solids]
        origins = np.array([(t.d, 0.0, t.s) for t in near])

        def placed(local: list[np.ndarray], turn: np.ndarray) -> np.ndarray:
            points = np.concatenate(local) * np.stack([turn, np.ones_like(turn), turn], 1)
            return view.place(points + np.repeat(origins, [len(p) for p in local], axis=0))

        corners = placed([s.points for s in solids], corner_turns)
        centres = placed([s.centres for s in solids], turns[:, 0])
        normals = np.concatenate([s.normals for s in solids])
        normals = normals * np.concatenate([turns, np.ones_like(turns), turns], 1)
        first = np.cumsum([0, *(len(s.points) for s in solids)])
        starts = np.concatenate([s.starts + f for s, f in zip(solids, first[:-1], strict=True)])
        ends = np.append(starts[1:], len(corners))
        pixels = view.project(corners)
        low, high = np.minimum.reduceat(pixels, starts), np.maximum.reduceat(pixels, starts)
        emission = np.concatenate([s.emission for s in solids])
        away = np.einsum("fc,fc->f", normals, centres - (0, EYE_HEIGHT, 0)) >= 0
        shown = ~(away & np.repeat([s.closed for s in solids], counts))
        shown &= np.maximum.reduceat(corners[:, 2], starts) > 0.5
        shown &= (high > 0).all(1) & (low < (view.width, view.height)).all(1)
        size = (high - low).max(1)
        over = np.concatenate([s.over for s in solids])
        albedo = over + (np.concatenate([s.albedo for s in solids]) - over) * np.clip(size / 3 - 0.4, 0, 1)[:, None]
        shown &= (size > 1.2) | (emission.max(1) > 0)
        # What stands further to the side cannot hide its neighbour nearer to the lane, so it is painted first.
        back = np.array([t.behind + 1.7 * abs(t.d - scene.LANE) for t in near])
        kept = np.flatnonzero(shown)
        groups = np.searchsorted(kept, np.cumsum([0, *counts])).tolist()
        return Faces(
            pixels=fixed(pixels),
            spans=list(zip(starts[kept].tolist(), ends[kept].tolist(), strict=True)),
            groups=list(pairwise(groups)),
            depths=(np.minimum.reduceat(corners[:, 2], first[:-1]) + back).tolist(),
            kinds=[thing.kind for thing in near],
            centres=centres[kept],
            normals=normals[kept],
            albedo=albedo[kept],
            emission=emission[kept],
            retro=np.concatenate([s.retro for s in solids])[kept],
        )


def _in_frame(view: View, thing: scene.Thing) -> bool:
    """Return whether any of a thing can be in the picture."""
    ahead = max(thing.s - view.s, 0.0)
    aside = thing.d - scene.LANE + float(view.bend(np.float64(ahead)))
    return abs(aside) - 6 < 0.62 * (ahead + 6)


def shade(faces: Faces, lighting: Lighting, lights: Lights, haze: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the packed albedo and packed light of every face (both F x 3 uint8)."""
    light = illuminate(faces.centres, faces.normals, lighting, lights)
    if lighting.lamps:
        toward = -faces.centres / np.linalg.norm(faces.centres, axis=1, keepdims=True)
        light = light + faces.retro[:, None] * own_lights().on(faces.centres, toward) + faces.emission / faces.albedo
    fog = haze_share(faces.centres[:, 2:]) * np.where(faces.emission.max(1, keepdims=True) > 0, 0.1, 1.0)
    packed = surfaces.mix(surfaces.pack_light(light), haze, fog)
    return surfaces.mix(surfaces.pack_albedo(faces.albedo), surfaces.HAZE_ALBEDO, fog), packed
