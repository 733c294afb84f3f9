"""Autoencoders as the lectures draw them, and the numbers that the lecture prints."""

from math import isqrt
from typing import Any, NamedTuple

import numpy as np

from bbvi.families import DiagonalGaussian
from bbvi.logs import LOG_2PI
from bbvi.models import BernoulliLikelihood, DeepLatentModel, ScalarScaleGaussian, StandardNormal
from bbvi.nets import MLP, Conv, ConvNet, Dense, TransposedConv, part
from bbvi.types import Theta


class Network(NamedTuple):
    """The two halves of an autoencoder: p_theta(x, z), and q with lam = f_phi(x)."""

    model: DeepLatentModel
    family: DiagonalGaussian
    encoder: MLP | ConvNet


def lecture_network(observed_dim: int, hidden: int = 512, latent_dim: int = 2) -> Network:
    """The lecture's network: one hidden layer of relus on either side.

    Encoder Dx - hidden - (D means, D log-scales); decoder D - hidden - (Dx logistic means and one
    log-scale for all pixels of the image); z ~ N(0, I).

    Notes
    -----
    Swaney lecture, section III.

    Examples
    --------
    >>> lecture_network(784).encoder.sizes
    (784, 512, 4)
    """
    model = DeepLatentModel(
        StandardNormal(latent_dim),
        MLP((latent_dim, hidden, observed_dim + 1), "relu"),
        ScalarScaleGaussian("logistic"),
    )
    family = DiagonalGaussian(latent_dim)
    return Network(model, family, MLP((observed_dim, hidden, family.num_params), "relu"))


def bernoulli_network(observed_dim: int, hidden: int = 200, latent_dim: int = 20) -> Network:
    """An autoencoder of binary images: one hidden layer of tanh on either side, pixel logits.

    Notes
    -----
    Kingma and Welling (2014), appendix C.1.
    """
    model = DeepLatentModel(
        StandardNormal(latent_dim),
        MLP((latent_dim, hidden, observed_dim), "tanh"),
        BernoulliLikelihood(),
    )
    family = DiagonalGaussian(latent_dim)
    return Network(model, family, MLP((observed_dim, hidden, family.num_params), "tanh"))


def convolutional_network(
    observed_dim: int,
    hidden: int | None = None,
    latent_dim: int = 2,
    channels: tuple[int, int] = (16, 32),
) -> Network:
    """The lecture's next step: two convolutions before the encoder's hidden layer, and back.

    Encoder image - 3 x 3 with stride 2, twice - hidden - (D means, D log-scales); the decoder is
    its mirror image, and one log-scale for all pixels is linear in its hidden layer.  Likelihood
    and prior are those of `lecture_network`, so that the two compare.

    Parameters
    ----------
    observed_dim : int
        Pixels of a square image.
    hidden : int, optional
        By default as many as give the number of parameters nearest to `lecture_network`'s.
    latent_dim : int
        D.
    channels : (int, int)
        Of the larger and of the smaller images.

    Raises
    ------
    ValueError
        If the image is not square.

    Notes
    -----
    Swaney lecture, section III.

    Examples
    --------
    >>> print(convolutional_network(784).encoder.describe())
    inputs                                (1, 28, 28)
    0  Conv(16, 3, stride=2, padding=1)   (16, 14, 14)
    1  Conv(32, 3, stride=2, padding=1)   (32, 7, 7)
    2  Dense(253)                         (253,)
    3  Dense(4)                           (4,)
    """
    side = isqrt(observed_dim)
    if side * side != observed_dim:
        raise ValueError(
            f"observed_dim is {observed_dim}; expected the pixels of a square image, as 64 or 784."
        )
    if hidden is None:
        goal = num_parameters(lecture_network(observed_dim, latent_dim=latent_dim))
        one, two = (
            num_parameters(convolutional_network(observed_dim, units, latent_dim, channels))
            for units in (1, 2)
        )
        hidden = max(1, round(1 + (goal - one) / (two - one)))
    half, quarter = -(-side // 2), -(-side // 4)
    large, small = channels
    encoder = ConvNet(
        (1, side, side),
        (Conv(large, 3, 2, 1), Conv(small, 3, 2, 1), Dense(hidden), Dense(2 * latent_dim)),
    )
    decoder = ConvNet(
        latent_dim,
        (
            Dense(hidden),
            Dense((small, quarter, quarter)),
            # A side that was odd comes back without one more row.
            TransposedConv(large, 3, 2, 1, 1 - half % 2),
            TransposedConv(1, 3, 2, 1, 1 - side % 2),
        ),
        extra=1,
    )
    model = DeepLatentModel(StandardNormal(latent_dim), decoder, ScalarScaleGaussian("logistic"))
    return Network(model, DiagonalGaussian(latent_dim), encoder)


def num_parameters(network: Network) -> int:
    """How many numbers theta and phi have together.

    Examples
    --------
    >>> num_parameters(lecture_network(784)), num_parameters(convolutional_network(784))
    (808213, 806827)
    """
    # Of what is drawn only the sizes are read.
    rng = np.random.Generator(np.random.PCG64(0))
    params = (*network.model.init(rng).values(), *network.encoder.init(rng).values())
    return sum(value.size for value in params)


def lecture_objective(network: Network, elbo: Any) -> Any:
    """J = -ELBO - (Dx / 2) log 2 pi, per image: the lecture drops the Gaussian's constant.

    It drops (D / 2) log 2 pi in the prior and in the posterior too, where they cancel.  A
    Bernoulli likelihood has no such constant: J = -ELBO.

    Notes
    -----
    Swaney lecture, ``loss``.
    """
    gaussian = isinstance(network.model.likelihood, ScalarScaleGaussian)
    return -elbo - 0.5 * network.model.observed_dim * LOG_2PI * gaussian


def parameter_norm(theta: Theta, phi: Theta, latent_dim: int) -> float:
    """Sum of the Euclidean norms of all weights and biases, one term per layer of the lecture.

    The lecture has separate layers for the means and the log-scales, which are the columns of one
    matrix here, unless the log-scale is a ConvNet's extra output.
    """

    def norms(params: Theta, heads: int) -> float:
        if "W_extra" in params:
            return float(sum(np.linalg.norm(array) for array in params.values()))
        last = f"{len(params) // 2 - 1}"
        parts = [array for key, array in params.items() if key[1:] != last]
        for key in (f"W{last}", f"b{last}"):
            parts += np.split(params[key], [heads], axis=-1)
        return float(sum(np.linalg.norm(array) for array in parts))

    return norms(phi, latent_dim) + norms(part(theta, "decoder"), -1)
