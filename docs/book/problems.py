"""Three problems that every estimator of the gallery is measured on, each with its exact gradient.

They share x and differ in the likelihood: a linear decoder with Gaussian noise, a linear decoder
of binary data, a network of binary data.  The latent variable is what the estimator wants: a
Gaussian in the plane, three Bernoullis, or a label and a Gaussian.  The exact gradient is a sum
over nodes: Gauss-Hermite, or every value.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from bbvi import backends
from bbvi.estimators import elbo_integrand
from bbvi.evaluation import hermite_nodes, multi_sample_bound, support_nodes
from bbvi.evaluation.exact_sums import Nodes, weighted_sum
from bbvi.families import Bernoulli, DiagonalGaussian, LabelAndGaussian
from bbvi.models import (
    BernoulliLikelihood,
    BernoulliPrior,
    DeepLatentModel,
    GaussianLikelihood,
    SemiSupervised,
    StandardNormal,
    attach_labels,
)
from bbvi.nets import MLP

SAMPLES = 2
"""S: the smallest that every estimator accepts."""
NAMES = ("Gaussian data, linear", "binary data, linear", "binary data, network")
WIDTH, LABELS, NODES = 6, 3, 24


class Posed(NamedTuple):
    """One problem: a model at fixed theta, a datapoint, a family and a point lam."""

    name: str
    model: Any
    theta: Any
    x: Any
    family: Any
    lam: Any

    def rows(self, num: int) -> Any:
        """The target with ``num`` equal datapoints."""
        return backends.unchecked_target(self.model, self.theta, np.repeat(self.x, num, axis=0))

    def nodes(self) -> Nodes:
        """What q puts its mass on."""
        if isinstance(self.family, Bernoulli):
            return support_nodes(self.family, self.lam)
        if isinstance(self.family, DiagonalGaussian):
            return hermite_nodes(self.family, self.lam, NODES)
        return _labelled_nodes(self.family, self.lam)

    def exact(self, bound: str, alpha: float = 0.5) -> Any:
        """The exact gradient of the ELBO, or of the bound of `SAMPLES` samples: (P,)."""
        if bound == "ELBO":
            f = elbo_integrand(self.family, self.rows(1), self.lam)
            return weighted_sum(self.family, f, self.lam, self.nodes()).grad[0]
        alpha = {"IWAE": 0.0, "Renyi": alpha}[bound]
        found = multi_sample_bound(
            self.family, self.rows(1), self.lam, self.nodes(), SAMPLES, alpha
        )
        return found.grad[0]


def _labelled_nodes(family: Any, lam: Any) -> Nodes:
    """Every label, and for each a Gauss-Hermite rule in its one-dimensional style."""
    points, weights = np.polynomial.hermite_e.hermegauss(64)
    weights = weights / weights.sum()
    logits, rest = lam[0, :LABELS], lam[0, LABELS:].reshape(LABELS, 2)
    share = np.exp(logits - np.logaddexp.reduce(logits))
    z = [
        np.concatenate([np.eye(LABELS)[k], [mean + np.exp(log_scale) * point]])
        for k, (mean, log_scale) in enumerate(rest)
        for point in points
    ]
    return Nodes(np.array(z)[:, None, :], np.outer(share, weights).reshape(-1, 1))


@cache
def problems(kind: str) -> tuple[Posed, ...]:
    """The three problems for a kind of latent variable: gaussian, bernoulli or label."""
    rng = np.random.Generator(np.random.PCG64(7))
    grey = rng.standard_normal((1, WIDTH))
    binary = (grey > 0).astype(float)
    family: Any = {
        "gaussian": DiagonalGaussian(2),
        "bernoulli": Bernoulli(3),
        "label": LabelAndGaussian(LABELS, 1),
    }[kind]
    D = family.latent_dim
    made = []
    for name, x, sizes, likelihood in (
        (NAMES[0], grey, (D, WIDTH), GaussianLikelihood(0.7)),
        (NAMES[1], binary, (D, WIDTH), BernoulliLikelihood()),
        (NAMES[2], binary, (D, 8, WIDTH), BernoulliLikelihood()),
    ):
        decoder = MLP(sizes)
        if kind == "label":
            model: Any = SemiSupervised(LABELS, decoder, likelihood)
            x = attach_labels(x, np.zeros(1, dtype=int), np.zeros(1, dtype=bool))
        else:
            prior: Any = StandardNormal(D) if kind == "gaussian" else BernoulliPrior(D)
            model = DeepLatentModel(prior, decoder, likelihood)
        theta = {key: 1.5 * value for key, value in model.init(rng).items()}
        lam = 0.4 * rng.standard_normal((1, family.num_params))
        made.append(Posed(name, model, theta, x, family, lam))
    return tuple(made)


def kind_for(specification: Any) -> str:
    """The kind of latent variable that an estimator is shown on."""
    for kind in ("gaussian", "bernoulli", "label"):
        if isinstance(problems(kind)[0].family, specification.family):
            return kind
    raise TypeError(f"no problem of the gallery has a family for {specification.source}.")
