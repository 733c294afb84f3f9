"""Did it work?  Mean field, linear response and full covariance on posteriors.

Each approximation is compared with the reference moments, if there are any, and checked without
them: Pareto-smoothed weights p / q of draws around q give the posterior's moments where
k-hat < 0.7.  The verdict uses only the second check.
"""

import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from bbvi import backends
from bbvi.evaluation import linear_response
from bbvi.evaluation.draws import Draws, draw, heavier_draws, weighted_moments
from bbvi.experiments.posterior_cases import Case
from bbvi.experiments.posterior_verdicts import (
    KHAT,
    ReportedMoments,
    complaint,
    far_below,
    largest_errors,
    several_modes,
    value_and_distrust,
    verdict_line,
)
from bbvi.families import DiagonalGaussian, FullCovarianceGaussian
from bbvi.importance_weights import psis
from bbvi.inference import infer
from bbvi.limits import TooMuchError, shape_that_fits
from bbvi.logs import log_mean_exp
from bbvi.models.posterior import Posterior
from bbvi.protocols import GaussianMoments
from bbvi.types import Array, Target
from bbvi.validation import as_count, check_rng

Row = dict[str, Any]


class Approximation(NamedTuple):
    """What one method says of one posterior.

    Attributes
    ----------
    method : str
        "mean field", "linear response", "full covariance", or one of the two latter, "weighted".
    moments : ReportedMoments
        Mean and sd (R,) of what the posterior reports, and k-hat of the weights of the draws.
    elbo, elbo_error : float
        Nats, with standard error.
    seconds : float
        Of the fit, or of the correction.
    complaint : str
        What is wrong, as seen without a reference; empty where nothing is.
    """

    method: str
    moments: ReportedMoments
    elbo: float
    elbo_error: float
    seconds: float
    complaint: str


class Examined(NamedTuple):
    """All approximations of one posterior, its log evidence in nats, and one line on them.

    ``log_evidence`` is that of the weights with the smaller k-hat, NaN where they cannot be
    trusted.  A posterior that could not be fitted has no approximations, and the error for verdict.
    """

    case: Case
    approximations: tuple[Approximation, ...]
    log_evidence: float
    verdict: str


class _Fitted(NamedTuple):
    """A Gaussian q of z, its draws and moments, what was said on the way, and the time."""

    method: str
    gaussian: GaussianMoments
    draws: Draws
    moments: ReportedMoments
    said: str
    seconds: float
    modes: bool = False


def examine(case: Case, rng: np.random.Generator, num_draws: int = 10_000) -> Examined:
    """Fit both Gaussians with `infer`'s defaults, correct mean field, weight the draws, judge.

    Parameters
    ----------
    case : Case
        Name, posterior and, where there is one, reference.
    rng : numpy Generator
        The run's only source of randomness.
    num_draws : int
        S, at least 100, of every approximation.

    Raises
    ------
    TypeError, ValueError
        If the case is none, or S is too small for k-hat.
    NotFiniteError
        If the density runs to infinity or NaN.

    Notes
    -----
    Yao, Vehtari, Simpson and Gelman (2018), "Yes, but did it work?".
    """
    check_rng(rng)
    if not isinstance(case, Case):
        raise TypeError(f"case is {type(case).__name__}; expected Case(name, posterior, None).")
    S = as_count("num_draws", num_draws, minimum=100)
    posterior, D = case.posterior, case.posterior.latent_dim
    # The draws of three approximations are held at once.
    shape_that_fits(f"num_draws is {S}: draws", 3, S, D)
    target = backends.target(posterior, {}, posterior.x)
    full = _fit("full covariance", FullCovarianceGaussian(D), posterior, target, rng, S)
    diagonal = _fit("mean field", DiagonalGaussian(D), posterior, target, rng, S)
    response = _respond(diagonal, posterior, target, rng, S)
    lost = "" if response is None else far_below(_log_weights(response), _log_weights(full))
    fitted = [full, *([] if response is None else [response])]
    weighted = {fit.method: _weighted(fit, posterior, target, rng, S) for fit in fitted}
    sound = fitted[:1] if lost else fitted
    best = min((fit.method for fit in sound), key=lambda method: weighted[method].moments.khat)
    truth = weighted[best].moments if weighted[best].moments.khat <= KHAT else None
    names = posterior.names
    modes = several_modes([fit.moments for fit in weighted.values()], names)
    if full.modes or diagonal.modes:
        modes = modes or "another optimum: several modes, one of them covered"
    if modes:
        truth = None
    # Where no weights can be trusted, linear response is better than nothing.
    better = truth or (response.moments if response is not None and not lost else None)
    parts = []
    for fit in (full, diagonal, *fitted[1:]):
        again = [weighted[fit.method]] if fit.method in weighted else []
        for part in (fit, *again):
            far = lost if fit is response else ""
            said = ", ".join(filter(None, (part.said, far, modes)))
            why = complaint(part.moments, names, said, better)
            parts.append(_approximation(part, why))
    evidence = float(log_mean_exp(_log_weights(weighted[best]))) if truth is not None else np.nan
    verdict = verdict_line(
        [(part.method, part.moments, part.complaint) for part in parts],
        diagonal.said or "mean field is at no maximum",
    )
    return Examined(case, tuple(parts), evidence, verdict)


def examine_all(
    cases: Iterable[Case], rng: np.random.Generator, num_draws: int = 10_000
) -> Iterator[Examined]:
    """`examine` one after the other; what cannot be fitted gets its error for a verdict."""
    for case in cases:
        try:
            yield examine(case, rng.spawn(1)[0], num_draws)
        except TooMuchError:
            raise
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            yield Examined(case, (), np.nan, f"not fitted: {error}")


def rows(examined: Examined) -> list[Row]:
    """One row for each approximation: what it costs, and its largest errors.

    Errors are those against the reference where there is one, the means' in its standard
    deviations.  ``off``: an error of 0.1 or more, or a ratio outside of 0.9 to 1.1.  ``flagged``:
    there is a complaint.
    """
    case, lines = examined.case, []
    for part in examined.approximations:
        row: Row = {
            "posterior": case.name,
            "dimensions": case.posterior.latent_dim,
            "method": part.method,
            "khat": part.moments.khat,
            "elbo": part.elbo,
            "elbo_se": part.elbo_error,
            "log_evidence": examined.log_evidence,
            "seconds": part.seconds,
        }
        if case.reference is not None:
            reference = ReportedMoments(case.reference.mean, case.reference.sd, np.nan)
            row |= largest_errors(part.moments, reference, case.posterior.names)
            row["reference"] = case.reference.source
        lines.append({**row, "flagged": part.complaint != "", "complaint": part.complaint})
    return lines


def parameter_rows(examined: Examined) -> list[Row]:
    """One row for each number that each approximation reports, beside the reference."""
    case = examined.case
    return [
        {
            "posterior": case.name,
            "method": part.method,
            "parameter": name,
            "mean": part.moments.mean[i],
            "sd": part.moments.sd[i],
        }
        | (
            {
                "reference_mean": case.reference.mean[i],
                "reference_sd": case.reference.sd[i],
                "error": (part.moments.mean[i] - case.reference.mean[i]) / case.reference.sd[i],
                "sd_ratio": part.moments.sd[i] / case.reference.sd[i],
            }
            if case.reference is not None
            else {}
        )
        for part in examined.approximations
        for i, name in enumerate(case.posterior.names)
    ]


def _fit(
    method: str, family: Any, posterior: Posterior, target: Target, rng: np.random.Generator, S: int
) -> _Fitted:
    start = time.perf_counter()
    fit, _ = value_and_distrust(lambda: infer(posterior, family, rng=rng, progress=False))
    seconds = time.perf_counter() - start
    judged = fit.verdict
    modes = bool(judged.several_modes.any())
    said = "" if judged.all_converged or modes else "not converged"
    if said and np.isfinite(judged.nats_left).any():
        said += f" ({np.nanmax(judged.nats_left):.2g} nats seem left)"
    draws = draw(family, target, fit.lam, rng, S, of=posterior.constrain)
    values = draws.values[:, 0]
    moments = ReportedMoments(values.mean(axis=0), values.std(axis=0, ddof=1), _khat(draws))
    return _Fitted(method, family.moments(fit.lam), draws, moments, said, seconds, modes)


def _respond(
    diagonal: _Fitted, posterior: Posterior, target: Target, rng: np.random.Generator, S: int
) -> _Fitted | None:
    """Linear response at the mean field, and the Gaussian of z that has its covariance.

    None where the mean field is at no maximum.
    """
    start = time.perf_counter()
    D = target.latent_dim
    lam = DiagonalGaussian(D).from_moments(*diagonal.gaussian)

    def of(z: Array) -> Array:
        return np.concatenate([z, posterior.constrain(z)], axis=-1)

    response, warned = value_and_distrust(
        lambda: linear_response(DiagonalGaussian(D), target, lam, rng, of=of)
    )
    if not np.isfinite(response.covariance).all():
        return None
    gaussian = GaussianMoments(diagonal.gaussian.mean, response.covariance[:, :D, :D])
    seconds = time.perf_counter() - start
    family = FullCovarianceGaussian(D)
    draws = draw(family, target, family.from_moments(*gaussian), rng, S, of=posterior.constrain)
    sd = np.sqrt(np.diagonal(response.covariance[0])[D:])
    moments = ReportedMoments(diagonal.moments.mean, sd, _khat(draws))
    said = "not at the optimum" if warned else ""
    return _Fitted("linear response", gaussian, draws, moments, said, seconds)


def _weighted(
    fit: _Fitted, posterior: Posterior, target: Target, rng: np.random.Generator, S: int
) -> _Fitted:
    """The same with the moments of its weighted draws, which are made with heavier tails."""
    start = time.perf_counter()
    draws = heavier_draws(*fit.gaussian, target, rng, S, of=posterior.constrain)
    mean, sd, _ = weighted_moments(draws)
    seconds = fit.seconds + time.perf_counter() - start
    moments = ReportedMoments(mean[0], sd[0], _khat(draws))
    return fit._replace(
        method=f"{fit.method}, weighted",
        draws=draws,
        moments=moments,
        said="",
        seconds=seconds,
    )


def _khat(draws: Draws) -> float:
    return float(psis(draws.log_p - draws.log_q).khat[0])


def _approximation(fit: _Fitted, why: str) -> Approximation:
    log_w = _log_weights(fit)
    # Weights of an improper density may be out of all range: their error is infinite.
    with np.errstate(over="ignore"):
        error = float(log_w.std(ddof=1) / np.sqrt(len(log_w)))
    mean = float(log_w.mean())
    return Approximation(fit.method, fit.moments, mean, error, fit.seconds, why)


def _log_weights(fit: _Fitted) -> Array:
    return (fit.draws.log_p - fit.draws.log_q)[:, 0]
