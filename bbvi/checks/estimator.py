"""Is this gradient estimator unbiased, and the pure function it should be?"""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from bbvi.checks.bias_order import check_order
from bbvi.checks.mistakes import Suspect, fail, require_close, without_frames
from bbvi.checks.problem import ExactCase, linear_gaussian_problem
from bbvi.checks.replicates import BLOCKS, Rows, arrays, draw
from bbvi.checks.statistics import LIMIT, Mean, mean_of, tolerance
from bbvi.estimators.bias import UNBIASED, Bias
from bbvi.families import DiagonalGaussian
from bbvi.targets import hold_theta
from bbvi.types import Array, ClosedFormKL, Estimate, Estimator, Target, Theta
from bbvi.validation import check_members, check_rng

ELBO_ERROR = 0.08
"""Standard error in nats at which a dropped 0.5 log 2 pi shows."""


@without_frames
def check_estimator(
    estimator: Estimator,
    rng: np.random.Generator,
    *,
    family: Any = None,
    target: Target | None = None,
    lam: Array | None = None,
    exact: Estimate | None = None,
    num_samples: tuple[int, ...] = (1, 2, 5),
    resolution: float = 0.0125,
    max_rows: int = 2**20,
    bias: Bias = UNBIASED,
) -> None:
    """Check that an estimator is pure, keeps rows apart, and is as unbiased as it declares.

    1. Shapes, dtype and finiteness of the Estimate; the same arguments give the same answer and
       are not changed; moving one row's lam and eps moves that row only; ``hold_theta`` gives a
       grad_theta of None.
    2. Over independent replicates of the whole S-sample estimate, the means of elbo, grad and
       grad_theta are within five standard errors of ``exact``.  Replicates are rows: lam is tiled
       R times along N, until the standard error along the exact gradient is ``resolution`` of
       its length, at which a gradient scaled by 1.1 shows.
    3. A declared bias O(h^r) must fall at this rate from ``bias.coarse`` to a quarter of it, and
       what is left of it at the estimator's own h is allowed in 2.  Of a bias that is declared
       unknown nothing but 1 is checked.

    Parameters
    ----------
    estimator : Estimator
        ``(family, target, lam, eps) -> Estimate``; arguments beyond these by functools.partial.
    rng : numpy Generator
        Source of the noise.
    family : Family, optional
        By default ``DiagonalGaussian(2)``.
    target, lam, exact : optional
        A target, rows lam (N, P) and the truth there, all three or none.  By default a
        linear-Gaussian model, whose ELBO has a closed form.  Entries of ``exact`` that are None
        are not compared.
    num_samples : tuple of int
        The sizes S.  A ValueError at S = 1 means that more samples are required, and is allowed.
    resolution : float
        Wanted standard error of the gradient, relative to the exact gradient.
    max_rows : int
        Rows R * N at which to give up on an estimator with too much variance.
    bias : Bias
        What the estimator declares, e.g. ``Bias(2, "step")`` for O(step^2).

    Raises
    ------
    AssertionError
        With the property that failed and the likely mistake.
    ValueError
        If only some of target, lam and exact are given.

    Notes
    -----
    Measured over replicates and not over the S samples of one estimate, because baselines and
    multi-sample bounds couple these.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import checks, sticking_the_landing
    >>> checks.check_estimator(sticking_the_landing, np.random.default_rng(0))
    """
    check_members("estimator", estimator, ("__call__",), "bbvi.reparameterized")
    check_rng(rng)
    if not isinstance(bias, Bias):
        raise TypeError(f'bias is {bias!r}; expected e.g. bbvi.estimators.Bias(2, "step").')
    exact_case = {"target": target, "lam": lam, "exact": exact}
    given = [name for name, value in exact_case.items() if value is not None]
    if len(given) not in (0, 3):
        raise ValueError(
            f"check_estimator got {', '.join(given)} alone; expected target, lam and exact "
            "together, or none of them for the linear-Gaussian model."
        )
    single = None
    if target is None or lam is None or exact is None:
        family = DiagonalGaussian(2) if family is None else family
        target, lam, exact = linear_gaussian_problem(family)
        single = linear_gaussian_problem(family, np.float32)
    _check_purity(estimator, family, target, lam, rng, max(num_samples))
    if single is not None:
        _check_single_precision(estimator, family, single, rng, max(num_samples))
    for S in num_samples if bias.order else ():
        if S > 1 or _accepts_one_sample(estimator, family, target, lam, rng):
            rows = Rows(estimator, family, target, lam, S)
            allowed = {}
            if bias.vanishes:
                allowed = check_order(rows, rng.spawn(1)[0], bias, max_rows)
            _check_unbiased(rows, rng, exact, resolution, max_rows, allowed)


def _accepts_one_sample(
    estimator: Estimator, family: Any, target: Target, lam: Array, rng: np.random.Generator
) -> bool:
    try:
        estimator(family, target, lam, draw(family, rng, 1, len(lam), lam.dtype))
    except ValueError:
        return False
    return True


def _check_single_precision(
    estimator: Estimator, family: Any, problem: ExactCase, rng: np.random.Generator, S: int
) -> None:
    target, lam, _ = problem
    estimate = estimator(family, target, lam, draw(family, rng, S, len(lam), lam.dtype))
    for name, value in arrays(estimate).items():
        if value.dtype != np.float32:
            fail(
                f"{name} is {value.dtype} although lam, eps and the target are float32.",
                "a NumPy float64 scalar or array in the formula",
            )


def _check_purity(
    estimator: Estimator,
    family: Any,
    target: Target,
    lam: Array,
    rng: np.random.Generator,
    S: int,
) -> None:
    N = len(lam)
    eps = draw(family, rng, S, N, lam.dtype)
    before = copy.deepcopy((lam, eps))
    first = estimator(family, target, lam, eps)
    if not (np.array_equal(lam, before[0]) and np.array_equal(eps, before[1])):
        fail("The estimator changed lam or eps.", "an in-place operation (+=, item assignment)")
    if not isinstance(first, Estimate):
        fail(f"The estimator returned {type(first).__name__}.", "not a bbvi.Estimate")
    _check_shapes(first, lam, target.value_and_dtheta(family.transform(lam, eps))[1])
    second = arrays(estimator(family, target, lam, eps))
    if not all(np.array_equal(value, second[name]) for name, value in arrays(first).items()):
        fail(
            "The same arguments gave two answers.",
            "hidden randomness or hidden state; a moving-average baseline must be passed in and "
            "must not have seen the sample that it corrects",
        )
    if estimator(family, hold_theta(target), lam, eps).grad_theta is not None:
        fail("grad_theta is not None although theta is held.", "pass on what the target returns")
    for n in range(N if N > 1 else 0):
        other_lam, other_eps = lam.copy(), eps.copy()
        other_lam[n] = lam[n - 1]
        other_eps[:, n] = draw(family, rng, S, N, lam.dtype)[:, n]
        moved = estimator(family, target, other_lam, other_eps)
        rest = np.arange(N) != n
        for name in ("elbo", "grad"):
            a, b = getattr(first, name)[rest], getattr(moved, name)[rest]
            cause = "a mean or baseline over the datapoints instead of over the samples"
            limit = 1e-6 * (1 + np.abs(a))
            require_close(
                f"{name}: rows interact (row {n} was moved)", b, a, limit, (), None, cause
            )


def _check_shapes(estimate: Estimate, lam: Array, dtheta: Theta | None) -> None:
    expected = {"elbo": lam.shape[:1], "grad": lam.shape}
    expected |= {f"grad_theta[{key!r}]": np.shape(value) for key, value in (dtheta or {}).items()}
    actual = arrays(estimate)
    if set(actual) != set(expected):
        missing = sorted(set(expected) ^ set(actual))
        fail(f"{missing} missing or unknown.", "the theta gradient was dropped on the way")
    for name, value in actual.items():
        if value.shape != expected[name]:
            fail(
                f"{name} has shape {value.shape}; expected {expected[name]}.",
                "no mean over the samples (axis 0), or a mean over the wrong axis",
            )
        if value.dtype != lam.dtype:
            fail(f"{name} is {value.dtype}, lam is {lam.dtype}.", "a promotion in the formula")
        if not np.isfinite(value).all():
            fail(f"{name} is not finite.", "a density where its log is meant")


def _check_unbiased(
    rows: Rows,
    rng: np.random.Generator,
    exact: Estimate,
    resolution: float,
    max_rows: int,
    allowed: Mapping[str, Array],
) -> None:
    truth = {name: value for name, value in arrays(exact).items() if value is not None}
    N, R = len(rows.lam), 16
    while True:
        blocks = rows.replicate(rng, R)
        excess = max(_relative_error(name, blocks[name], truth[name], resolution) for name in truth)
        if excess <= 1:
            break
        wanted = int(1.3 * R * excess**2) + 1
        if BLOCKS * wanted * N > max_rows:
            fail(
                f"At S = {rows.S} the standard error after {BLOCKS * R} replicates is "
                f"{excess:.2g} times the wanted one, which would need {BLOCKS * wanted}.",
                "too much variance to check here: use a milder target, more samples, or raise "
                "max_rows; an infinite variance comes from 1 / q or 1 / sigma in the formula",
            )
        R = wanted
    for name, value in truth.items():
        mean = mean_of(blocks[name])
        along = _along(blocks[name], value)
        what = f"{name} is biased at S = {rows.S} ({BLOCKS * R} replicates)"
        lam = rows.lam if name == "grad" else None
        suspects = _suspects(rows, name, value, R)
        cause = "a dropped or misplaced term, or a baseline that saw the sample that it corrects"
        left = allowed.get(name, np.zeros(()))
        limit = tolerance(mean, value) + left
        require_close(what, mean.value, value, limit, suspects, lam, cause)
        length = float(np.sum(left * np.abs(value)) / max(float(np.sum(value**2)), 1e-300))
        if name != "elbo" and abs(along.value - 1) > LIMIT * along.error + length + 1e-9:
            fail(f"{what}: along the exact one it is {along.value:.4g}.", "a factor")


def _along(blocks: Array, exact: Array) -> Mean:
    """The blocks' length along the exact gradient, 1 when unbiased."""
    norm = float(np.sum(exact**2))
    axes = tuple(range(1, blocks.ndim))
    if norm == 0:
        return Mean(np.ones(()), np.zeros(()))
    return mean_of(np.sum(blocks * exact, axis=axes) / norm)


def _relative_error(name: str, blocks: Array, exact: Array, resolution: float) -> float:
    """The standard error over the wanted one; that of an elbo is at least `ELBO_ERROR`."""
    if name == "elbo":
        wanted = np.maximum(ELBO_ERROR, resolution * np.abs(exact))
        return float((mean_of(blocks).error / wanted).max())
    return float(_along(blocks, exact).error) / resolution


def _suspects(rows: Rows, name: str, value: Array, R: int) -> list[Suspect]:
    """What the known mistakes would turn the exact value into."""
    S, N = rows.S, len(rows.lam)
    suspects = [Suspect("averaged over the datapoints (the wrong axis)", value / (R * N))]
    if name in ("elbo", "grad"):
        entropy = rows.family.entropy_and_grad(rows.lam)[name == "grad"]
        suspects += [
            Suspect("the entropy is missing", value - entropy),
            Suspect("the entropy is counted twice (in closed form and in f)", value + entropy),
            Suspect("the entropy has the wrong sign", value - 2 * entropy),
        ]
        if isinstance(rows.family, ClosedFormKL):
            kl = rows.family.kl_standard_normal_and_grad(rows.lam)[name == "grad"]
            suspects += [
                Suspect("log p(z) is dropped", value + kl + entropy),
                Suspect("the KL to the prior is dropped", value + kl),
                Suspect("the KL to the prior has the wrong sign", value + 2 * kl),
                Suspect("the KL to the prior is counted twice", value - kl),
            ]
    if S > 1:
        suspects += [
            Suspect(
                "divisor S instead of S - 1, or a baseline that contains the sample it corrects",
                value * (S - 1) / S,
            ),
            Suspect("summed over the samples instead of averaged", value * S),
            Suspect("averaged over the samples twice", value / S),
        ]
    return suspects
