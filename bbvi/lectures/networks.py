"""Autoencoders as the lectures draw them, and the numbers that the lecture prints."""

from typing import Any, NamedTuple

import numpy as np

from bbvi.families import DiagonalGaussian
from bbvi.logs import LOG_2PI
from bbvi.models import BernoulliLikelihood, DeepLatentModel, ScalarScaleGaussian, StandardNormal
from bbvi.nets import MLP, part
from bbvi.types import Theta


class Network(NamedTuple):
    """The two halves of an autoencoder: p_theta(x, z), and q with lam = f_phi(x)."""

    model: DeepLatentModel
    family: DiagonalGaussian
    encoder: MLP


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
    matrix here.
    """

    def norms(params: Theta, heads: int) -> float:
        last = f"{len(params) // 2 - 1}"
        parts = [array for key, array in params.items() if key[1:] != last]
        for key in (f"W{last}", f"b{last}"):
            parts += np.split(params[key], [heads], axis=-1)
        return float(sum(np.linalg.norm(array) for array in parts))

    return norms(phi, latent_dim) + norms(part(theta, "decoder"), -1)
