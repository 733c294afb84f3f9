"""The former names of `bbvi.estimators.specification`, kept for one release."""

from collections.abc import Callable
from functools import partial
from typing import Any

from bbvi.estimators.specification import (
    Cost,
    Specification,
    draw_noise,
    itself,
    prepared,
)
from bbvi.types import Array, Estimate, Family, Target

__all__ = ["Cost", "Record", "draw_noise", "plain_integrand", "prepared"]


def Record(
    elbo: Callable[..., Estimate],
    expectation: Callable[..., Estimate] | None,
    source: str,
    **contract: Any,
) -> Specification:
    """A `Specification` in its former form, of two functions; kept for one release.

    Parameters
    ----------
    elbo, expectation : callable
        The estimators of the ELBO and of a plain E_q[f]; None for the second where it has none.
    source, **contract
        As of `Specification`.
    """
    if expectation is None:
        return Specification(elbo, source, itself, **contract)
    return Specification(expectation, source, partial(_instead, elbo), **contract)


def _instead(elbo: Callable[..., Estimate], expectation: Callable[..., Estimate]) -> Any:
    return elbo


def plain_integrand(family: Family, target: Target, lam: Array) -> Target:
    """f = target itself.  An estimator is now of E_q[f] as it stands; kept for one release."""
    return target
