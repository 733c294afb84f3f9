"""One estimator and its contract.

A `Specification` holds one function, the estimator of E_q[f], and says how the ELBO's is made of
it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bbvi.estimators.bias import UNBIASED, Bias
from bbvi.estimators.elbo import elbo_integrand, of_elbo
from bbvi.estimators.noise import NoiseSource, independent
from bbvi.estimators.preparation import Preparation
from bbvi.types import Array, Estimate, Family, Target


class Cost(NamedTuple):
    """Evaluations per datapoint, as a function of S, D, P and K.

        S (samples + samples_dims D + samples_params P + samples_labels K) + once + dims D

    A value and its gradient at one z count as one evaluation of the log joint.  K is the number of
    values of a label that is summed out.

    Examples
    --------
    >>> Cost(samples=1, samples_dims=3)(S=10, D=2, P=4)
    70
    >>> str(Cost(samples=1, samples_dims=3)), str(Cost(samples=1, samples_params=2))
    ('S (1 + 3 D)', 'S (1 + 2 P)')
    """

    samples: int = 0
    samples_dims: int = 0
    once: int = 0
    dims: int = 0
    samples_labels: int = 0
    samples_params: int = 0

    def __call__(self, S: int, D: int, P: int | None = None, K: int = 1) -> int:
        """Number of evaluations for S samples of a D-dimensional z, P parameters and K labels.

        Raises
        ------
        TypeError
            If P counts but is not given.
        """
        if P is None and self.samples_params:
            raise TypeError(
                f"the cost {self} depends on P, which is not given; expected family.num_params."
            )
        per_sample = self.samples + self.samples_dims * D + self.samples_labels * K
        per_sample += self.samples_params * (P or 0)
        return S * per_sample + self.once + self.dims * D

    def __str__(self) -> str:
        per_sample = _sum_text(
            self.samples, D=self.samples_dims, P=self.samples_params, K=self.samples_labels
        )
        fixed = _sum_text(self.once, D=self.dims)
        product = {"0": "", "1": "S", "K": "K S", "P": "P S"}.get(per_sample)
        if product is None:
            product = f"S ({per_sample})" if "+" in per_sample else f"{per_sample} S"
        return " + ".join(text for text in (product, fixed) if text not in ("", "0"))


def _sum_text(constant: int, **times: int) -> str:
    """E.g. 1 + 3 D, without what is 0."""
    terms = [str(constant)] if constant else []
    terms += [name if count == 1 else f"{count} {name}" for name, count in times.items() if count]
    return " + ".join(terms) or "0"


def itself(estimator: Callable[..., Estimate]) -> Callable[..., Estimate]:
    """The estimator, which is written of the ELBO or of another bound."""
    return estimator


class Specification(NamedTuple):
    """An estimator and its contract.

    Attributes
    ----------
    estimator : callable
        (family, target, lam, eps, ...) -> Estimate of E_q[f] and its gradients, where
        ``target.value`` is f.
    source : str
        Paper or lecture.
    elbo_by : callable
        estimator -> the ELBO's estimator: `bbvi.estimators.of_elbo`, ``with_entropy``,
        ``entropy_inside``, or `itself` where the estimator is written of the ELBO, or of another
        bound on the evidence, and no plain E_q[f] is meant.
    family : type or tuple of types
        What q must be: classes or Protocols, asked by ``isinstance``.
    differentiable : bool
        Whether gradients of the model in z are used.
    normal_prior : bool
        Whether log p(z) must be known to be log N(z; 0, I).
    bias : Bias
        What is declared about the mean of the estimate less the gradient of ``bound``:
        `bbvi.estimators.bias.UNBIASED`, ``UNKNOWN``, or an order in an argument such as a step.
        `bbvi.checks.check_estimator` and the tests check what is declared.
    bound : str
        What is estimated: "ELBO", or a multi-sample bound.
    min_samples : int
        Smallest S.
    couples_samples : bool
        Whether the S samples of a datapoint meet in a baseline or a bound, so that they must be
        independent of each other: no antithetic or quasi-Monte Carlo noise.
    draws : int or callable
        Rows of noise used up by one sample, or family -> that number: eps is
        (draws * S, N, ...), see `draw_noise`.
    cost : Cost
        Log-joint evaluations of one call as a function of S, D, P and K.
    prepare : Preparation or None
        What is learned beforehand from samples of their own, by `prepared`, and what that costs;
        None where nothing is.  The function itself knows nothing of it: the score-function
        estimators that learn are then the plain score function.
    as_it_goes : str
        What is learned from call to call or from the other samples of a call, in words.
    """

    estimator: Callable[..., Estimate]
    source: str
    elbo_by: Callable[[Callable[..., Estimate]], Callable[..., Estimate]] = of_elbo
    family: Any = Family
    differentiable: bool = False
    normal_prior: bool = False
    bias: Bias = UNBIASED
    bound: str = "ELBO"
    min_samples: int = 1
    couples_samples: bool = False
    draws: int | Callable[[Any], int] = 1
    cost: Cost = Cost(samples=1)
    prepare: Preparation | None = None
    as_it_goes: str = ""

    @property
    def elbo(self) -> Callable[..., Estimate]:
        """The estimator of the ELBO, or other bound, and its gradients."""
        return self.elbo_by(self.estimator)

    @property
    def expectation(self) -> Callable[..., Estimate] | None:
        """The estimator of a plain E_q[f]; None where only a bound on the evidence is meant."""
        return None if self.elbo_by is itself else self.estimator

    @property
    def unbiased(self) -> bool:
        """Whether the mean of the estimate is the gradient of ``bound``, without any bias."""
        return self.bias == UNBIASED

    def draws_for(self, family: Any) -> int:
        """Rows of noise used up by one sample with this family."""
        return self.draws(family) if callable(self.draws) else self.draws


def draw_noise(
    specification: Specification,
    family: Family,
    rng: np.random.Generator,
    num_samples: int,
    num_data: int,
    dtype: Any = np.float64,
    source: NoiseSource = independent,
) -> Array:
    """eps (draws * S, N, ...) for S samples of an estimator.

    Each of the ``draws`` is asked of the source by itself, so that the parts of one sample stay
    independent of each other whatever the source.

    Raises
    ------
    ValueError
        If the estimator lets samples correct each other and the source makes them dependent.
    """
    if specification.couples_samples and source is not independent:
        raise ValueError(
            f"the noise source is {getattr(source, '__name__', source)}, but this estimator "
            f"({specification.source}) lets samples correct each other and would become biased; "
            "expected independent noise. Use an estimator that only averages over its samples."
        )
    draws = specification.draws_for(family)
    parts = [source(family, rng, num_samples, num_data, dtype) for _ in range(draws)]
    return parts[0] if draws == 1 else np.concatenate(parts)


def prepared(
    specification: Specification,
    family: Family,
    target: Target,
    lam: Array,
    x: Array | None,
    rng: np.random.Generator,
) -> Callable[..., Estimate]:
    """The ELBO's estimator, with everything that it learns beforehand learned and then fixed.

    Parameters
    ----------
    specification : Specification
        Where ``prepare`` is None the estimator itself is returned.
    family, target, lam
        Where it will be used; lam (N, P).
    x : ndarray (N, Dx) or None
        The data, for what is learned as a function of x.
    rng : Generator
        Draws the samples to learn from; their evaluations are not part of ``cost``, but
        ``specification.prepare.evaluations`` for each row of lam.
    """
    if specification.prepare is None:
        return specification.elbo
    f = elbo_integrand(family, target, lam)
    return partial(specification.elbo, **specification.prepare.learn(family, f, lam, x, rng))


def prepared_expectation(
    specification: Specification,
    family: Family,
    target: Target,
    lam: Array,
    x: Array | None,
    rng: np.random.Generator,
) -> Callable[..., Estimate]:
    """The same for a plain E_q[f], where ``target.value`` is f.

    Raises
    ------
    ValueError
        If a plain expectation is asked of a bound.

    Examples
    --------
    The variance of d/dmu E[(z + 3)^2] at q = N(1, 1), without and with a learned coefficient, whose
    optimum is 134:

    >>> import numpy as np
    >>> from bbvi import DiagonalGaussian
    >>> from bbvi.estimators import ESTIMATORS
    >>> from bbvi.models.integrands import quadratic
    >>> q, rng, R = DiagonalGaussian(1), np.random.default_rng(0), 200_000
    >>> lam, one, many = np.array([[1.0, 0.0]]), quadratic(-3.0), quadratic(-3.0, num_data=R)
    >>> for name in ("score-function", "optimal-control-variate", "reparameterized"):
    ...     specification = ESTIMATORS[name]
    ...     estimator = prepared_expectation(specification, q, one, lam, None, rng)
    ...     eps = draw_noise(specification, q, rng, 1, R)
    ...     grad = estimator(q, many, np.repeat(lam, R, axis=0), eps).grad
    ...     print(name, float(f"{grad[:, 0].var():.2g}"))
    score-function 500.0
    optimal-control-variate 130.0
    reparameterized 4.0
    """
    if specification.expectation is None:
        raise ValueError(
            f"this estimator is for the {specification.bound} only; it has no plain E_q[f]."
        )
    if specification.prepare is None:
        return specification.estimator
    learned = specification.prepare.learn(family, target, lam, x, rng)
    return partial(specification.estimator, **learned)
