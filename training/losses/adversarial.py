"""What discriminators teach, and what keeps the picture: EnlightenGAN's losses (Jiang et al., arXiv 1906.06972).

Pure functions. With D(x) the scores of real photos x and made photos y (Mao et al., arXiv 1611.04076; relativistic:
Jolicoeur-Martineau, arXiv 1807.00734):

    global, relativistic average least squares      local, least squares
    D:  [(D(x) - mean D(y) - 1)^2                   D:  [(D(x) - 1)^2 + D(y)^2] / 2
         + (D(y) - mean D(x))^2] / 2
    G:  [(D(y) - mean D(x) - 1)^2                   G:  (D(y) - 1)^2
         + (D(x) - mean D(y))^2] / 2

The generator's loss is the plain sum: global G + local G + feature distance of the images + that of the patches.

Where the paper and its released code differ, the code's choice is the default:

    what               paper                        code                                 to have the paper's
    global loss        both terms added             their mean: half the weight for the  weight 2 for G's global loss
                                                    generator, none the less for D
                                                    (Adam does not mind a factor)
    local D's loss     both terms added             their mean                           the same to Adam
    patches            5                            1 + 5, of equal weight               random_patches(count=5)
    features           first layer after the fifth  relu5_1: first layer of the fifth    open_features(pool4=True)
                       pooling, which VGG-16 lacks  block, its pooling left out
    feature distance   mean over places; how the    mean over places and channels        weight 512, if they add up
                       channels count is not said
    VGG's input        not said                     BGR 0..255, no mean subtracted       open_features(
                                                                                           mean_subtraction=True)
    darkened inputs    not said                     half of the inputs, divided by       the source that
                                                    U(2, 4); features are compared       feature_distance is given
                                                    with the input before that
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from illumigan_training.losses.features import FeatureNetwork


def relativistic_least_squares(
    real: Tensor, fake: Tensor, mean: Callable[[Tensor], Tensor] = torch.mean
) -> tuple[Tensor, Tensor]:
    """Return (the discriminator's loss, the generator's loss) of the relativistic average LSGAN, two scalars.

    Args:
        real: scores of real photos, of any shape.
        fake: scores of made photos; for the discriminator's loss, of made photos without gradient.
        mean: mean of all scores. With several processes, one that averages over all of them and lets gradients
            through; then the average of the processes' losses is the loss of the joint batch.
    """
    real_above, fake_above = real - mean(fake), fake - mean(real)
    discriminator = ((real_above - 1).square().mean() + fake_above.square().mean()) / 2
    generator = ((fake_above - 1).square().mean() + real_above.square().mean()) / 2
    return discriminator, generator


def least_squares(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return (the discriminator's loss, the generator's loss) of the LSGAN, two scalars; arguments as above."""
    discriminator = ((real - 1).square().mean() + fake.square().mean()) / 2
    return discriminator, (fake - 1).square().mean()


def feature_distance(features: FeatureNetwork, made: Tensor, source: Tensor) -> Tensor:
    """Return the self-feature-preserving loss: how far a picture's content moved, whatever its brightness; a scalar.

    The mean squared difference of the features, each map of each image brought to mean 0 and variance 1 (instance norm
    without weights).

    Args:
        features: the frozen network that sees the content.
        made: what the generator made, RGB N x 3 x H x W in [0, 1]; gradients flow to it.
        source: what it was made from, likewise; gets no gradient.
    """
    with torch.no_grad():
        wanted = F.instance_norm(features(source).float())
    return F.mse_loss(F.instance_norm(features(made).float()), wanted)
