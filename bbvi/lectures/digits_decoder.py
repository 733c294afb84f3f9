"""A decoder of the digits with two latents, learned: what the lectures' pictures share."""

from typing import Any, NamedTuple

import numpy as np

from bbvi.datasets import digits
from bbvi.families import DiagonalGaussian
from bbvi.inference import fit_amortized, fixed_budget
from bbvi.models import BernoulliLikelihood, DeepLatentModel, StandardNormal
from bbvi.nets import MLP
from bbvi.optimizers import adam, cosine_decay
from bbvi.types import Family, Theta


class Decoder(NamedTuple):
    """A model of the binarized digits with D = 2, learned as a VAE, with its family and theta."""

    model: DeepLatentModel
    family: Family
    theta: Theta
    phi: Theta
    encoder: MLP


@fixed_budget()
def digits_decoder(
    rng: np.random.Generator, num_steps: int = 1500, prior: Any = None, hidden: int = 64
) -> Decoder:
    """Learn the two-dimensional Bernoulli decoder whose posteriors the figures show.

    Parameters
    ----------
    rng : numpy Generator
        For starting values, minibatches and samples.
    num_steps : int
        Steps of `bbvi.fit_amortized`.
    prior : optional
        p(z), by default N(0, I).
    hidden : int
        Units on either side.
    """
    x, family = digits().x, DiagonalGaussian(2)
    prior = StandardNormal(2) if prior is None else prior
    model = DeepLatentModel(prior, MLP((2, hidden, x.shape[1])), BernoulliLikelihood())
    encoder = MLP((x.shape[1], hidden, family.num_params))
    fit = fit_amortized(
        model,
        family,
        x,
        rng,
        encoder=encoder,
        num_steps=num_steps,
        optimizer=adam(cosine_decay(0.01, num_steps)),
        progress=False,
    )
    assert fit.phi is not None
    return Decoder(model, family, fit.theta, fit.phi, encoder)
