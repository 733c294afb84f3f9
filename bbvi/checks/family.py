"""Is this q_lam(z) one consistent variational family?"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bbvi.checks.mistakes import Suspect, fail, require_close, without_frames
from bbvi.checks.normality import check_normality
from bbvi.checks.statistics import (
    column_differences,
    invariance,
    mean_of,
    normalization,
    tolerance,
)
from bbvi.logs import LOG_2PI
from bbvi.protocols import Gaussian, HasMoments
from bbvi.types import Array, ClosedFormKL, Factorized, Family, Reparameterizable
from bbvi.validation import as_count, check_members, check_rng, missing_members


@without_frames
def check_family(
    family: Any,
    rng: np.random.Generator,
    *,
    lam: Array | None = None,
    num_data: int = 3,
    num_samples: int = 4,
    num_draws: int = 4096,
) -> None:
    """Check that samples, log-density, derivatives, entropy and moments are of one q_lam(z).

    1. Shapes: ``init`` (N, P), ``transform`` (S, N, D), ``log_prob`` (S, N), ``score`` (S, N, P),
       ``entropy`` (N,); rows of lam do not interact; float32 stays float32; lam is not changed.
    2. ``score``, ``entropy_and_grad``, and where they exist ``pullback``, ``log_prob_dz`` and
       ``kl_standard_normal_and_grad``, equal central differences.
    3. Draws agree with ``log_prob`` (E[q_t / q] = 1, normalization), ``entropy`` with
       E[-log q], the KL with E[log q - log N(z; 0, I)], and ``moments`` with those of the draws.
    4. ``gaussian_moments``, where it exists, means z = m + L eps, L L^T = C, and q = N(m, C).

    Parameters
    ----------
    family : Family
        Every real lam must be legal.
    rng : numpy Generator
        Source of lam and of the noise.
    lam : ndarray (N, P), optional
        Where to check; by default near ``family.init(num_data)``.
    num_data, num_samples : int
        N and S of the exact comparisons.
    num_draws : int
        Draws behind the statistical comparisons (five standard errors).

    Raises
    ------
    AssertionError
        With the property that failed and the likely mistake.
    TypeError, ValueError
        If family, rng or a number is not what it is to be.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import FullCovarianceGaussian, checks
    >>> checks.check_family(FullCovarianceGaussian(2), np.random.default_rng(0))
    """
    # What else it lacks is a property that fails, below.
    check_members("family", family, ("init", "num_params"), "DiagonalGaussian(2)")
    check_rng(rng)
    num_data, num_samples = as_count("num_data", num_data), as_count("num_samples", num_samples)
    start = family.init(num_data)
    if np.shape(start) != (num_data, family.num_params) or start.dtype.kind != "f":
        fail(
            f"init({num_data}) has shape {np.shape(start)} and dtype {np.asarray(start).dtype}; "
            f"expected floats of shape (N, P) = {(num_data, family.num_params)}.",
            "num_params does not count what lam holds",
        )
    lam = start + 0.5 * rng.standard_normal(start.shape) if lam is None else lam
    before = lam.copy()
    eps = family.noise(rng, num_samples, len(lam))
    _check_shapes(family, lam, eps)
    _check_rows(family, lam, eps)
    _check_single_precision(family, lam, eps)
    _check_derivatives(family, rng, lam, eps)
    if not np.array_equal(lam, before):
        fail("A method changed lam.", "an in-place operation (+=, out=, item assignment) on a view")
    eps = family.noise(rng, num_draws, len(lam))
    _check_density(family, rng, lam, family.transform(lam, eps))
    _check_expectations(family, lam, family.transform(lam, eps))
    if isinstance(family, Gaussian):
        check_normality(family, lam, eps)


def _results(family: Any, lam: Array, eps: Array) -> dict[str, tuple[Array, tuple[int, ...]]]:
    """Every array that the family computes, with the shape that it should have."""
    S, N, D, P = eps.shape[0], len(lam), family.latent_dim, family.num_params
    z = family.transform(lam, eps)
    entropy, dentropy = family.entropy_and_grad(lam)
    results = {
        "transform": (z, (S, N, D)),
        "log_prob": (family.log_prob(lam, z), (S, N)),
        "score": (family.score(lam, z), (S, N, P)),
        "entropy": (family.entropy(lam), (N,)),
        "entropy_and_grad [0]": (entropy, (N,)),
        "entropy_and_grad [1]": (dentropy, (N, P)),
    }
    if isinstance(family, Reparameterizable):
        results["pullback"] = (family.pullback(lam, eps, np.ones_like(z)), (S, N, P))
        results["log_prob_dz"] = (family.log_prob_dz(lam, z), (S, N, D))
    if isinstance(family, ClosedFormKL):
        kl, dkl = family.kl_standard_normal_and_grad(lam)
        results["kl_standard_normal_and_grad [0]"] = (kl, (N,))
        results["kl_standard_normal_and_grad [1]"] = (dkl, (N, P))
    return results


def _check_shapes(family: Any, lam: Array, eps: Array) -> None:
    if not isinstance(family, Family):
        missing = missing_members(family, _MEMBERS)
        fail(f"{type(family).__name__} is not a Family: it lacks {missing}.", "a misspelt method")
    for name, (value, shape) in _results(family, lam, eps).items():
        if np.shape(value) != shape:
            fail(
                f"{name} has shape {np.shape(value)}; expected {shape}.",
                "a sum over the wrong axis (sum over axis=-1), or S and N exchanged",
            )
        if not np.isfinite(value).all():
            fail(f"{name} has NaN or infinite values.", "a scale where its log is meant")


_MEMBERS = (
    *("latent_dim", "num_params", "init", "noise", "transform"),
    *("log_prob", "score", "entropy", "entropy_and_grad"),
)


def _check_rows(family: Any, lam: Array, eps: Array) -> None:
    together = _results(family, lam, eps)
    for s, n in np.ndindex(eps.shape[0], len(lam)):
        alone = _results(family, lam[n : n + 1], eps[s : s + 1, n : n + 1])
        for name, (value, shape) in together.items():
            per_sample = len(shape) == 3 or name == "log_prob"
            actual = value[s, n] if per_sample else value[n]
            expected = alone[name][0][0, 0] if per_sample else alone[name][0][0]
            require_close(
                f"{name}: rows interact, datapoint {n} alone and within the batch",
                actual,
                expected,
                1e-9 * (1 + np.abs(expected)),
                otherwise="a sum or mean over the wrong axis (use axis=-1)",
            )


def _check_single_precision(family: Any, lam: Array, eps: Array) -> None:
    single = eps.astype(np.float32) if eps.dtype.kind == "f" else eps
    for name, (value, _) in _results(family, lam.astype(np.float32), single).items():
        if value.dtype != np.float32:
            fail(
                f"{name} is {value.dtype} although lam is float32.",
                "np.zeros, np.eye or a NumPy float64 scalar without dtype=lam.dtype",
            )


def _check_derivatives(family: Any, rng: np.random.Generator, lam: Array, eps: Array) -> None:
    z = family.transform(lam, eps)

    # Relative steps where z > 0, because such a density may bend sharply near 0.
    z_step = 1e-6 * np.clip(z, 1e-8, 1.0) if (z > 0).all() else 1e-6

    def compare(
        name: str, derivative: Array, function: Callable[[Array], Array], at: Array
    ) -> None:
        slopes = column_differences(function, at, 1e-6 if at is lam else z_step)
        limit = 1e-6 * (1 + np.abs(function(at)))[..., None] + 1e-5 * np.abs(slopes)
        columns = lam if at is lam else None
        what = f"{name} differs from central differences"
        require_close(what, derivative, slopes, limit, lam=columns)

    compare("score", family.score(lam, z), lambda lam: family.log_prob(lam, z), lam)
    entropy, dentropy = family.entropy_and_grad(lam)
    require_close("entropy and entropy_and_grad", entropy, family.entropy(lam), 1e-9)
    compare("entropy_and_grad [1]", dentropy, family.entropy, lam)
    if isinstance(family, Factorized):
        _check_factors(family, lam, z)
    if isinstance(family, Reparameterizable):
        dz = rng.standard_normal(z.shape)
        compare(
            "pullback",
            family.pullback(lam, eps, dz),
            lambda lam: np.sum(dz * family.transform(lam, eps), axis=-1),
            lam,
        )
        compare("log_prob_dz", family.log_prob_dz(lam, z), lambda z: family.log_prob(lam, z), z)
    if isinstance(family, ClosedFormKL):
        dkl = family.kl_standard_normal_and_grad(lam)[1]
        name = "kl_standard_normal_and_grad [1]"
        compare(name, dkl, lambda lam: family.kl_standard_normal_and_grad(lam)[0], lam)


def _check_factors(family: Any, lam: Array, z: Array) -> None:
    factors = family.log_prob_factors(lam, z)
    what = "log_prob_factors summed over the factors differs from log_prob"
    require_close(what, factors.sum(axis=-1), family.log_prob(lam, z), 1e-9)
    slopes = column_differences(lambda lam: family.log_prob_factors(lam, z), lam)
    belongs = np.asarray(family.param_factors) == np.arange(factors.shape[-1])[:, None]
    require_close(
        "log_prob_factors: a factor depends on another factor's parameters",
        slopes,
        np.where(belongs, slopes, 0.0),
        1e-6,
        otherwise="param_factors numbers the columns of lam in another order",
    )


def _check_density(family: Any, rng: np.random.Generator, lam: Array, z: Array) -> None:
    direction = rng.standard_normal(lam.shape[1])
    start = family.log_prob(lam, z)

    for n in range(len(lam)):

        def log_weight(t: float, n: int = n) -> Array:
            return (family.log_prob(lam + t * direction, z) - start)[:, n]

        for order, mean in zip(("first", "second"), invariance(log_weight)):
            require_close(
                f"transform and log_prob disagree, row {n}: E[q_t / q] - 1, {order} order in t",
                mean.value,
                0.0,
                tolerance(mean, np.zeros(())),
                otherwise="sigma for log sigma, sigma for its square, or a missing log-determinant",
            )

    def log_density(points: Array) -> Array:
        return family.log_prob(lam[:1], points[:, None, :])[:, 0]

    shares = normalization(rng, z[:, 0], log_density)
    if shares is not None:
        drawn, integral = shares
        require_close(
            "exp(log_prob) is not normalized: its integral over a region, and the share of draws",
            integral.value,
            drawn.value,
            tolerance(drawn, drawn.value) + tolerance(integral, integral.value),
            otherwise="-0.5 log 2 pi per dimension or the log-determinant dropped",
        )


def _check_expectations(family: Any, lam: Array, z: Array) -> None:
    log_q = family.log_prob(lam, z)
    constant = 0.5 * family.latent_dim * LOG_2PI

    def compare(name: str, value: Array, draws: Array, *suspects: Suspect) -> None:
        mean = mean_of(draws)
        what = f"{name} differs from the mean over draws"
        require_close(what, value, mean.value, tolerance(mean, mean.value), suspects)

    entropy = -log_q.mean(axis=0)
    compare(
        "entropy",
        family.entropy(lam),
        -log_q,
        Suspect("(D / 2) log 2 pi dropped", entropy - constant),
        Suspect("the 1 of (D / 2) (1 + log 2 pi) dropped", entropy - 0.5 * family.latent_dim),
    )
    if isinstance(family, ClosedFormKL):
        log_prior = -0.5 * np.sum(z**2, axis=-1) - constant
        kl = (log_q - log_prior).mean(axis=0)
        compare(
            "kl_standard_normal_and_grad [0]",
            family.kl_standard_normal_and_grad(lam)[0],
            log_q - log_prior,
            Suspect("the entropy has the wrong sign", kl + 2 * entropy),
            Suspect("D / 2 dropped: the KL has (mu^2 + sigma^2 - 1) / 2", kl + 0.5 * z.shape[-1]),
        )
    offered = {}
    if isinstance(family, HasMoments):
        offered["moments"] = family.moments(lam)
    if isinstance(family, Gaussian):
        offered["gaussian_moments"] = family.gaussian_moments(lam)
    for name, moments in offered.items():
        centered = z - moments.mean
        compare(f"{name}: mean", moments.mean, z)
        outer = centered[..., :, None] * centered[..., None, :]
        compare(f"{name}: covariance", moments.covariance, outer)
