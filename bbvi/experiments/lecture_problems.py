"""The problems of the catalogue: every model of the lectures with data that suit it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bbvi.datasets import Dataset, breast_cancer, digits, iris, train_test_split, unicode_names
from bbvi.experiments.problem import Problem
from bbvi.experiments.units import standardize
from bbvi.families import (
    Bernoulli,
    Categorical,
    DiagonalGaussian,
    FullCovarianceGaussian,
    LabelAndGaussian,
)
from bbvi.models import (
    AutoregressiveCategorical,
    BernoulliLikelihood,
    BernoulliPrior,
    CholeskyGaussian,
    DeepLatentModel,
    DiagonalScaleGaussian,
    GaussianLikelihood,
    HiddenMarkovModel,
    HierarchicalModel,
    LabelBlind,
    LinearGaussian,
    LinearGaussianStateSpace,
    LogisticRegression,
    MixtureOfGaussians,
    ScalarScaleGaussian,
    SemiSupervised,
    StandardNormal,
    SummaryEncoder,
    attach_labels,
    linear_decoder,
)
from bbvi.nets import MLP
from bbvi.types import Array, Family, GenerativeModel, Model, Theta


def mixture_prior(rng: np.random.Generator, dtype: Any) -> Problem:
    """Irises, a linear decoder and three components: log p(x) is a mixture of Gaussians."""
    prior = MixtureOfGaussians(latent_dim=2, num_components=3)
    model = DeepLatentModel(prior, MLP((2, 4)), GaussianLikelihood(0.4))
    exact = partial(linear_decoder.log_evidence, model)
    return _on_irises("mixture prior", model, DiagonalGaussian(2), rng, dtype, exact)


def full_covariance(rng: np.random.Generator, dtype: Any) -> Problem:
    """Irises, with a network for the whole covariance of x given z."""
    model = DeepLatentModel(StandardNormal(2), MLP((2, 16, 14)), CholeskyGaussian())
    return _on_irises("full covariance", model, DiagonalGaussian(2), rng, dtype)


def hierarchical(rng: np.random.Generator, dtype: Any) -> Problem:
    """Irises, two linear layers of latents: log p(x) is Gaussian."""
    model = HierarchicalModel(MLP((1, 2)), MLP((2, 4)), GaussianLikelihood(0.4))
    exact = model.linear_log_evidence
    return _on_irises("two layers", model, FullCovarianceGaussian(3), rng, dtype, exact)


def state_space(rng: np.random.Generator, dtype: Any) -> Problem:
    """Sequences of six steps drawn from such a model; the Kalman filter knows log p(x)."""
    model = LinearGaussianStateSpace(state_dim=1, step_dim=2, num_steps=6)
    theta = {
        "A": np.array([[0.8]]),
        "C": np.array([[1.0], [-0.5]]),
        "log_q": np.log([0.6]),
        "log_r": np.log([0.3, 0.5]),
    }
    return _from_itself("state space", model, FullCovarianceGaussian(6), theta, rng, dtype)


def hidden_markov(rng: np.random.Generator, dtype: Any) -> Problem:
    """Sequences of eight steps drawn from such a model; the forward algorithm knows log p(x)."""
    model = HiddenMarkovModel(num_states=3, num_steps=8)
    theta = {**model.init(rng), "mean": np.array([-2.0, 0.0, 2.0])}
    return _from_itself("hidden Markov model", model, Categorical(8, 3), theta, rng, dtype)


def logistic_regression(rng: np.random.Generator, dtype: Any) -> Problem:
    """Breast cancer: one datapoint, the data set; so the training data are the test data."""
    features, labels = breast_cancer()
    assert labels is not None
    model = LogisticRegression(num_features=30, num_rows=len(features))
    data = Dataset(model.pack(features, labels).astype(dtype), None)
    family = FullCovarianceGaussian(31)
    encoder = SummaryEncoder(model, MLP((31, family.num_params)))
    return Problem("logistic regression", model, family, encoder, data, data)


def names(rng: np.random.Generator, dtype: Any) -> Problem:
    """Names of characters, letter by letter given z and all letters before."""
    text = unicode_names(max_length=10)
    train, test = train_test_split(rng, text.x.astype(dtype))
    width = text.x.shape[1]
    likelihood = AutoregressiveCategorical(width, num_categories=29, num_hidden=48)
    model = DeepLatentModel(StandardNormal(2), MLP((2, 48, 48)), likelihood)
    return Problem("names", model, DiagonalGaussian(2), MLP((width, 64, 4)), train, test)


def semi_supervised(rng: np.random.Generator, dtype: Any) -> Problem:
    """Digits of which one in ten is labelled: M2, with the label as a discrete latent."""
    x, labels = digits()
    train, test = train_test_split(rng, x, labels)
    rows = []
    for part, share in ((train, 0.1), (test, 0.0)):
        assert part.labels is not None
        known = rng.random(len(part.x)) < share
        rows.append(Dataset(attach_labels(part.x, part.labels, known).astype(dtype), part.labels))
    model = SemiSupervised(10, MLP((10 + 3, 64, 64)), BernoulliLikelihood())
    family = LabelAndGaussian(num_labels=10, style_dim=3)
    encoder = LabelBlind(MLP((64, 64, family.num_params)))
    return Problem("M2 on digits", model, family, encoder, train=rows[0], test=rows[1])


def grey_digits(rng: np.random.Generator, dtype: Any, latent_dim: int = 2) -> Problem:
    """Grey digits under probabilistic PCA."""
    model = LinearGaussian(latent_dim, 64)
    family = DiagonalGaussian(latent_dim)
    return _on_digits("PCA of grey digits", model, family, rng, dtype, binarize=False)


def discrete_latents(rng: np.random.Generator, dtype: Any, latent_dim: int = 8) -> Problem:
    """Digits from Bernoulli latents, eight where nothing else is said."""
    prior, decoder = BernoulliPrior(latent_dim), MLP((latent_dim, 64, 64))
    model = DeepLatentModel(prior, decoder, BernoulliLikelihood())
    family = Bernoulli(latent_dim)
    return _on_digits("Bernoulli latents", model, family, rng, dtype, binarize=True)


def scalar_scale(rng: np.random.Generator, dtype: Any) -> Problem:
    """Grey digits, with one scale for each z, as in the Swaney lecture."""
    model = DeepLatentModel(
        StandardNormal(2), MLP((2, 64, 65), "relu"), ScalarScaleGaussian("logistic")
    )
    return _on_digits("scalar scale", model, DiagonalGaussian(2), rng, dtype, binarize=False)


def diagonal_scale(rng: np.random.Generator, dtype: Any) -> Problem:
    """Irises, with a scale for each z and each variable."""
    model = DeepLatentModel(StandardNormal(2), MLP((2, 16, 8)), DiagonalScaleGaussian())
    return _on_irises("diagonal scale", model, DiagonalGaussian(2), rng, dtype)


def _on_irises(
    name: str,
    model: Model,
    family: Family,
    rng: np.random.Generator,
    dtype: Any,
    exact: Callable[[Theta, Array], Array] | None = None,
) -> Problem:
    *parts, _ = standardize(*train_test_split(rng, *iris()))
    train, test = (part._replace(x=part.x.astype(dtype)) for part in parts)
    encoder = MLP((4, 32, family.num_params))
    units = "standardized by the training rows"
    return Problem(name, model, family, encoder, train, test, None, exact, units)


def _on_digits(
    name: str, model: Model, family: Family, rng: np.random.Generator, dtype: Any, binarize: bool
) -> Problem:
    parts = train_test_split(rng, *digits(binarize=binarize))
    train, test = (part._replace(x=part.x.astype(dtype)) for part in parts)
    encoder = MLP((64, 64, family.num_params))
    return Problem(name, model, family, encoder, train, test, (8, 8))


def _from_itself(
    name: str,
    model: GenerativeModel,
    family: Family,
    theta: Theta,
    rng: np.random.Generator,
    dtype: Any,
) -> Problem:
    """A problem whose data are drawn from the model at a known theta."""
    x, _ = model.sample(rng, theta, 500)
    train, test = train_test_split(rng, x.astype(dtype))
    encoder = MLP((x.shape[1], 32, family.num_params))
    return Problem(name, model, family, encoder, train, test)
