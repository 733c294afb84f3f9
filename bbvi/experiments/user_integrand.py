"""A user's own integrand f(z), estimators and points lam for ``bbvi variance``."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bbvi.backends import autodiff
from bbvi.datasets import load_array
from bbvi.estimators import expectations
from bbvi.estimators.bias import UNKNOWN
from bbvi.estimators.elbo import of_elbo
from bbvi.estimators.specification import Specification, draw_noise, itself
from bbvi.estimators.table import ESTIMATORS
from bbvi.evaluation.exact_sums import hermite_nodes, support_nodes, weighted_sum
from bbvi.evaluation.grid_sums import grid_nodes
from bbvi.experiments.user_errors import user_error
from bbvi.experiments.user_files import is_estimator, load_object
from bbvi.families import DiagonalGaussian
from bbvi.inference.inner_loop import ascend
from bbvi.optimizers import adam
from bbvi.protocols import Gaussian
from bbvi.types import Array, Estimate, Estimator, Relaxable, Reparameterizable, Target, Theta

CLIMB = {"start": 0, "mid": 10, "converged": 100}
"""Steps of Adam up E_q[f] at the named points; an integrand need not have an optimum."""
RATE = 0.05
LARGEST_SUPPORT = 2**12


class Integrand(NamedTuple):
    """f(z), and q where it is not to be a diagonal Gaussian.

    Attributes
    ----------
    function : callable
        z (S, N, D) -> (S, N), in ``autograd.numpy``.
    family : Family or None
        With a D of its own.
    """

    function: Callable[[Array], Array]
    family: Any = None


def integrand_of_file(text: str) -> Integrand | None:
    """The integrand that FILE.py:NAME names: an `Integrand`, or a function of z alone.

    None if the object is something else: a model, a problem, or a function (rng, dtype).

    Raises
    ------
    FileNotFoundError, ValueError
        As `bbvi.experiments.user_files.load_object`.
    """
    named = load_object(text)
    if isinstance(named, Integrand):
        return named
    if inspect.isfunction(named) and len(inspect.signature(named).parameters) == 1:
        return Integrand(named)
    return None


def family_of(integrand: Integrand, dimension: int | None) -> Any:
    """Its own family, or a diagonal Gaussian with D = ``dimension``.

    Raises
    ------
    ValueError
        If its own family has another D.
    """
    if integrand.family is None:
        return DiagonalGaussian(1 if dimension is None else dimension)
    if dimension not in (None, integrand.family.latent_dim):
        raise ValueError(
            f"dimension is {dimension}, but the integrand's family has D = "
            f"{integrand.family.latent_dim} of its own. Leave the dimension out."
        )
    return integrand.family


def integrand_rows(function: Any, latent_dim: int, num_rows: int) -> Target:
    """f as a target of R rows, without data and without theta.

    Raises
    ------
    TypeError, ValueError
        If f(z) has another shape than (S, N).
    """
    shape = np.shape(function(np.zeros((2, 3, latent_dim))))
    if shape != (2, 3):
        raise ValueError(
            f"the integrand returned shape {shape} for z of shape {(2, 3, latent_dim)}; expected "
            "(S, N) = (2, 3): one number per sample and row. Sum over the last axis (axis=-1)."
        )
    x = np.zeros((num_rows, 1))
    return autodiff.unchecked_target(_Plain(function, latent_dim), {}, x)


def climb(family: Any, target: Target, rng: np.random.Generator) -> dict[str, Array]:
    """lam at the points of `CLIMB`: Adam up E_q[f] from the family's neutral start."""
    estimator: Any = ESTIMATORS["leave-one-out"].expectation
    if isinstance(family, Reparameterizable):
        estimator = expectations.pathwise
    rows, lam = adam(RATE), family.init(1)
    moments, points, taken = rows.init(lam, rows=True), {}, 0
    for name, steps in CLIMB.items():
        for _ in range(steps - taken):
            lam, moments, _ = ascend(family, target, lam, rng, estimator, 32, rows, moments)
        points[name], taken = lam.copy(), steps
    return points


def exact_expectation(family: Any, target: Target, lam: Array) -> Estimate | None:
    """E_q[f] with its gradients by a finite sum; None where D is too large for one."""
    if isinstance(family, Relaxable):
        small = len(family.support()) <= LARGEST_SUPPORT
        return weighted_sum(family, target, lam, support_nodes(family, lam)) if small else None
    if family.latent_dim > 2 or not isinstance(family, Reparameterizable):
        return None
    if isinstance(family, Gaussian):
        return weighted_sum(family, target, lam, hermite_nodes(family, lam, 256))
    return weighted_sum(family, target, lam, grid_nodes(family, lam, 128))


def specifications_of_file(text: str, plain: bool) -> dict[str, Specification]:
    """The estimators of FILE.py:NAME: a `Specification`, a dict of them, or a function.

    A function (family, target, lam, eps) estimates the ELBO's gradient where models are measured,
    and that of E_q[f], with ``target.value`` = f, where integrands are (``plain``).  Nothing is
    declared of it: its bias is unknown, and measured.

    Raises
    ------
    FileNotFoundError, ValueError
        As `bbvi.experiments.user_files.load_object`.
    TypeError
        If the object is none of these.
    """
    named, name = load_object(text), text.rpartition(":")[2]
    if isinstance(named, Specification):
        return {name: named}
    if isinstance(named, Mapping) and all(isinstance(s, Specification) for s in named.values()):
        return dict(named)
    if callable(named) and is_estimator(named):
        made_by = of_elbo if plain else itself
        return {name: Specification(named, Path(text).name, elbo_by=made_by, bias=UNKNOWN)}
    raise TypeError(
        f"{text} is {type(named).__name__}; expected an estimator (family, target, lam, eps), a "
        "bbvi.estimators.specification.Specification, or a dict of those."
    )


def try_estimator(
    name: str, specification: Specification, plain: bool, family: Any, target: Target, S: int
) -> None:
    """Call an estimator once, so that what cannot work is told before the work begins.

    Raises
    ------
    ValueError
        If it ends in an error, or returns anything but an `Estimate` with a row for each of lam.
    """
    lam, rng = family.init(1), np.random.Generator(np.random.PCG64(0))
    estimator = specification.expectation if plain else specification.elbo
    assert estimator is not None
    try:
        estimate = estimator(family, target, lam, draw_noise(specification, family, rng, S, 1))
    except Exception as error:
        told = user_error(error) or f"{type(error).__name__}: {error}"
        raise ValueError(f"{name} ends in an error: {told}") from None
    if not isinstance(estimate, Estimate) or np.shape(estimate.grad) != lam.shape:
        got = np.shape(estimate.grad) if isinstance(estimate, Estimate) else type(estimate).__name__
        raise ValueError(
            f"{name} returned {got}; expected a bbvi.Estimate whose grad has the shape of lam, "
            f"{lam.shape}."
        )
    check = check_no_entropy if plain else check_entropy
    try:
        check(estimator, family, S)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def check_entropy(estimator: Estimator, family: Any, S: int) -> None:
    """Refuse an estimator of E_q[f] where the ELBO's is expected: its q would collapse.

    At log p(z) = log q(z) the ELBO is 0; what leaves the entropy out says E_q[log q] = -H[q].

    Raises
    ------
    ValueError
        If the mean of repeated estimates is -H[q], and not 0.
    """
    if _is_near(-1, _mean_at(estimator, family, S, lambda lam, z: family.log_prob(lam, z)), family):
        raise ValueError(
            "it estimates E_q[log p] without the entropy of q; expected an estimator of the ELBO. "
            "Make it one by bbvi.estimators.of_elbo(...), and give that."
        )


def check_no_entropy(estimator: Estimator, family: Any, S: int) -> None:
    """Refuse the ELBO's estimator where one of E_q[f] is expected: it would look biased.

    At f = 0 the expectation is 0; what adds the entropy says H[q].

    Raises
    ------
    ValueError
        If the mean of repeated estimates is H[q], and not 0.
    """
    if _is_near(1, _mean_at(estimator, family, S, lambda lam, z: 0.0 * z.sum(axis=-1)), family):
        raise ValueError(
            "it estimates the ELBO, with the entropy of q, and the integrand has none; expected an "
            "estimator of E_q[f]. Give the one that bbvi.estimators.of_elbo was called with."
        )


def _mean_at(
    estimator: Estimator, family: Any, S: int, f: Callable[[Array, Array], Array]
) -> float | None:
    """The mean of 200 estimates at the family's start; None where more than f is asked for."""
    lam, rng, repeats = family.init(1), np.random.Generator(np.random.PCG64(0)), 200
    many = np.repeat(lam, repeats, axis=0)
    target = integrand_rows(
        lambda z: f(np.repeat(lam, z.shape[1], axis=0), z), family.latent_dim, repeats
    )
    try:
        eps = family.noise(rng, S, repeats, lam.dtype)
        return float(estimator(family, target, many, eps).elbo.mean())
    except (TypeError, ValueError):
        return None  # It asks for a normal prior, say.


def _is_near(sign: int, mean: float | None, family: Any) -> bool:
    """Whether a mean is the entropy of the family's start with that sign, within a fifth."""
    entropy = float(family.entropy(family.init(1))[0])
    return mean is not None and abs(mean - sign * entropy) < 0.2 * abs(entropy)


def points_of_file(path: str) -> dict[str, list[float]]:
    """Points lam from a .npy or .csv table, one a row: FILE[0], FILE[1], ...

    Raises
    ------
    FileNotFoundError, ValueError
        As `bbvi.datasets.load_table`.
    """
    stem = Path(path).stem
    return {f"{stem}[{i}]": row for i, row in enumerate(load_array(path).astype(float).tolist())}


def points_for(family: Any, rows: Mapping[str, Any]) -> dict[str, Array]:
    """Own points as lam (1, P).

    Raises
    ------
    ValueError
        If they have another number of columns than the family has parameters.
    """
    points = {name: np.array([row], np.float64) for name, row in rows.items()}
    for name, lam in points.items():
        if lam.shape[1] != family.num_params:
            raise ValueError(
                f"the point {name} has {lam.shape[1]} numbers; expected {family.num_params}, the "
                f"parameters of {type(family).__name__} with D = {family.latent_dim}."
            )
    return points


@dataclass(frozen=True)
class _Plain:
    """f(z) in the place of a log joint."""

    function: Callable[[Array], Array]
    latent_dim: int

    def init(self, rng: np.random.Generator) -> Theta:
        """Return no parameters."""
        return {}

    def log_joint(self, theta: Theta, x: Array, z: Array) -> Array:
        """f(z), whatever x is: (S, N)."""
        return self.function(z)


def rows_of(integrand: Integrand, family: Any) -> Callable[[int], Target]:
    """R -> f as a target of R rows; plain enough to be sent to a worker."""
    return partial(integrand_rows, integrand.function, family.latent_dim)
