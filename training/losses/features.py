"""The frozen network behind the feature distance: VGG-16 (Simonyan and Zisserman, arXiv 1409.1556), or part of it.

    name           image       through    stride    time
    vgg16          as it is    relu5_1    8         1       EnlightenGAN's
    vgg16_light    halved      relu4_1    16        1/6     where that is too slow; sees less fine detail

EnlightenGAN leaves out the fourth pooling and gives the network BGR in 0..255 with no mean subtracted; so do we unless
told otherwise. Without the mean the features mind brightness less: a dark photo and its bright twin lie a quarter as
far apart as two scenes do, with the mean subtracted half as far (LOL's training pairs, 256 x 144).

Three sets of weights are in use, trained on different inputs; a file is recognised by its first filter:

    flavour        trained on
    caffe          BGR 0..255 minus (103.939, 116.779, 123.68): the authors' own, as EnlightenGAN uses them
    caffe_rgb      the same with the first filters turned to RGB: torchvision's IMAGENET1K_FEATURES
    torchvision    RGB 0..1, minus (.485, .456, .406), over (.229, .224, .225): torchvision's IMAGENET1K_V1
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from illumigan_model.errors import ModelError
from illumigan_model.system.files import why_no_file

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (1, 512))  # convolutions and their width, a pooling between blocks
NETWORKS = {"vgg16": (26, 1), "vgg16_light": (19, 2)}  # how many of torchvision's layers, how often smaller the image


@dataclass(frozen=True)
class Flavour:
    """What a set of weights was trained on, and how to know it."""

    bgr: bool
    scale: float
    mean: tuple[float, float, float]  # in the order of the network's input
    spread: tuple[float, float, float]
    optional_mean: bool  # EnlightenGAN leaves the mean of Caffe's weights out
    mark: tuple[float, float, float]  # first row of the first filter
    url: str | None


ONES = (1.0, 1.0, 1.0)
FLAVOURS = {
    "caffe": Flavour(True, 255.0, (103.939, 116.779, 123.68), ONES, True, (0.4295, 0.3735, -0.0614), None),
    "caffe_rgb": Flavour(
        False, 255.0, (123.68, 116.779, 103.939), ONES, True, (0.4800, 0.4084, -0.0651),
        "https://download.pytorch.org/models/vgg16_features-amdegroot-88682ab5.pth",
    ),
    "torchvision": Flavour(
        False, 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), False, (-0.5537, 0.1427, 0.5290),
        "https://download.pytorch.org/models/vgg16-397923af.pth",
    ),
}  # fmt: skip


class FeatureNetwork(nn.Module):
    """VGG-16's first layers, frozen; layers are numbered as in torchvision. Made by `open_features`."""

    mean: Tensor
    spread: Tensor

    def __init__(self, name: str, flavour: str, mean_subtraction: bool = False, pool4: bool = False) -> None:
        super().__init__()
        length, self.reduction = NETWORKS[name]
        self.flavour = FLAVOURS[flavour]
        layers: list[nn.Module] = []
        inputs = 3
        for number, (count, outputs) in enumerate(BLOCKS):
            if number:
                layers.append(nn.MaxPool2d(2) if number < 4 or pool4 else nn.Identity())
            for _ in range(count):
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
                inputs = outputs
        self.layers = nn.Sequential(*layers[:length])
        subtract = mean_subtraction or not self.flavour.optional_mean
        mean = torch.tensor(self.flavour.mean) if subtract else torch.zeros(3)
        self.register_buffer("mean", mean.view(3, 1, 1), persistent=False)
        self.register_buffer("spread", torch.tensor(self.flavour.spread).view(3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        """Return the feature maps N x C x h x w of RGB images N x 3 x H x W in [0, 1]."""
        if self.reduction > 1:
            image = F.avg_pool2d(image, self.reduction)
        if self.flavour.bgr:
            image = image.flip(1)
        image = (image * self.flavour.scale - self.mean) / self.spread
        features: Tensor = self.layers(image.to(next(self.parameters()).dtype))
        return features


def open_features(
    name: str,
    file: Path | None = None,
    *,
    flavour: str | None = None,
    mean_subtraction: bool = False,
    pool4: bool = False,
    dtype: torch.dtype = torch.float32,
) -> FeatureNetwork:
    """Return a feature network, frozen, on the CPU.

    Args:
        name: "vgg16" or "vgg16_light".
        file: weights with torchvision's key names (`features.0.weight`, or `0.weight`), .safetensors or .pt/.pth;
            None has torch.hub fetch them (528 MB, kept in its cache).
        flavour: "caffe", "caffe_rgb" or "torchvision"; only needed for files that are not recognised, and to fetch
            torchvision's weights in place of the authors' ("caffe_rgb").
        mean_subtraction: subtract the mean that the Caffe weights were trained with, which EnlightenGAN does not;
            torchvision's weights always get their mean and deviation.
        pool4: keep the fourth pooling, which EnlightenGAN leaves out.
        dtype: of weights and features.

    Raises:
        ModelError: name or flavour is unknown, the file is missing or wrong, or nothing can be fetched.
    """
    if name not in NETWORKS:
        raise ModelError(f"There is no feature network {name!r}; choose one of {', '.join(NETWORKS)}.")
    if flavour is not None and flavour not in FLAVOURS:
        raise ModelError(f"There are no VGG-16 weights of flavour {flavour!r}; choose one of {', '.join(FLAVOURS)}.")
    state = fetch(flavour or "caffe_rgb") if file is None else read(file)
    found = recognise(state)
    if flavour is not None and found is not None and flavour != found:
        raise ModelError(f"{file or 'What was fetched'} holds {found} weights, not {flavour}; leave the flavour out.")
    known = found or flavour or ("caffe_rgb" if file is None else None)
    if known is None:
        raise ModelError(f"The weights in {file} are not known; say their flavour: {', '.join(FLAVOURS)}.")
    network = FeatureNetwork(name, known, mean_subtraction, pool4)
    try:
        network.layers.load_state_dict({key: state[key] for key in network.layers.state_dict()})
    except (KeyError, RuntimeError) as error:
        raise wrong(file) from error
    return network.to(dtype)


def recognise(state: dict[str, Tensor]) -> str | None:
    """Return the flavour of known weights, None for others."""
    row = state["0.weight"][0, 0, 0].float()
    for name, flavour in FLAVOURS.items():
        if torch.allclose(row, torch.tensor(flavour.mark), rtol=0, atol=0.004):  # bfloat16 files, too
            return name
    return None


def read(file: Path) -> dict[str, Tensor]:
    """Return the convolutions of a weights file by torchvision's layer numbers."""
    if not file.is_file():
        problem = why_no_file(file, "file of weights", f"{file} is missing")
        raise ModelError(f"{problem}; name a file of VGG-16 weights, or none to fetch them.")
    try:
        state = load_file(file) if file.suffix == ".safetensors" else torch.load(file, "cpu", weights_only=True)
        return convolutions(state)
    except Exception as error:  # torch and safetensors raise a dozen kinds for a damaged file
        raise wrong(file) from error


def fetch(flavour: str) -> dict[str, Tensor]:
    """Return the convolutions of published weights; torch.hub keeps them in its cache."""
    url = FLAVOURS[flavour].url
    if url is None:
        raise ModelError(f"Weights of flavour {flavour} cannot be fetched; name a file, or leave the flavour out.")
    try:
        state = torch.hub.load_state_dict_from_url(url, map_location="cpu", check_hash=True, weights_only=True)
        return convolutions(state)
    except Exception as error:  # network, disk, or a damaged file in the cache
        raise ModelError(f"{url} could not be fetched ({error}); name a file of VGG-16 weights instead.") from error


def convolutions(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the first weights among those of a whole VGG-16 by layer number; raises KeyError if there are none."""
    numbered = {key.removeprefix("features."): tensor for key, tensor in state.items()}
    if numbered["0.weight"].shape != (64, 3, 3, 3):
        raise KeyError("0.weight")
    return numbered


def wrong(file: Path | None) -> ModelError:
    """Return the error for a file of something else."""
    return ModelError(
        f"{file or 'What was fetched'} does not hold the weights of VGG-16 (features.0.weight, ...); name another file."
    )
