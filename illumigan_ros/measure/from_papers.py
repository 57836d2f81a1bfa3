"""Methods of the literature, as far as they can be had without their authors' weights, for `comparison`."""

from __future__ import annotations

import cv2
import numpy as np

LIME_GAMMA, LIME_RADIUS, LIME_SMOOTH = 0.8, 15, 1e-3
DARKEST = 0.02  # of an illumination map that is divided by
ITERATIONS, GRID_HW, SMALL_HW = 8, (9, 16), (72, 128)
STEPS, RATE = 60, 0.05
PATCH, WELL_EXPOSED = 8, 0.6
WEIGHTS = {"spatial": 1.0, "exposure": 10.0, "colour": 5.0, "smooth": 200.0}


def lime_style(bgr: np.ndarray) -> np.ndarray:
    """Divide a picture (uint8 H x W x 3) by its illumination, as LIME does (Guo, Li and Ling, TIP 2017).

    The illumination is the strongest colour of each pixel, to the power of .8. The paper smooths it by solving for a
    structure-aware map; here a guided filter (He, Sun and Tang, TPAMI 2013) does, hence "style". Nothing is denoised.
    """
    frame = bgr.astype(np.float32) / 255
    light = frame.max(axis=2)
    side = (2 * LIME_RADIUS + 1,) * 2
    mean = cv2.blur(light, side)
    variance = cv2.blur(light * light, side) - mean * mean
    slope = variance / (variance + LIME_SMOOTH)
    smooth = cv2.blur(slope, side) * light + cv2.blur(mean - slope * mean, side)
    illumination = np.clip(smooth, DARKEST, 1) ** LIME_GAMMA
    return np.clip(frame / illumination[:, :, None] * 255 + 0.5, 0, 255).astype(np.uint8)


def zero_dce_style(bgr: np.ndarray) -> np.ndarray:
    """Brighten a picture (uint8 H x W x 3) by Zero-DCE's curves and losses (Guo et al., CVPR 2020, arXiv 2001.06826).

    The curve x + a (x - x^2) is applied eight times, with maps a of its own each time. The paper's network answers with
    these maps; its weights may not be used commercially, so here 16 x 9 values of each are fitted to every picture on
    its own, by the paper's four losses with their weights, hence "style". That takes far longer than the network.
    """
    import torch
    import torch.nn.functional as F

    def bright(image: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
        for number in range(ITERATIONS):
            small = torch.tanh(maps[:, 3 * number : 3 * number + 3])
            a = F.interpolate(small, image.shape[2:], mode="bilinear", align_corners=False)
            image = image + a * (image - image * image)
        return image

    rgb = torch.from_numpy(bgr[:, :, ::-1].copy()).permute(2, 0, 1)[None].float() / 255
    small = F.interpolate(rgb, SMALL_HW, mode="area")
    maps = torch.zeros(1, 3 * ITERATIONS, *GRID_HW, requires_grad=True)
    optimiser = torch.optim.Adam([maps], RATE)
    for _ in range(STEPS):
        made = bright(small, maps)
        before, after = (F.avg_pool2d(image.mean(1, keepdim=True), 4) for image in (small, made))
        contrast = sum((after.diff(dim=axis).abs() - before.diff(dim=axis).abs()).square().mean() for axis in (2, 3))
        exposure = (F.avg_pool2d(made.mean(1, keepdim=True), PATCH) - WELL_EXPOSED).square().mean()
        red, green, blue = made.mean((0, 2, 3))
        colour = (red - green) ** 2 + (green - blue) ** 2 + (blue - red) ** 2
        rough = sum(torch.tanh(maps).diff(dim=axis).square().mean() for axis in (2, 3))
        terms = {"spatial": contrast, "exposure": exposure, "colour": colour, "smooth": rough}
        optimiser.zero_grad()
        torch.as_tensor(sum(WEIGHTS[name] * term for name, term in terms.items())).backward()
        optimiser.step()
    with torch.inference_mode():
        rgb = bright(rgb, maps)
    return (rgb[0].permute(1, 2, 0).clamp(0, 1) * 255 + 0.5).byte().numpy()[:, :, ::-1].copy()
