"""One catalogue of problems for ``bbvi compare``, ``bbvi variance``, notebooks and tests.

One name is one problem: a model, a family, an encoder and data.  `CATALOGUE` is a plain dict; to
study a problem of your own, add an `Entry`, or name your file: ``--model FILE.py:NAME``.
"""

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bbvi.experiments import lecture_problems as lecture
from bbvi.experiments.identity import cell_rng
from bbvi.experiments.methods import (
    DISCRETE_METHODS,
    LABEL_METHODS,
    METHODS,
    QUICK,
    Method,
    Settings,
)
from bbvi.experiments.problem import Problem, problem_from
from bbvi.experiments.units import TableWarning
from bbvi.experiments.user_files import is_from_file, problem_of_file
from bbvi.suggestions import did_you_mean


class Entry(NamedTuple):
    """One problem: how to build it, by which methods it can be compared, and at what budget.

    Attributes
    ----------
    build : callable
        (rng, dtype) -> Problem; (rng, dtype, latent_dim) too where ``dimensions`` are given.
    about : str
        One line: data and model.
    dimensions : tuple of int
        D that ``bbvi variance`` looks at by default; empty where the problem has its one D.
    methods, settings, quick
        Of ``bbvi compare``: the methods, their default budget and --quick's.
    """

    build: Callable[..., Problem]
    about: str
    dimensions: tuple[int, ...] = ()
    methods: Mapping[str, Method] = METHODS
    settings: Settings = Settings(evaluations=1_000_000)
    quick: Settings = QUICK

    def problem(
        self, rng: np.random.Generator, dtype: Any = np.float32, latent_dim: int | None = None
    ) -> Problem:
        """The problem, with D = ``latent_dim`` where it is given.

        Raises
        ------
        ValueError
            If this problem has another D, which is a part of it.
        """
        if latent_dim is None:
            return self.build(rng, dtype)
        if self.dimensions:
            return self.build(rng, dtype, latent_dim)
        problem = self.build(rng, dtype)
        if problem.model.latent_dim != latent_dim:
            raise ValueError(
                f"latent_dim is {latent_dim}, but {problem.name} has D = "
                f"{problem.model.latent_dim} of its own. Leave the dimension out."
            )
        return problem


def _iris(rng: np.random.Generator, dtype: Any, latent_dim: int = 2) -> Problem:
    return problem_from("iris", rng, latent_dim, dtype)


def _digits(rng: np.random.Generator, dtype: Any, latent_dim: int = 2) -> Problem:
    return problem_from("digits", rng, latent_dim, dtype)


# One evaluation is a pass over the whole data set, so a hundred times fewer are as dear.
FEW = Settings(
    evaluations=10_000, local_rate=0.05, new_steps=500, optimum_steps=1000, optimum_rate=0.05
)
DISCRETE = Settings(evaluations=1_000_000, optimum_steps=500)
WIDE = Settings(evaluations=60_000, num_samples=4, new_steps=200, optimum_steps=200, test_rows=50)
# Each sample of a label that is summed out is ten evaluations.
LABELS = Settings(evaluations=1_000_000, num_samples=2, inner_steps=2, test_rows=50)

CATALOGUE: dict[str, Entry] = {
    "linear-gaussian": Entry(_iris, "irises, probabilistic PCA: log p(x) is exact", (1, 2, 3)),
    "linear-gaussian-digits": Entry(
        lecture.grey_digits, "grey digits, probabilistic PCA: log p(x) is exact", (2, 8, 32)
    ),
    "digits": Entry(_digits, "binarized digits, Bernoulli decoder network", (2, 8, 32)),
    "digits-discrete": Entry(
        lecture.discrete_latents,
        "binarized digits, Bernoulli latents and decoder network",
        (2, 8, 32),
        DISCRETE_METHODS,
        DISCRETE,
    ),
    "mixture-prior": Entry(
        lecture.mixture_prior, "irises, linear decoder, mixture of Gaussians prior"
    ),
    "scalar-scale": Entry(lecture.scalar_scale, "grey digits, one scale for each z"),
    "diagonal-scale": Entry(lecture.diagonal_scale, "irises, a scale for each z and variable"),
    "full-covariance": Entry(lecture.full_covariance, "irises, a covariance for each z"),
    "hierarchical": Entry(lecture.hierarchical, "irises, two linear layers of latents"),
    "state-space": Entry(lecture.state_space, "sequences drawn from a linear state-space model"),
    "hidden-markov": Entry(
        lecture.hidden_markov,
        "sequences drawn from a hidden Markov model",
        methods=DISCRETE_METHODS,
        settings=DISCRETE,
    ),
    "logistic-regression": Entry(
        lecture.logistic_regression,
        "breast cancer, Bayesian logistic regression: the data set is one datapoint",
        settings=FEW,
        quick=FEW._replace(evaluations=4_000, new_steps=200, optimum_steps=500),
    ),
    "names": Entry(
        lecture.names,
        "names of characters, letter by letter",
        settings=WIDE,
        quick=WIDE._replace(evaluations=30_000, test_rows=20),
    ),
    "semi-supervised": Entry(
        lecture.semi_supervised,
        "digits, one in ten labelled: M2",
        methods=LABEL_METHODS,
        settings=LABELS,
        quick=LABELS._replace(evaluations=40_000, test_rows=20, new_steps=50, optimum_steps=50),
    ),
}

ALIASES = {"bernoulli": "digits", "discrete-latents": "digits-discrete"}
"""Earlier names of ``bbvi compare --model``."""


def entry_of(name: str) -> Entry:
    """The entry of that name, of an earlier name, or of a user's file: FILE.py:NAME.

    Raises
    ------
    ValueError
        If there is none; the message lists all, one a line.
    """
    if is_from_file(name):
        return Entry(partial(problem_of_file, name), f"from {name}")
    name = ALIASES.get(name, name)
    if name not in CATALOGUE:
        raise ValueError(
            f"model is {name!r}; expected one of: {', '.join(CATALOGUE)}."
            f"{did_you_mean(name, [*CATALOGUE, *ALIASES])}\n{listing()}"
        )
    return CATALOGUE[name]


def listing() -> str:
    """The names with what they are, one a line."""
    width = max(len(name) for name in CATALOGUE)
    return "\n".join(f"  {name:{width}}  {entry.about}" for name, entry in CATALOGUE.items())


def problem_of(
    model: str | None,
    dataset: str,
    data_seed: int,
    latent_dim: int | None,
    dtype: str,
    header: bool | None = None,
    standardized: bool = True,
) -> Problem:
    """The problem of a name in the catalogue, or of a data set, split by a seed of its own.

    Plain arguments only, so that a worker can make it again; what makes a table doubtful is in
    ``cautions``, not in a warning of every worker.
    """
    rng = cell_rng(data_seed, {"split": model or dataset})
    if model is not None:
        return entry_of(model).problem(rng, np.dtype(dtype), latent_dim)
    latent_dim = 2 if latent_dim is None else latent_dim
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TableWarning)
        return problem_from(dataset, rng, latent_dim, np.dtype(dtype), header, standardized)
