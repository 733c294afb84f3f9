"""Every estimator with its contract, in one dict literal (floor 3).

The table in the README, the choices of the command line and the conformance tests are all made
from `ESTIMATORS`.  To compare your own estimator with these, make a `Record` of it and put it in
a dict beside them: ``{**ESTIMATORS, "mine": Record(...)}``.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bbvi.estimators import elbo, expectations
from bbvi.estimators.noise import NoiseSource, independent
from bbvi.types import Array, Estimate, Family, Reparameterizable, Target


class Cost(NamedTuple):
    """Log-joint evaluations per datapoint: S (samples + samples_dims D) + once + dims D.

    A value and its gradient at one z count as one evaluation.

    Examples
    --------
    >>> Cost(samples=1, samples_dims=3)(S=10, D=2)
    70
    >>> str(Cost(samples=1, samples_dims=3))
    'S (1 + 3 D)'
    """

    samples: int = 0
    samples_dims: int = 0
    once: int = 0
    dims: int = 0

    def __call__(self, S: int, D: int) -> int:
        """Number of evaluations for S samples of a D-dimensional z."""
        return S * (self.samples + self.samples_dims * D) + self.once + self.dims * D

    def __str__(self) -> str:
        per_sample = _sum_text(self.samples, self.samples_dims)
        fixed = _sum_text(self.once, self.dims)
        product = {"0": "", "1": "S"}.get(per_sample)
        if product is None:
            product = f"S ({per_sample})" if "+" in per_sample else f"{per_sample} S"
        return " + ".join(text for text in (product, fixed) if text not in ("", "0"))


def _sum_text(constant: int, dims: int) -> str:
    times = {0: "", 1: "D"}.get(dims, f"{dims} D")
    return " + ".join(text for text in (str(constant) if constant else "", times) if text) or "0"


class Record(NamedTuple):
    """An estimator and its contract.

    Attributes
    ----------
    elbo : callable
        (family, target, lam, eps, ...) -> Estimate of the ELBO (or other bound) and its gradients.
    expectation : callable or None
        The same for a plain E_q[f], where ``target.value`` is f; None where only a bound on the
        evidence makes sense.
    family : type
        What q must be: a class or Protocol, asked by ``isinstance``.
    differentiable : bool
        Whether gradients of the model in z are used.
    normal_prior : bool
        Whether log p(z) must be known to be log N(z; 0, I).
    unbiased : bool
        Whether the mean of the estimate is the gradient of ``bound``.
    bound : str
        What is estimated: "ELBO", or a multi-sample bound.
    min_samples : int
        Smallest S.
    draws : int
        Rows of noise used up by one sample: eps is (draws * S, N, ...), see `draw_noise`.
    cost : Cost
        Log-joint evaluations of one call as a function of S and D.
    source : str
        Paper or lecture.
    """

    elbo: Callable[..., Estimate]
    expectation: Callable[..., Estimate] | None
    source: str
    family: type = Family
    differentiable: bool = False
    normal_prior: bool = False
    unbiased: bool = True
    bound: str = "ELBO"
    min_samples: int = 1
    draws: int = 1
    cost: Cost = Cost(samples=1)


ESTIMATORS: dict[str, Record] = {
    "score-function": Record(
        elbo.score_function,
        expectations.score_function,
        source="Williams (1992); Ranganath et al. (2014)",
    ),
    "leave-one-out": Record(
        partial(elbo.score_function, baseline=expectations.leave_one_out),
        partial(expectations.score_function, baseline=expectations.leave_one_out),
        source="Mnih and Rezende (2016); Kool et al. (2019)",
        min_samples=2,
    ),
    "reparameterized": Record(
        elbo.reparameterized,
        expectations.pathwise,
        source="Kingma and Welling (2014); Rezende et al. (2014)",
        family=Reparameterizable,
        differentiable=True,
    ),
    "reparameterized-mc": Record(
        elbo.reparameterized_mc,
        None,
        source="Kingma and Welling (2014), estimator A",
        family=Reparameterizable,
        differentiable=True,
    ),
    "reparameterized-kl": Record(
        elbo.reparameterized_kl,
        None,
        source="Kingma and Welling (2014), estimator B",
        family=Reparameterizable,
        differentiable=True,
        normal_prior=True,
    ),
    "sticking-the-landing": Record(
        elbo.sticking_the_landing,
        None,
        source="Roeder, Wu and Duvenaud (2017)",
        family=Reparameterizable,
        differentiable=True,
    ),
}


def find(name: str, table: Mapping[str, Record] = ESTIMATORS) -> Record:
    """The record of one estimator.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the legal ones.
    """
    if name not in table:
        raise ValueError(f"estimator is {name!r}; expected one of {', '.join(table)}.")
    return table[name]


def require(
    name: str,
    family: Any,
    target: Target,
    num_samples: int,
    table: Mapping[str, Record] = ESTIMATORS,
) -> Record:
    """The record of an estimator whose contract this family, target and S keep.

    Raises
    ------
    TypeError
        If the family is not what the estimator needs.
    ValueError
        If the name is unknown, S is too small or no closed-form KL is known.
    """
    record = find(name, table)
    if not isinstance(family, record.family):
        fit = [other for other, its in table.items() if isinstance(family, its.family)]
        raise TypeError(
            f"{name} got the family {type(family).__name__}; expected one that is "
            f"{record.family.__name__}. With this family use one of {', '.join(fit)}."
        )
    if record.normal_prior and not target.standard_normal_prior:
        raise ValueError(
            f"{name} got a model whose prior is not known to be N(0, I); expected one with a "
            "StandardNormal prior. Use reparameterized or reparameterized-mc."
        )
    if num_samples < record.min_samples:
        raise ValueError(
            f"{name} got S = {num_samples} samples; expected S >= {record.min_samples}."
        )
    return record


def draw_noise(
    record: Record,
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
    """
    parts = [source(family, rng, num_samples, num_data, dtype) for _ in range(record.draws)]
    return parts[0] if record.draws == 1 else np.concatenate(parts)


def contract_rows(table: Mapping[str, Record] = ESTIMATORS) -> list[dict[str, str]]:
    """One tidy row of text per estimator: the table of the README and of ``bbvi estimators``."""
    return [
        {
            "estimator": name,
            "estimates": record.bound,
            "unbiased": "yes" if record.unbiased else "no",
            "family": record.family.__name__,
            "model": _model_text(record),
            "smallest S": str(record.min_samples),
            "evaluations": str(record.cost),
            "source": record.source,
        }
        for name, record in table.items()
    ]


def _model_text(record: Record) -> str:
    if record.normal_prior:
        return "d/dz, N(0, I) prior"
    return "d/dz" if record.differentiable else "values"
