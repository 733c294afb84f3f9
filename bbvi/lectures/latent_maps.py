"""Three maps to the plane: principal components, a plain autoencoder, a variational one.

The first two are trained to copy; only the third is also trained to make data out of N(0, I).
"""

from typing import Any, NamedTuple

import numpy as np

from bbvi import backends
from bbvi.datasets import Dataset
from bbvi.estimators import sticking_the_landing
from bbvi.evaluation import log_evidence_quadrature
from bbvi.evaluation.paired import mean_over_data
from bbvi.families import DiagonalGaussian
from bbvi.inference import Fit, fit_amortized, fixed_budget
from bbvi.inference.autoencoder import fit_autoencoder
from bbvi.lectures.representation import principal_components
from bbvi.models import BernoulliLikelihood, DeepLatentModel, MixtureOfGaussians, StandardNormal
from bbvi.nets import MLP, join
from bbvi.optimizers import adam, cosine_decay
from bbvi.types import Array, Theta


class Codes(NamedTuple):
    """One map's view of held-out data.

    Attributes
    ----------
    method : str
    codes : ndarray (N, 2)
        Where the held-out rows land; of the VAE, the means of q.
    samples : ndarray (M, Dx)
        E[x | z] for z ~ N(0, I); of PCA, for coefficients with the variances of its codes.
    """

    method: str
    codes: Array
    samples: Array


class Comparison(NamedTuple):
    """One tidy row for each map, and its pictures."""

    rows: list[dict[str, Any]]
    codes: list[Codes]


@fixed_budget()
def compare_codes(
    train: Dataset,
    test: Dataset,
    rng: np.random.Generator,
    *,
    hidden: int = 64,
    num_steps: int = 3000,
    num_samples: int = 16,
    evidence_rows: int = 100,
) -> Comparison:
    """Learn binary images by each map, with the same networks and steps for both autoencoders.

    Each row holds, on held-out data: ``squared_error``, the mean square per pixel of what is
    copied; ``copied``, log p(x | z) at the code in nats; ``code_scale``, the largest standard
    deviation of the codes; log p(x) of the decoder as a generative model, by quadrature, with
    p(z) = N(0, I) (``log_evidence``) and with p(z) the Gaussian fitted to its own training codes
    (``log_evidence_fitted``); and standard errors.

    Parameters
    ----------
    train, test : Dataset
        Binary x.
    rng : numpy Generator
    hidden, num_steps : int
        Units on either side; steps of learning.
    num_samples, evidence_rows : int
        Images to draw from each model; held-out rows whose log p(x) is computed.

    Notes
    -----
    Permuter Lecture 12, section I: the lack of regularity of a plain autoencoder's codes.
    """
    width = train.x.shape[1]
    model = DeepLatentModel(StandardNormal(2), MLP((2, hidden, width)), BernoulliLikelihood())
    family = DiagonalGaussian(2)
    plain_rng, vae_rng, draw_rng = rng.spawn(3)
    rate = adam(cosine_decay(0.01, num_steps))
    to_code = MLP((width, hidden, 2))
    plain = fit_autoencoder(
        model, train.x, plain_rng, encoder=to_code, num_steps=num_steps, optimizer=rate
    )
    to_lam = MLP((width, hidden, 4))
    vae = fit_amortized(
        model, family, train.x, vae_rng, encoder=to_lam, estimator=sticking_the_landing,
        num_samples=1, num_steps=num_steps, optimizer=rate,
    )  # fmt: skip
    rows, codes = _principal(train, test, draw_rng, num_samples)
    for name, fit, encoder in (("autoencoder", plain, to_code), ("VAE", vae, to_lam)):
        row, view = _network(
            name, model, fit, encoder, test.x, draw_rng, num_samples, evidence_rows
        )
        rows.append(row)
        codes.append(view)
    return Comparison(rows, codes)


def _network(
    name: str,
    model: DeepLatentModel,
    fit: Fit,
    encoder: MLP,
    test: Array,
    rng: np.random.Generator,
    num_samples: int,
    evidence_rows: int,
) -> tuple[dict[str, Any], Codes]:
    """The row and the view of one autoencoder."""
    assert fit.phi is not None
    codes = backends.encode(encoder, fit.phi, test)[0][:, :2]
    copied = backends.target(model, fit.theta, test).value(codes[None])[0]
    copied -= model.prior.log_prob({}, codes)
    generator, theta = _with_fitted_prior(model, fit.theta, fit.lam[:, :2])
    some = test[:evidence_rows]
    evidence = log_evidence_quadrature(model, fit.theta, some).value
    fitted = log_evidence_quadrature(generator, theta, some).value
    mean = model.mean(fit.theta, codes)
    row = {"method": name, "squared_error": float(np.mean((test - mean) ** 2))}
    row |= mean_over_data("copied", copied) | mean_over_data("log_evidence", evidence)
    row |= mean_over_data("log_evidence_fitted", fitted)
    row["code_scale"] = float(fit.lam[:, :2].std(axis=0).max())
    z = model.prior.sample(rng, {}, num_samples)
    return row, Codes(name, codes, model.mean(fit.theta, z.astype(test.dtype)))


def _with_fitted_prior(
    model: DeepLatentModel, theta: Theta, codes: Array
) -> tuple[DeepLatentModel, Theta]:
    """The same decoder under p(z) = the Gaussian with the codes' mean and covariance."""
    prior = MixtureOfGaussians(latent_dim=2, num_components=1)
    codes = codes.astype(np.float64)
    params = prior.from_moments(np.ones(1), codes.mean(axis=0)[None], np.cov(codes.T)[None])
    params = {key: value.astype(theta["decoder.W0"].dtype) for key, value in params.items()}
    return DeepLatentModel(prior, model.decoder, model.likelihood), {**theta, **join(prior=params)}


def _principal(
    train: Dataset, test: Dataset, rng: np.random.Generator, num_samples: int
) -> tuple[list[dict[str, Any]], list[Codes]]:
    """Principal components: linear codes, and no likelihood of binary pixels."""
    train_codes, test_codes = principal_components(train.x, [train.x, test.x], 2)
    mean = train.x.mean(axis=0)
    directions = np.linalg.lstsq(train_codes, train.x - mean, rcond=None)[0]
    z = train_codes.std(axis=0) * rng.standard_normal((num_samples, 2))
    row = {
        "method": "PCA",
        "squared_error": float(np.mean((test.x - mean - test_codes @ directions) ** 2)),
        "code_scale": float(train_codes.std(axis=0).max()),
    }
    return [row], [Codes("PCA", test_codes, np.clip(mean + z @ directions, 0, 1))]
