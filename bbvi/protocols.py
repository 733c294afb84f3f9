"""What priors, likelihoods, families and models may offer beyond the least.

`bbvi.types` has what every model and family must offer.  These protocols are the rest: a function
asks ``isinstance(value, Protocol)`` for an offer, never for the name of a class.  Nothing has to
be inherited.

Optional members, and what goes without them:

=================================== ========================== ===================================
member                              of                         without it
=================================== ========================== ===================================
``check_data(x)``                   model, likelihood          x is checked to be finite only
``check_theta(theta)``              model                      theta is checked to be finite only
``check_params(params)``            prior                      as above
``observed_dim``                    model                      the width of x is not checked
``observed_dim(num_outputs)``       likelihood                 Dx is the decoder's last width
``mean(params, outputs)``           likelihood                 no E[x | z]
``given_columns``                   model                      all of x is drawn from p(x, z)
``log_evidence(theta, x)``          model                      log p(x) by quadrature or sampling
``log_joint_blankets(theta, x, z)`` model                      Rao-Blackwellization drops less
``standard_normal_prior``           model                      no closed-form KL to the prior
``parameter_blocks``                family                     one block, "lam"
``num_labels``                      family                     one evaluation per sample
``kl_standard_normal_and_grad``     family (`ClosedFormKL`)    the KL by sampling
``log_prob_factors``                family (`Factorized`)      no Rao-Blackwellization
``pullback``, ``log_prob_dz``       family                     the score function only
                                    (`Reparameterizable`)
``gaussian_moments(lam)``           family (`Gaussian`)        sums over a grid for closed forms
``moments(lam)``                    family                     mean and covariance by a grid or
                                                               by draws
=================================== ========================== ===================================
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from bbvi.types import Array, Reparameterizable, Theta


class GaussianMoments(NamedTuple):
    """Mean (N, D) and covariance (N, D, D) of q_lam: all of a Gaussian, two moments of others."""

    mean: Array
    covariance: Array


@runtime_checkable
class Prior(Protocol):
    """p(z): the first part of a `DeepLatentModel`."""

    @property
    def latent_dim(self) -> int:
        """D."""
        ...

    def init(self, rng: np.random.Generator) -> Theta:
        """Draw starting parameters, {} where there are none."""
        ...

    def log_prob(self, params: Theta, z: Array) -> Array:
        """log p(z), in autograd.numpy: z (..., D) -> (...), nats."""
        ...

    def sample(self, rng: np.random.Generator, params: Theta, num: int) -> Array:
        """Draw z: (num, D)."""
        ...


@runtime_checkable
class Likelihood(Protocol):
    """p(x | z), given by the decoder's outputs: the last part of a `DeepLatentModel`."""

    def init(self, rng: np.random.Generator) -> Theta:
        """Draw starting parameters, {} where there are none."""
        ...

    def log_prob(self, params: Theta, x: Array, outputs: Array) -> Array:
        """log p(x | z), in autograd.numpy: x (N, Dx), outputs (S, N, O) -> (S, N), nats."""
        ...

    def sample(self, rng: np.random.Generator, params: Theta, outputs: Array) -> Array:
        """Draw x: outputs (num, O) -> (num, Dx)."""
        ...


@runtime_checkable
class Gaussian(Reparameterizable, Protocol):
    """q_lam(z) = N(m, C), with z = m + L eps, eps ~ N(0, I) and L L^T = C.

    ``gaussian_moments`` is the promise of *normality*: Gauss-Hermite sums and the closed forms for
    quadratic integrands rest on it.  A family with a mean and a covariance that is not Gaussian
    may offer ``moments`` instead (`HasMoments`).
    """

    def gaussian_moments(self, lam: Array) -> GaussianMoments:
        """Mean m (N, D) and covariance C (N, D, D)."""
        ...


@runtime_checkable
class HasMoments(Protocol):
    """A family, of any shape, that knows its mean and covariance."""

    def moments(self, lam: Array) -> GaussianMoments:
        """Mean (N, D) and covariance (N, D, D)."""
        ...


@runtime_checkable
class HasBlocks(Protocol):
    """A family that names groups of its parameters."""

    @property
    def parameter_blocks(self) -> dict[str, Array]:
        """Name -> columns of lam."""
        ...


@runtime_checkable
class HasLogEvidence(Protocol):
    """A model that knows log p(x) exactly."""

    def log_evidence(self, theta: Theta, x: Array) -> Array:
        """log p(x): (N,), nats."""
        ...


@runtime_checkable
class HasGivenColumns(Protocol):
    """A model of some columns of x given the others: log p(z) + log p(y | z, features)."""

    @property
    def given_columns(self) -> Array:
        """The columns of x that ``log_joint`` is conditioned on: whole numbers below Dx."""
        ...


@runtime_checkable
class HasBlankets(Protocol):
    """A model that tells which terms contain each latent."""

    def log_joint_blankets(self, theta: Theta, x: Array, z: Array) -> Array:
        """The terms of log p(x, z) that contain each factor of z: (S, N, F)."""
        ...


@runtime_checkable
class KnowsItsPrior(Protocol):
    """A model that tells whether p(z) = N(0, I)."""

    @property
    def standard_normal_prior(self) -> bool:
        """Whether p(z) = N(0, I)."""
        ...


@runtime_checkable
class ChecksData(Protocol):
    """A model or likelihood that refuses data which cannot have come from it."""

    def check_data(self, x: Array) -> None:
        """Raise ValueError when x is not possible."""
        ...


@runtime_checkable
class ChecksTheta(Protocol):
    """A model that refuses parameters of no use to it."""

    def check_theta(self, theta: Theta) -> None:
        """Raise ValueError when theta is another model's."""
        ...


@runtime_checkable
class ChecksParams(Protocol):
    """A prior that refuses parameters of no use to it."""

    def check_params(self, params: Theta) -> None:
        """Raise ValueError when the parameters broke down."""
        ...


@runtime_checkable
class ChecksImage(Protocol):
    """A likelihood that does not take every image that a `ConvNet` may end with."""

    def check_image(self, shape: tuple[int, int, int], extra: int) -> None:
        """Raise ValueError if the outputs, (channels, height, width) and more, mean nothing."""
        ...


@runtime_checkable
class HasMean(Protocol):
    """A likelihood of numbers, with E[x | z]."""

    def mean(self, params: Theta, outputs: Array) -> Array:
        """E[x | z]: outputs (..., O) -> (..., Dx)."""
        ...


@runtime_checkable
class HasObservedDim(Protocol):
    """A likelihood that knows Dx from the number of the decoder's outputs."""

    def observed_dim(self, num_outputs: int) -> int:
        """Dx; raises ValueError where no Dx has that many outputs."""
        ...


@runtime_checkable
class EncoderLike(Protocol):
    """x -> lam: an MLP, or anything with its members."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Widths of the layers; the first is Dx, the last P."""
        ...

    def init(self, rng: np.random.Generator) -> Theta:
        """Draw starting parameters phi."""
        ...

    def __call__(self, params: Theta, inputs: Array) -> Any:
        """lam = f_phi(x): (N, P)."""
        ...


def width_meaning(likelihood: Any) -> str:
    """Where Dx comes from, for messages."""
    if isinstance(likelihood, HasObservedDim):
        return "the decoder's observed variables"
    return (
        f"the decoder's outputs, because {type(likelihood).__name__} has no "
        "observed_dim(num_outputs); add this method where Dx is another number"
    )


def observed_dim(likelihood: Any, num_outputs: int) -> int:
    """Dx of a likelihood behind that many outputs, the same number where it does not tell."""
    if isinstance(likelihood, HasObservedDim):
        return likelihood.observed_dim(num_outputs)
    return num_outputs
