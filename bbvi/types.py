"""The records and protocols that everything else speaks in (numpy only).

Shape letters, used in every docstring of the package:

====== =====================================================================
``N``  datapoints
``S``  samples of z per datapoint
``D``  latent dimension
``P``  variational parameters of one datapoint
``Dx`` observed dimension
====== =====================================================================

All log-densities, ELBOs and divergences are in nats.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Theta: TypeAlias = dict[str, Array]
"""Named parameter arrays: a flat dict, which autograd can differentiate."""


@runtime_checkable
class Model(Protocol):
    """The black box p_theta(x, z): sizes only, never parameters.

    Anything with these members, its ``log_joint`` written in ``autograd.numpy``, is a model;
    nothing has to be inherited.  What draws new data wants a `GenerativeModel`, which a posterior
    given by its log-density alone is not.  A model may also offer ``check_data(x)``, which raises
    when x cannot have come from it, and ``check_theta(theta)``, which raises when theta is of no
    use.
    """

    @property
    def latent_dim(self) -> int:
        """D, the dimension of one datapoint's z."""
        ...

    def init(self, rng: np.random.Generator) -> Theta:
        """Draw starting parameters theta."""
        ...

    def log_joint(self, theta: Theta, x: Array, z: Array) -> Array:
        """log p_theta(x, z): x (N, Dx), z (S, N, D) -> (S, N), nats."""
        ...


@runtime_checkable
class GenerativeModel(Model, Protocol):
    """A model that can make data of its own."""

    def sample(self, rng: np.random.Generator, theta: Theta, num: int) -> tuple[Array, Array]:
        """Ancestral sampling, z then x: -> x (num, Dx), z (num, D)."""
        ...


@runtime_checkable
class Conjugate(Model, Protocol):
    """A model whose E and M step are known in closed form (`bbvi.fit_mean_field_em`)."""

    def coordinate_update(self, family: Any, theta: Theta, x: Array, lam: Array) -> Array:
        """One sweep over q's factors, each at its optimum given the others: lam (N, P)."""
        ...

    def maximize(self, family: Any, theta: Theta, x: Array, lam: Array) -> Theta:
        """argmax_theta sum_n E_q[log p_theta(x_n, z)]."""
        ...


@runtime_checkable
class Family(Protocol):
    """A variational family q_lam(z); ``lam`` is (N, P), one row per datapoint.

    A family is reparameterizable when it also has ``pullback`` and ``log_prob_dz``
    (see `Reparameterizable`).
    """

    @property
    def latent_dim(self) -> int:
        """D."""
        ...

    @property
    def num_params(self) -> int:
        """P."""
        ...

    def init(self, num_data: int) -> Array:
        """Return a neutral starting table lam (N, P)."""
        ...

    def noise(
        self, rng: np.random.Generator, num_samples: int, num_data: int, dtype: Any = np.float64
    ) -> Array:
        """Draw eps (S, N, ...), the parameter-free noise behind S samples of N datapoints."""
        ...

    def transform(self, lam: Array, eps: Array) -> Array:
        """z(lam, eps) (S, N, D), distributed as q_lam."""
        ...

    def log_prob(self, lam: Array, z: Array) -> Array:
        """log q_lam(z): (S, N), nats."""
        ...

    def score(self, lam: Array, z: Array) -> Array:
        """d log q_lam(z) / d lam: (S, N, P)."""
        ...

    def entropy(self, lam: Array) -> Array:
        """H[q_lam]: (N,), nats."""
        ...

    def entropy_and_grad(self, lam: Array) -> tuple[Array, Array]:
        """H[q_lam] (N,) and dH / d lam (N, P)."""
        ...


@runtime_checkable
class Reparameterizable(Family, Protocol):
    """A family whose samples move smoothly with lam: z = z(lam, eps)."""

    def pullback(self, lam: Array, eps: Array, dz: Array) -> Array:
        """dz . dz(lam, eps)/dlam: dz (S, N, D) -> (S, N, P)."""
        ...

    def log_prob_dz(self, lam: Array, z: Array) -> Array:
        """d log q_lam(z) / dz: (S, N, D)."""
        ...


@runtime_checkable
class ClosedFormKL(Reparameterizable, Protocol):
    """A reparameterizable family whose divergence from the standard normal needs no sampling."""

    def kl_standard_normal_and_grad(self, lam: Array) -> tuple[Array, Array]:
        """KL(q_lam || N(0, I)) (N,), nats, and its derivative in lam (N, P)."""
        ...


@runtime_checkable
class Factorized(Family, Protocol):
    """A family of independent factors, q(z) = prod_f q_f(z_f): what Rao-Blackwellization needs."""

    @property
    def param_factors(self) -> Array:
        """Which factor each parameter belongs to: (P,), whole numbers below F."""
        ...

    def log_prob_factors(self, lam: Array, z: Array) -> Array:
        """log q_f(z_f): (S, N, F), nats."""
        ...


@runtime_checkable
class Relaxable(Family, Protocol):
    """A family of discrete z = harden(zeta), zeta = perturb(lam, eps) continuous; P = D.

    Estimators by relaxation replace ``harden`` by ``soften``; the family's ``log_prob`` must then
    accept relaxed z.  ``gap_pullback`` is the derivative of zeta minus that of zeta~, the same
    point reached with z held fixed (`bbvi.estimators.relax`).
    """

    def support(self) -> Array:
        """Every value of z: (K, D), float64."""
        ...

    def perturb(self, lam: Array, eps: Array) -> Array:
        """zeta(lam, eps): (S, N, P)."""
        ...

    def harden(self, zeta: Array) -> Array:
        """z: (S, N, D)."""
        ...

    def soften(self, zeta: Array, temperature: float) -> Array:
        """A relaxed z, which tends to ``harden(zeta)`` as the temperature falls: (S, N, D)."""
        ...

    def soften_pullback(self, y: Array, temperature: float, dy: Array) -> Array:
        """dy . dy/dzeta at y = soften(zeta, temperature): (S, N, P)."""
        ...

    def mean_pullback(self, lam: Array, dz: Array) -> Array:
        """dz . d E[z]/dlam: (S, N, P)."""
        ...

    def gap_pullback(self, lam: Array, zeta: Array, dzeta: Array) -> Array:
        """dzeta . d(zeta - zeta~)/dlam: (S, N, P)."""
        ...

    def gap_pushforward(self, lam: Array, zeta: Array, dlam: Array) -> Array:
        """d(zeta - zeta~)/dlam . dlam, the transpose of ``gap_pullback``: (S, N, P)."""
        ...


class Evaluation(NamedTuple):
    """What a `Target` says about z: log p, and the gradients that were asked for.

    Attributes
    ----------
    log_p : ndarray (S, N)
        log p_theta(x_n, z_sn), nats.
    dz : ndarray (S, N, D) or None
        d log p / dz, where asked for.
    dtheta : dict or None
        sum_n sum_s weights[s, n] d log p(x_n, z_sn) / d theta, where asked for; None also where
        theta is held fixed.
    """

    log_p: Array
    # Any: who asked for it need not ask again whether it is None.
    dz: Any
    dtheta: Theta | None


class Target(NamedTuple):
    """log p_theta(x, .) at fixed theta and x: what a back end hands to an estimator.

    One function evaluates what is asked for, in one pass, so that nobody pays for a gradient that
    is not needed.  ``weights`` (S, N) are the weights of the samples in the theta gradient; None
    means 1/S each: the gradient of the sample mean, summed over the datapoints.

    Attributes
    ----------
    evaluate : callable
        (z (S, N, D), dz=False, dtheta=False, weights=None) -> `Evaluation`.
    num_data, latent_dim : int
        N and D.
    dtype : numpy dtype
        float32 or float64, of theta, x, z and all results.
    standard_normal_prior : bool
        True when log p(z) is known to be log N(z; 0, I), so that a closed-form KL applies.
    blankets : callable or None
        z (S, N, D) -> (S, N, F): for each factor z_f of the latents, the terms of log p(x, z) that
        contain it (its Markov blanket); None where the model does not tell.
    """

    evaluate: Callable[..., Evaluation]
    num_data: int
    latent_dim: int
    dtype: np.dtype[Any]
    standard_normal_prior: bool = False
    blankets: Callable[[Array], Array] | None = None

    def value(self, z: Array) -> Array:
        """log p (S, N)."""
        return self.evaluate(z).log_p

    def value_and_dz(self, z: Array) -> tuple[Array, Array]:
        """log p (S, N) and d log p / dz (S, N, D)."""
        log_p, dz, _ = self.evaluate(z, dz=True)
        return log_p, dz

    def value_and_dtheta(
        self, z: Array, weights: Array | None = None
    ) -> tuple[Array, Theta | None]:
        """log p (S, N) and dtheta."""
        log_p, _, dtheta = self.evaluate(z, dtheta=True, weights=weights)
        return log_p, dtheta

    def value_and_grads(
        self, z: Array, weights: Array | None = None
    ) -> tuple[Array, Array, Theta | None]:
        """log p (S, N), d log p / dz (S, N, D) and dtheta, in one pass."""
        return self.evaluate(z, dz=True, dtheta=True, weights=weights)


class Estimate(NamedTuple):
    """A Monte Carlo estimate of the ELBO of each datapoint, with its gradients.

    Attributes
    ----------
    elbo : ndarray (N,)
        Mean over the S samples, nats.
    grad : ndarray (N, P)
        Estimate of d ELBO_n / d lam_n, averaged over samples.
    grad_theta : dict or None
        Estimate of d (sum_n ELBO_n) / d theta; None where theta is held fixed.
    """

    elbo: Array
    grad: Array
    grad_theta: Theta | None


class Estimator(Protocol):
    """The one signature of all gradient estimators."""

    def __call__(self, family: Any, target: Target, lam: Array, eps: Array) -> Estimate:
        """Estimate the ELBO and its gradients from the noise ``eps``."""
        ...
