"""Run a generator that sees whole frames on a frame reduced to the size of its graph.

The network's residual, and not its image, is brought back to full size: the frame keeps its own detail. The fast
guided filter does it (He and Sun, arXiv 1505.00996): in each small window the residual is a linear function of the
luminance, a I + b; a and b are smooth, are enlarged, and meet the full frame's own luminance, so that the residual has
the frame's edges. Only OpenCV is needed.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from illumigan_model.attention import LUMA_RGB

RADIUS = 1  # of a window, in pixels of the reduced frame
SMOOTHNESS = 1e-4  # variance of luminance below which a window is flat, and its residual constant


def enhance(image: np.ndarray, size: tuple[int, int], infer: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the enhanced image, float32 RGB 3 x H x W.

    Args:
        image: float32 RGB 1 x 3 x H x W in [0, 1], any H and W.
        size: width and height of the images that `infer` takes.
        infer: the network, 1 x 3 x h x w to 3 x h x w.
    """
    small = reduce(image[0], size)
    height, width = small.shape[1:]
    below, beside = size[1] - height, size[0] - width
    filled = cv2.copyMakeBorder(small.transpose(1, 2, 0), 0, below, 0, beside, cv2.BORDER_REPLICATE)
    made = infer(np.ascontiguousarray(filled.transpose(2, 0, 1)[None]))[:, :height, :width]
    if small.shape == image.shape[1:]:
        return made
    return image[0] + enlarge(made - small, luminance(small), luminance(image[0]))


def reduce(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an image 3 x H x W reduced, in its proportions, so that it fits into a width and height."""
    height, width = image.shape[1:]
    scale = min(size[0] / width, size[1] / height, 1.0)
    inner = (max(round(width * scale), 1), max(round(height * scale), 1))
    return image if scale == 1 else np.stack([cv2.resize(p, inner, interpolation=cv2.INTER_AREA) for p in image])


def luminance(image: np.ndarray) -> np.ndarray:
    """Return the luminance H x W of an RGB image 3 x H x W."""
    return np.tensordot(np.array(LUMA_RGB, np.float32), image, 1)


def enlarge(residual: np.ndarray, small: np.ndarray, full: np.ndarray) -> np.ndarray:
    """Bring a residual to full size.

    Args:
        residual: float32 3 x h x w.
        small: luminance h x w of the reduced frame.
        full: luminance H x W of the frame.

    Returns:
        float32 3 x H x W.
    """
    window, whole = (2 * RADIUS + 1, 2 * RADIUS + 1), full.shape[::-1]
    mean = cv2.blur(small, window)
    variance = cv2.blur(small * small, window) - mean * mean
    large = []
    for plane in residual:
        level = cv2.blur(plane, window)
        slope = (cv2.blur(plane * small, window) - level * mean) / (variance + SMOOTHNESS)
        offset = level - slope * mean
        slope, offset = (cv2.resize(cv2.blur(part, window), whole) for part in (slope, offset))
        large.append(slope * full + offset)
    return np.stack(large)
