"""Does a trainable mixture prior help?"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bbvi import backends
from bbvi.datasets import Dataset
from bbvi.evaluation import elbo
from bbvi.evaluation.paired import mean_over_data
from bbvi.families import DiagonalGaussian
from bbvi.inference import fit_amortized, fixed_budget
from bbvi.models import BernoulliLikelihood, DeepLatentModel, MixtureOfGaussians, StandardNormal
from bbvi.nets import MLP, part
from bbvi.optimizers import adam, cosine_decay
from bbvi.types import Array


class Fitted(NamedTuple):
    """A learned mixture prior, and the held-out posterior means (N, D) around it."""

    weights: Array
    means: Array
    covariances: Array
    codes: Array


class Comparison(NamedTuple):
    """Tidy rows, two for each decoder; and the mixture of the decoder to be drawn."""

    rows: list[dict[str, Any]]
    fitted: Fitted


def compare_priors(
    train: Dataset,
    test: Dataset,
    rng: np.random.Generator,
    *,
    decoders: Sequence[tuple[int, ...]] = ((8, 32, 64), (8, 64), (2, 64), (2, 32, 64)),
    num_components: int = 10,
    num_steps: int = 2500,
) -> Comparison:
    """Held-out ELBO of binary images under N(0, I) and under a mixture, decoder by decoder.

    Everything but the prior is the same, down to the seed.  ``gain`` is the mixture's held-out
    ELBO minus the standard normal's, image by image, so that its standard error is that of a
    paired comparison.

    Parameters
    ----------
    train, test : Dataset
        Binary x.
    rng : numpy Generator
    decoders : sequence of tuple of int
        Widths from D to Dx; two of them make a linear decoder.  The first one's mixture is
        returned to be drawn.
    num_components, num_steps : int
        K, and steps of learning.

    Returns
    -------
    Comparison

    Notes
    -----
    Ermon/Grover notes, "Parameterizing distributions": the mixture of Gaussians as a prior.
    """
    rows: list[dict[str, Any]] = []
    drawn: list[Fitted] = []
    for sizes, seed in zip(decoders, rng.integers(2**63, size=len(decoders))):
        mixture = MixtureOfGaussians(sizes[0], num_components)
        plain, _, _ = _learn(StandardNormal(sizes[0]), sizes, train.x, test.x, seed, num_steps)
        mixed, theta, codes = _learn(mixture, sizes, train.x, test.x, seed, num_steps)
        decoder = {"decoder": "-".join(map(str, sizes))}
        rows += [
            {**decoder, "prior": "standard normal", **mean_over_data("test_elbo", plain)},
            {
                **decoder,
                "prior": "mixture",
                **mean_over_data("test_elbo", mixed),
                **mean_over_data("gain", mixed - plain),
            },
        ]
        drawn.append(Fitted(*mixture.moments(part(theta, "prior")), codes))
    return Comparison(rows, drawn[0])


@fixed_budget()
def _learn(
    prior: Any, sizes: tuple[int, ...], train: Array, test: Array, seed: int, num_steps: int
) -> tuple[Array, Any, Array]:
    """Held-out ELBOs (N,), theta, and held-out posterior means (N, D)."""
    # Both priors of a pair see the same stream of random numbers.
    rng = np.random.Generator(np.random.PCG64(seed))
    model = DeepLatentModel(prior, MLP(sizes), BernoulliLikelihood())
    family = DiagonalGaussian(model.latent_dim)
    encoder = MLP((train.shape[1], 64, family.num_params))
    fit = fit_amortized(
        model, family, train, rng, encoder=encoder, num_samples=2, num_steps=num_steps,
        optimizer=adam(cosine_decay(0.01, num_steps)),
    )  # fmt: skip
    assert fit.phi is not None
    lam, _ = backends.encode(encoder, fit.phi, test)
    target = backends.target(model, fit.theta, test)
    return elbo(family, target, lam, rng, 200).value, fit.theta, family.split(lam)[0]
