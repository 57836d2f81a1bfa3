"""A rendered night drive: the built-in footage of the demo, and day/night pairs of the same scene.

A car with a camera drives down an endless street. Every frame is a small picture of physics: what a surface reflects
(albedo) times the light that falls on it. Both are painted far to near on 8-bit canvases, because only there OpenCV
draws polygons with smooth edges; light is held as a logarithm. The product is linear radiance, which the camera model
of `night.py` turns into a frame.

    for frame in night_drive(1280, 720, fps=30, seconds=8):
        ...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from illumigan_training.data.night_camera import Camera, expose
from illumigan_training.night_drive import scene, surfaces
from illumigan_training.night_drive.view import (
    DAY,
    EYE_HEIGHT,
    FAR,
    NIGHT,
    Faces,
    Lighting,
    Lights,
    View,
    cast,
    fixed,
    haze_share,
    illuminate,
    road_heading,
    shade,
)

GLOSS = 1.0  # strength of reflections on the road
SHUTTER = 1 / 60  # seconds of motion blur on the road
CAMERA = Camera(exposure=0.6, shot=0.0004, read=0.0006, balance=(1.04, 1.0, 0.98), glare=0.1, grain=0.6, jpeg=93)


@dataclass(frozen=True)
class Front:
    """The part of a house front that is in view."""

    house: surfaces.House
    seen: float  # share of its width that is ahead of the camera
    far: float  # metres ahead where it ends
    window: tuple[slice, slice]  # the part of the picture it may cover
    target: np.ndarray  # 4 x 2, its corners in that window: eaves near and far, foot far and near
    points: np.ndarray  # 30 x 3, places on it in camera space, 5 rows of 6


@dataclass(frozen=True)
class Arrangement:
    """What is in view at a moment; `order`, from far to near, has (whether it is a thing, else a front; its number)."""

    view: View
    lights: Lights
    faces: Faces
    fronts: list[Front]
    order: list[tuple[bool, int]]


class Stage:
    """Paints one drive: the street of a seed, seen at one picture size, under one or more lightings."""

    def __init__(self, width: int, height: int, seed: int, lightings: tuple[Lighting, ...]) -> None:
        if min(width, height) < 16:
            raise ValueError(f"A drive of {width}x{height} pixels is too small; ask for at least 16x16.")
        self._width, self._height, self._seed, self._lightings = width, height, seed, lightings
        ground = surfaces.ground_albedo(seed)
        self._period = len(ground)
        self._ground = np.concatenate([np.zeros_like(ground[:1]), np.cumsum(ground, axis=0, dtype=np.float64)])
        self._ground = self._ground.astype(np.float32)
        self._dither = np.random.default_rng(1).uniform(-0.5, 0.5, (height, width, 3)).astype(np.float32)
        self._albedo = np.empty((height, width, 3), np.uint8)
        self._light = [np.empty((height, width, 3), np.uint8) for _ in lightings]
        self._haze = [surfaces.pack_light(surfaces.rgb(lit.horizon) / 0.25 * 0.7) for lit in lightings]

    def render(self, time: float) -> list[np.ndarray]:
        """Return the radiance (float32 H x W x 3 RGB) at a time in seconds, once per lighting."""
        arranged = self.arrange(time)
        view, lights, faces, fronts = arranged.view, arranged.lights, arranged.faces, arranged.fronts
        self._paint_sky(view)
        self._paint_ground(view, lights)
        shades = [shade(faces, lit, lights, haze) for lit, haze in zip(self._lightings, self._haze, strict=True)]
        albedo, colours = shades[0][0].tolist(), [light.tolist() for _, light in shades]
        grids = self._light_fronts(fronts, lights)
        for is_thing, i in arranged.order:
            if is_thing:
                self._paint_thing(faces, i, albedo, colours)
            else:
                self._paint_front(fronts[i], grids[i])
        reflectance = cv2.LUT(self._albedo, surfaces.ALBEDO_TABLE)
        return [cv2.multiply(reflectance, cv2.LUT(light, surfaces.LIGHT_TABLE)) for light in self._light]

    def arrange(self, time: float) -> Arrangement:
        """Return where everything stands at a time in seconds, and in which order it is painted."""
        view = self._view(time)
        things, lights = cast(self._seed, view)
        houses = surfaces.houses(self._seed, view.s, view.s + FAR)
        faces = Faces.collect(view, things + [surfaces.shell(h) for h in houses])
        fronts = [front for front in (self._front(view, h) for h in houses) if front]
        order = sorted(
            [(front.far + surfaces.HOUSE_BEHIND, False, i) for i, front in enumerate(fronts)]
            + [(z, True, i) for i, z in enumerate(faces.depths)],
            reverse=True,
        )
        return Arrangement(view, lights, faces, fronts, [(is_thing, i) for _, is_thing, i in order])

    def _view(self, time: float) -> View:
        """Return the camera at a time: it follows the lane, nodding and swaying a little."""
        focal = 0.9 * self._width
        nod = 0.0025 * np.sin(7.1 * time) * np.sin(1.3 * time) + 0.001 * np.sin(13.7 * time)
        sway = 0.002 * np.sin(2.3 * time)
        centre = (0.5 + 0.9 * sway) * self._width, 0.47 * self._height + focal * nod
        return View(self._width, self._height, focal, centre, scene.own_position(time), time)

    def _paint_sky(self, view: View) -> None:
        """Paint the sky's gradient and the far town in front of it."""
        self._albedo[:] = 255
        up = np.maximum(view.centre[1] - np.arange(self._height, dtype=np.float32), 0)[:, None] / view.focal
        roofs, windows = surfaces.skyline(self._seed)
        turn = 1000 * road_heading(view.s)
        bearing = turn + 1000 * (np.arange(-4, self._width + 5, 4) - view.centre[0]) / view.focal
        tops = view.centre[1] - view.focal * roofs[np.floor(bearing).astype(int) % 4096]
        outline = np.stack([np.arange(-4, self._width + 5, 4), tops], 1)
        foot = view.centre[1] + 4
        outline = np.concatenate([outline, [[self._width + 4, foot], [-4, foot]]])
        across = ((windows[:, 0] - turn + 2048) % 4096 - 2048) / 1000 * view.focal + view.centre[0]
        places = np.stack([across, view.centre[1] - windows[:, 1] * view.focal], 1)
        for canvas, lit, haze in zip(self._light, self._lightings, self._haze, strict=True):
            share = np.exp(-up / 0.16)
            glow = surfaces.rgb(lit.zenith) * (1 - share) + surfaces.rgb(lit.horizon) * share
            cv2.resize(surfaces.pack_light(glow)[:, None], (self._width, self._height), dst=canvas)
            colour = surfaces.pack_light(surfaces.LIGHT_TABLE[haze] * 0.25)
            cv2.fillPoly(canvas, [fixed(outline)], colour.tolist(), cv2.LINE_AA, 4)
            if lit.lamps:
                half = 0.0006 * view.focal * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
                for u, v in places[(places[:, 0] > 0) & (places[:, 0] < self._width)]:
                    cv2.fillConvexPoly(canvas, fixed(half + np.array([u, v])), (190, 180, 165), cv2.LINE_AA, 4)

    def _paint_ground(self, view: View, lights: Lights) -> None:
        """Paint the road and what lies beside it, each row averaged over the stretch of road that it sees."""
        first = max(int(np.ceil(view.centre[1] + view.focal * EYE_HEIGHT / 600)), 0)
        rows = np.arange(first, self._height, dtype=np.float64)
        ahead = view.focal * EYE_HEIGHT / (rows - view.centre[1])
        texels = self._ground_rows(view, ahead)
        per_pixel = (ahead / view.focal)[:, None] * surfaces.GROUND_TEXELS_D
        d = scene.LANE - view.bend(ahead) + surfaces.GROUND_HALF_WIDTH
        map_x = (np.arange(self._width) - view.centre[0]) * per_pixel + d[:, None] * surfaces.GROUND_TEXELS_D - 0.5
        map_y = np.broadcast_to(np.arange(len(rows), dtype=np.float32)[:, None], map_x.shape)
        cv2.remap(
            texels,
            map_x.astype(np.float32),
            np.ascontiguousarray(map_y),
            cv2.INTER_LINEAR,
            dst=self._albedo[first:],
            borderMode=cv2.BORDER_REPLICATE,
        )
        size = max(self._width // 16, 8), max((self._height - first) // 4, 8)
        v = first + (np.arange(size[1]) + 0.5) * (self._height - first) / size[1] - 0.5
        u = (np.arange(size[0]) + 0.5) * self._width / size[0] - 0.5
        z = np.broadcast_to((view.focal * EYE_HEIGHT / (v - view.centre[1]))[:, None], size[::-1])
        points = np.stack([(u - view.centre[0])[None] * z / view.focal, np.zeros_like(z), z], -1).reshape(-1, 3)
        normals, fog = np.broadcast_to(surfaces.rgb([0, 1, 0]), points.shape), haze_share(z)[..., None]
        for canvas, lit, haze in zip(self._light, self._lightings, self._haze, strict=True):
            stops = np.log2(illuminate(points, normals, lit, lights)).reshape(*size[::-1], 3)
            stops = (stops + fog * (np.log2(surfaces.LIGHT_TABLE[haze]) - stops)).astype(np.float32)
            stops = np.asarray(cv2.resize(stops, (self._width, self._height - first), interpolation=cv2.INTER_LINEAR))
            if lit.lamps:
                self._reflect(view, lights, stops, first)
            canvas[first:] = surfaces.pack_stops(stops, self._dither[first:])

    def _reflect(self, view: View, lights: Lights, stops: np.ndarray, first: int) -> None:
        """Add the streaks of lamps that mirror in the damp road, in place on the light's logarithm from a row on."""
        for position, power, beam in zip(lights.position, lights.power, lights.beam, strict=True):
            x, y, ahead = (float(c) for c in position)
            if beam > 0 or ahead < 4:
                continue
            contact = ahead * EYE_HEIGHT / (EYE_HEIGHT + y)
            u, v = view.centre[0] + view.focal * x / ahead, view.focal * EYE_HEIGHT / contact + view.centre[1] - first
            wide, tall = view.focal * 0.12 / contact + 0.001 * self._width, 0.22 * (v + first - view.centre[1]) + 2
            left, right = (int(np.clip(u + k * wide, 0, self._width)) for k in (-3, 3))
            top, foot = (int(np.clip(v + k * tall, 0, len(stops))) for k in (-3, 3))
            grazing = 1 / (1 + (EYE_HEIGHT * 12 / contact) ** 2)
            shape = np.exp(-(((np.arange(top, foot) - v) / tall) ** 2))[:, None, None]
            shape = shape * np.exp(-(((np.arange(left, right) - u) / wide) ** 2))[None, :, None]
            part = stops[top:foot, left:right]
            part[:] = np.log2(2**part + shape.astype(np.float32) * power * (GLOSS * grazing / ahead**1.2))

    def _ground_rows(self, view: View, ahead: np.ndarray) -> np.ndarray:
        """Return one packed texture row per picture row: the surface averaged along s over pixel and shutter time."""
        reach = ahead**2 / (view.focal * EYE_HEIGHT) + 10.5 * SHUTTER
        low = (view.s + ahead - reach / 2) * surfaces.GROUND_TEXELS_S
        low -= np.floor(low.min() / self._period) * self._period
        high = low + np.maximum(reach * surfaces.GROUND_TEXELS_S, 1.0)
        mean = (self._ground_sum(high) - self._ground_sum(low)) / (high - low)[:, None, None].astype(np.float32)
        texel = np.maximum(ahead * surfaces.GROUND_TEXELS_D / view.focal, 1.0)
        for width in (2, 4, 8, 16):
            part = (texel >= width * 0.75) & ((texel < width * 1.5) | (width == 16))
            if part.any():
                mean[part] = cv2.blur(mean[part], (width + 1, 1))
        far = ahead > 10
        fog = haze_share(ahead[far]).astype(np.float32)[:, None, None]
        mean[far] += fog * (surfaces.ALBEDO_TABLE[surfaces.HAZE_ALBEDO] - mean[far])
        return surfaces.pack_albedo(mean)

    def _ground_sum(self, place: np.ndarray) -> np.ndarray:
        """Return the running sum of the endless surface up to fractional texel rows (N) as N x columns x 3."""
        turn, rest = np.divmod(place, self._period)
        row = np.minimum(rest.astype(int), self._period - 1)
        part = (rest - row).astype(np.float32)[:, None, None]
        whole = turn.astype(np.float32)[:, None, None] * self._ground[-1]
        return self._ground[row] * (1 - part) + self._ground[row + 1] * part + whole

    def _front(self, view: View, house: surfaces.House) -> Front | None:
        """Return the part of a house front that is ahead and in view."""
        d = house.side * house.distance
        start = max(house.start, view.s + 1.6 * view.focal * (house.distance - 2) / self._width)
        if house.end - start < 0.3:
            return None
        ends = [(d, house.height, start), (d, house.height, house.end), (d, 0.0, house.end), (d, 0.0, start)]
        target = view.project(view.place(np.array(ends)))
        low = np.maximum(np.floor(target.min(0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(target.max(0)).astype(int) + 2, (self._width, self._height))
        if (high - low).min() < 2:
            return None
        across, down = np.meshgrid((np.arange(6) + 0.5) / 6, (np.arange(5) + 0.5) / 5)
        points = np.stack(
            [np.full(30, d), house.height * (1 - down.ravel()), start + (house.end - start) * across.ravel()], 1
        )
        window = slice(low[1], high[1]), slice(low[0], high[0])
        return Front(
            house,
            (house.end - start) / (house.end - house.start),
            house.end - view.s,
            window,
            target - low,
            view.place(points),
        )

    def _light_fronts(self, fronts: list[Front], lights: Lights) -> list[list[np.ndarray]]:
        """Return for every front the log2 of its light (5 x 6 x 3, from the eaves down), once per lighting."""
        if not fronts:
            return []
        points = np.concatenate([front.points for front in fronts])
        normals = np.repeat([(-front.house.side, 0.0, 0.0) for front in fronts], 30, axis=0)
        fog, grids = haze_share(points[:, 2:]), []
        for lit, haze in zip(self._lightings, self._haze, strict=True):
            stops = np.log2(illuminate(points, normals, lit, lights))
            stops += fog * (np.log2(surfaces.LIGHT_TABLE[haze]) - stops)
            grids.append(stops.reshape(-1, 5, 6, 3).astype(np.float32))
        return [list(grid) for grid in zip(*grids, strict=True)]

    def _paint_front(self, front: Front, grids: list[np.ndarray]) -> None:
        """Paint a house front: shrink its texture to about its size in the picture, light it, put it in perspective."""
        house, spread = front.house, np.ptp(front.target, axis=0) * (1.4, 1.0)
        level = house.at_size(spread[0] / front.seen, spread[1])
        rows, columns = house.albedo[level].shape[:2]
        skip = min(round((1 - front.seen) * columns), columns - 2)
        size = int(np.clip(spread[0], 2, columns - skip)), int(np.clip(spread[1], 2, rows))
        source = np.array([(-0.5, -0.5), (size[0] - 0.5, -0.5), (size[0] - 0.5, size[1] - 0.5), (-0.5, size[1] - 0.5)])
        warp = cv2.getPerspectiveTransform(source.astype(np.float32), front.target.astype(np.float32))

        def put(picture: np.ndarray, canvas: np.ndarray) -> None:
            part = canvas[front.window]
            cv2.warpPerspective(
                picture, warp, part.shape[1::-1], dst=part, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT
            )

        albedo = np.asarray(cv2.resize(house.albedo[level][:, skip:], size, interpolation=cv2.INTER_AREA))
        glow = np.asarray(cv2.resize(house.glow[level][:, skip:], size, interpolation=cv2.INTER_AREA))
        fog = haze_share(np.linspace(front.points[0, 2], front.points[5, 2], size[0]))
        put(surfaces.mix(albedo, surfaces.HAZE_ALBEDO[0], np.repeat(fog, 3).reshape(1, -1, 3)), self._albedo)
        for canvas, lit, grid in zip(self._light, self._lightings, grids, strict=True):
            light = surfaces.pack_stops(np.asarray(cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR)))
            put(np.maximum(light, glow) if lit.lamps else light, canvas)

    def _paint_thing(self, faces: Faces, index: int, albedo: list[list[int]], lights: list[list[list[int]]]) -> None:
        """Paint the faces of one thing on all canvases."""
        for face in range(*faces.groups[index]):
            first, last = faces.spans[face]
            corners = faces.pixels[first:last]
            cv2.fillPoly(self._albedo, [corners], albedo[face], cv2.LINE_AA, 4)
            for canvas, light in zip(self._light, lights, strict=True):
                cv2.fillPoly(canvas, [corners], light[face], cv2.LINE_AA, 4)


def night_drive(
    width: int = 1280, height: int = 720, fps: float = 30.0, seconds: float = 8.0, seed: int = 0
) -> Iterator[np.ndarray]:
    """Yield the frames of a night drive as a camera delivers them.

    Args:
        width: picture width in pixels.
        height: picture height in pixels.
        fps: frames a second.
        seconds: length of the drive.
        seed: chooses the street, the traffic and the noise; the same seed gives the same frames.

    Yields:
        uint8 BGR frames, height x width x 3.

    Raises:
        ValueError: the picture is smaller than 16x16.
    """
    rng = np.random.default_rng([seed & 0xFFFFFFFF, 99])
    stage = Stage(width, height, seed, (NIGHT,))
    for index in range(round(fps * seconds)):
        yield expose(stage.render(index / fps)[0], CAMERA, rng)


def drive_radiance(
    width: int = 1280, height: int = 720, fps: float = 30.0, seconds: float = 8.0, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the same drive as linear radiance, by night and under an overcast day sky.

    Args are those of `night_drive`.

    Yields:
        (night, day), both float32 RGB, height x width x 3; lamps exceed 1.
    """
    stage = Stage(width, height, seed, (NIGHT, DAY))
    for index in range(round(fps * seconds)):
        night, day = stage.render(index / fps)
        yield night, day
