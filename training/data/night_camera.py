"""A physical camera model that turns day photos into night ones, and scene radiance into camera frames.

Two steps, usable apart. `relight` takes a day photo, linearises it and gives it night lighting: dim ambient light, a
dark sky, pools of lamp light, headlights, lamps that are themselves in view; `underexpose` makes a dim room of it.
`expose` looks at linear radiance with a camera: glare in the lens, shot and read noise of the sensor, white balance,
tone curve, 8 bits, JPEG.

The noise model is the usual Poisson-Gaussian one, variance = shot x signal + read^2 (Foi et al., "Practical
Poissonian-Gaussian noise modeling", IEEE TIP 2008), in linear sensor space, scaled so that 1.0 is full well.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import cv2
import numpy as np

GAMMA = 2.2


@dataclass(frozen=True)
class Camera:
    """One camera at one setting; all light is linear and relative to the sensor's full well at unit gain.

    `exposure` multiplies radiance, `shot` and `read` set the noise, `balance` are the R, G, B gains, `glare` is the
    share of a lamp's light that the lens scatters, `grain` the blur of the noise in pixels (demosaicing, scaling),
    `jpeg` the quality 1..100 of the compressed frame, 0 for none.
    """

    exposure: float = 1.0
    shot: float = 0.0006
    read: float = 0.004
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    glare: float = 0.03
    grain: float = 0.6
    jpeg: int = 92

    @staticmethod
    def sample(rng: np.random.Generator) -> Camera:
        """Draw a plausible camera: from a clean one at low gain to a noisy one at high gain."""
        gain = 10 ** rng.uniform(-1.5, -0.1)
        red, blue = np.exp(rng.normal(0, 0.08, 2))
        return Camera(
            shot=0.0008 * gain,
            read=0.0025 * gain,
            balance=(float(red), 1.0, float(blue)),
            glare=float(rng.uniform(0.0, 0.06)),
            grain=float(rng.uniform(0.2, 0.7)),
            jpeg=int(rng.integers(85, 99)),
        )


@dataclass(frozen=True)
class Relit:
    """A day photo under night light: what reaches the lens, and the picture one would wish for.

    `radiance` is linear RGB, float32 H x W x 3, lamps above 1. `wanted` is RGB in [0, 1] after the tone curve: the
    photo with its light evened out, but night where next to no light falls.
    """

    radiance: np.ndarray
    wanted: np.ndarray


def linearise(bgr: np.ndarray) -> np.ndarray:
    """Undo the display gamma: uint8 BGR H x W x 3 to linear RGB float32 in [0, 1]."""
    table = (np.arange(256, dtype=np.float32) / 255) ** GAMMA
    return table[bgr[:, :, ::-1]]


def display(linear: np.ndarray) -> np.ndarray:
    """Apply the display gamma to linear light; the result is clipped to [0, 1]."""
    return np.clip(linear, 0, 1) ** (1 / GAMMA)


def expose(radiance: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Return the frame that a camera delivers.

    Args:
        radiance: linear RGB, float32 H x W x 3; 1.0 fills the sensor at exposure 1, lamps may exceed it.
        camera: the camera's settings.
        rng: source of the noise.

    Returns:
        uint8 BGR, H x W x 3.
    """
    light = scatter(radiance * camera.exposure, camera.glare)
    light *= np.asarray(camera.balance, np.float32)
    sigma = np.sqrt(camera.shot * np.minimum(light, 1.0) + camera.read**2)
    noise = rng.standard_normal(light.shape, dtype=np.float32)
    if camera.grain > 0.35:
        blurred = cv2.GaussianBlur(noise, (0, 0), camera.grain)
        noise = (blurred / (blurred.std() + 1e-6)).astype(np.float32)
    frame = np.round(255 * display(light + sigma * noise)).astype(np.uint8)
    frame = np.ascontiguousarray(frame[:, :, ::-1])
    if camera.jpeg:
        packed = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, camera.jpeg])[1]
        return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    return frame


def scatter(light: np.ndarray, share: float) -> np.ndarray:
    """Spread a share of the over-bright light around it, narrow and wide, as a lens does; returns a new array."""
    if share <= 0:
        return light.astype(np.float32, copy=True)
    height, width = light.shape[:2]
    bright = np.maximum(light - 0.8, 0)
    small = cv2.resize(bright, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)
    near = cv2.GaussianBlur(small, (0, 0), max(width / 400, 0.8))
    far = cv2.GaussianBlur(small, (0, 0), max(width / 60, 2.0))
    halo = cv2.resize(0.6 * near + 0.4 * far, (width, height), interpolation=cv2.INTER_LINEAR)
    return light + share * halo


def relight(day: np.ndarray, camera: Camera, rng: np.random.Generator) -> Relit:
    """Light a day photo as a night scene, with lamps and pools of light.

    Args:
        day: uint8 BGR, H x W x 3.
        camera: the camera that will look at it; light below its noise is not wished back.
        rng: source of the scene.

    Returns:
        the radiance and the wanted picture, both H x W x 3.
    """
    scene = linearise(day)
    light, lamps = night_light(scene.shape[0], scene.shape[1], rng)
    radiance = scene * light
    # Even the light out, so that its ratio of 1000 becomes one of about 8, keeping its colour half-way.
    level = light.mean(axis=2, keepdims=True)
    strongest = float(np.quantile(level, 0.95))
    evened = np.clip(level / strongest, 1e-4, 1) ** 0.3 * np.sqrt(light / level)
    wanted = scene * evened * np.asarray(camera.balance, np.float32)
    # A photo that is itself dim is brought to a middle grey; one that is bright is left alone.
    middle = float(display(wanted).mean())
    wanted *= np.clip(0.36 / max(middle, 0.05), 0.8, 1.8) ** GAMMA
    # In a night scene the last glimmer is better left dark.
    wanted *= visible(radiance, camera, dark_levels=(1.5, 9.5))
    return Relit(radiance + lamps, display(wanted + scatter(lamps, camera.glare)).astype(np.float32))


def underexpose(day: np.ndarray, camera: Camera, rng: np.random.Generator) -> Relit:
    """Take so little light into a photo that it looks like a dim room; the photo itself is what is wanted of it.

    Cameras deepen the shadows of an underexposed picture: the shades of LOL's dark photos (Wei et al. 2018), as a set,
    follow those of its well-lit ones with a power of 1.7 to 2 and a gain of a quarter. So shades are raised to a random
    power of 1 to 2.2 (in display space), shaded by a gentle gradient, and dimmed to a random mean luminance around .06.

    Args and Returns as for `relight`; nothing in the picture is a lamp.
    """
    photo = day[:, :, ::-1].astype(np.float32) / 255
    height, width = photo.shape[:2]
    slope_x, slope_y = rng.uniform(-0.4, 0.4, 2)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    gradient = np.exp(slope_x * (x / width - 0.5) + slope_y * (y / height - 0.5))[:, :, None]
    dim = photo ** rng.uniform(1.0, 2.2) * gradient
    mean = float(np.clip(0.06 * np.exp(rng.normal(0, 0.6)), 0.012, 0.3))
    dim = np.clip(dim * (mean / max(float(dim.mean()), 1e-4)), 0, 1)
    balance = np.asarray(camera.balance, np.float32) ** (1 / GAMMA)
    return Relit((dim**GAMMA).astype(np.float32), np.clip(photo * balance, 0, 1))


def visible(radiance: np.ndarray, camera: Camera, dark_levels: tuple[float, float]) -> np.ndarray:
    """Return how far light can be told from darkness: float H x W x 1 in [0, 1].

    It has to stand out of the noise once averaged over a few pixels, and to rise above the frame's first levels: none
    of it is visible at the first of `dark_levels` (of 255), all of it at the second.
    """
    signal = cv2.GaussianBlur(radiance.mean(axis=2) * camera.exposure, (0, 0), 2)
    noise = (camera.shot * signal + camera.read**2) / 4
    levels = 255 * display(signal)
    none, full = dark_levels
    reached = np.clip((levels - none) / (full - none), 0, 1) ** 2
    return (reached * signal**2 / (signal**2 + 4 * noise))[:, :, None]


def night_light(height: int, width: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return (light that falls on the scene, lamps in view), both linear RGB float32 H x W x 3."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = y / height, x / width
    ambient = 10 ** rng.uniform(-4.5, -1.3)  # from a road without a lamp, lost in the first level, to a lit street
    horizon = rng.uniform(0.3, 0.6)
    darkest = rng.uniform(0.02, 0.15)
    sky = darkest + (1 - darkest) / (1 + np.exp(-(y - horizon) * 14))
    light = (ambient * sky)[:, :, None] * np.exp(rng.normal(0, 0.12, 3)).astype(np.float32)
    if rng.random() < 0.7:
        centre, reach = rng.uniform(0.35, 0.65), rng.uniform(0.12, 0.35)
        cone = np.exp(-(((x - centre) / (0.15 + 0.35 * np.clip(y - horizon, 0, 1))) ** 2))
        cone *= np.exp(-(((y - horizon - 0.2) / reach) ** 2))
        light += (10 ** rng.uniform(-1.6, -0.3) * cone)[:, :, None] * np.array([1.0, 0.97, 0.9], np.float32)
    for _ in range(rng.integers(0, 5)):
        u, v, spread = rng.uniform(0, 1), rng.uniform(0.1, 0.9), rng.uniform(0.06, 0.3)
        distance = ((x - u) ** 2 + ((y - v) * height / width) ** 2) / spread**2
        pool = 10 ** rng.uniform(-2.0, -0.2) / (1 + distance) ** 2
        light += pool[:, :, None] * lamp_colour(rng)
    return light.astype(np.float32), lamps_in_view(height, width, horizon, rng)


def lamp_colour(rng: np.random.Generator) -> np.ndarray:
    """Draw the colour of a lamp: sodium, white, cold, or a coloured sign; float32 R, G, B with maximum 1."""
    colours = np.array([[1, 0.62, 0.25], [1, 0.9, 0.75], [0.85, 0.93, 1.0], rng.uniform(0.15, 1, 3)], np.float32)
    return colours[rng.choice(4, p=[0.35, 0.35, 0.2, 0.1])]


def lamps_in_view(height: int, width: int, horizon: float, rng: np.random.Generator) -> np.ndarray:
    """Return the radiance of lamps seen directly: head and tail lights in pairs, street lamps; float32 H x W x 3."""
    lamps = np.zeros((height, width, 3), np.float32)
    for _ in range(rng.integers(0, 7)):
        u, v = rng.uniform(0, 1), horizon + rng.uniform(-0.02, 0.3)
        size = max(1, round(width * float(rng.uniform(0.002, 0.014))))
        colour = np.array([1, 0.05, 0.08] if rng.random() < 0.5 else [1, 0.95, 0.85], np.float32)
        power = 10 ** rng.uniform(-0.2, 1.4)
        apart = size * rng.uniform(4, 9)
        for side in (-apart, apart):
            draw_lamp(lamps, u * width + side, v * height, size, colour * power)
    for _ in range(rng.integers(0, 9)):
        u, v = rng.uniform(0, 1), rng.uniform(0.02, horizon)
        size = max(1, round(width * float(rng.uniform(0.001, 0.008))))
        draw_lamp(lamps, u * width, v * height, size, lamp_colour(rng) * 10 ** rng.uniform(-0.3, 1.3))
    return lamps


def draw_lamp(lamps: np.ndarray, x: float, y: float, radius: int, colour: np.ndarray) -> None:
    """Add one round lamp to a linear RGB picture, in place."""
    centre = (round(x), round(y))
    cv2.circle(lamps, centre, radius, tuple(float(c) for c in colour), -1, cv2.LINE_AA)


def as_night(day: np.ndarray, seed: int, name: str) -> np.ndarray:
    """Return a day photo, uint8 BGR H x W x 3, as a camera would take it at night; by seed and name alone."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    camera = Camera.sample(rng)
    return expose(relight(day, camera, rng).radiance, camera, rng)
