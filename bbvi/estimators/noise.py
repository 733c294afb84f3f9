"""Where eps comes from: independent, antithetic or quasi-Monte Carlo draws.

A noise source has the signature ``(family, rng, num_samples, num_data, dtype) -> eps``.  Every
single sample still has the family's own noise distribution; only the dependence between the S
samples of a datapoint changes.  An average over samples therefore stays unbiased.  An estimator
that lets samples correct each other (leave-one-out, VIMCO, ...) does *not*: its baselines must be
independent of the sample that they correct.  `bbvi.estimators.draw_noise` refuses that combination
(``Specification.couples_samples``).

Both special sources wrap the generator that ``family.noise`` draws from, because normal, uniform
and Gumbel noise are all made from ``standard_normal`` and ``random``.
"""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import numpy as np
from scipy.special import ndtri

from bbvi.types import Array, Family

NoiseSource = Callable[..., Array]
"""(family, rng, num_samples, num_data, dtype=float64) -> eps (S, N, ...)."""


def independent(
    family: Family,
    rng: np.random.Generator,
    num_samples: int,
    num_data: int,
    dtype: Any = np.float64,
) -> Array:
    """S independent draws for each datapoint: eps (S, N, ...), as ``family.noise`` gives them."""
    return family.noise(rng, num_samples, num_data, dtype=dtype)


def antithetic(
    family: Family,
    rng: np.random.Generator,
    num_samples: int,
    num_data: int,
    dtype: Any = np.float64,
) -> Array:
    """S / 2 draws and their mirror images: eps, then -eps (normal) or 1 - eps (uniform).

    Every odd function of the noise cancels exactly within a pair.

    Raises
    ------
    ValueError
        If S is odd.

    Notes
    -----
    Hammersley and Morton (1956); Wu, Goodman and Ermon (2019), "Differentiable antithetic
    sampling for variance reduction in stochastic variational inference".

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import DiagonalGaussian
    >>> eps = antithetic(DiagonalGaussian(2), np.random.default_rng(0), 4, 3)
    >>> bool((eps[:2] == -eps[2:]).all())
    True
    """
    if num_samples % 2:
        raise ValueError(
            f"antithetic noise got num_samples = {num_samples}; expected an even number, because "
            f"samples come in pairs. Use {num_samples + 1}, or independent noise."
        )
    return family.noise(_Mirrored(rng), num_samples, num_data, dtype=dtype)  # type: ignore[arg-type]


def quasi_monte_carlo(
    family: Family,
    rng: np.random.Generator,
    num_samples: int,
    num_data: int,
    dtype: Any = np.float64,
) -> Array:
    """S points of a Sobol sequence, shifted by one uniform vector per datapoint: eps (S, N, ...).

    u_sn = (v_s + shift_n) mod 1 is uniform for each s, evenly spread over s and independent over
    n, so replicates may still be rows.  Powers of two are the best S.

    Notes
    -----
    Buchholz, Wenzel and Mandt (2018), "Quasi-Monte Carlo variational inference"; the shift is
    Cranley and Patterson (1976).
    """
    return family.noise(_Sobol(rng), num_samples, num_data, dtype=dtype)  # type: ignore[arg-type]


NOISE_SOURCES: dict[str, NoiseSource] = {
    "independent": independent,
    "antithetic": antithetic,
    "quasi-monte-carlo": quasi_monte_carlo,
}
"""Name -> where eps comes from: what `with_noise` and ``bbvi variance --noise`` take."""


def with_noise(family: Any, source: NoiseSource) -> Any:
    """The same family, its ``noise`` drawn from ``source``: for the ``fit_*`` procedures.

    Requires
    --------
    An estimator that only averages over its samples, with one draw each: neither
    ``Specification.couples_samples`` nor ``Specification.draws`` above 1.  A family cannot see to
    that.

    Parameters
    ----------
    family : Family
        Any family; it is not changed.
    source : callable
        E.g. `antithetic`.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import DiagonalGaussian
    >>> family = with_noise(DiagonalGaussian(2), antithetic)
    >>> float(family.noise(np.random.default_rng(0), 2, 3).sum())
    0.0
    """
    renewed = copy.copy(family)
    # Families are frozen dataclasses; the copy stays one of its class, so that estimators which
    # ask for a Gaussian still see a Gaussian.
    object.__setattr__(renewed, "noise", partial(source, family))
    return renewed


def _uniform_inside(u: Array) -> Array:
    """Keep u off 0 and 1, where quantiles are infinite."""
    edge = float(np.finfo(u.dtype).eps) / 2
    return np.clip(u, edge, 1 - edge)


def _refuse(name: str) -> NoReturn:
    """Other methods of a generator."""
    raise AttributeError(
        f"the family draws its noise by rng.{name}; expected rng.standard_normal or rng.random, of "
        "which alone antithetic and quasi-Monte Carlo noise are made. Draw it by inversion, e.g. "
        "logistic noise as log(u / (1 - u)) with u = rng.random(size, dtype=dtype)."
    )


class _Mirrored:
    """Generator methods whose second half of samples mirrors the first."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def standard_normal(self, size: tuple[int, ...], dtype: Any = np.float64) -> Array:
        half = self._rng.standard_normal((size[0] // 2, *size[1:]), dtype=dtype)
        return np.concatenate([half, -half])

    def random(self, size: tuple[int, ...], dtype: Any = np.float64) -> Array:
        half = _uniform_inside(self._rng.random((size[0] // 2, *size[1:]), dtype=dtype))
        return np.concatenate([half, 1 - half])

    def __getattr__(self, name: str) -> NoReturn:
        _refuse(name)


class _Sobol:
    """Generator methods that fill the sample axis with shifted Sobol points."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def random(self, size: tuple[int, ...], dtype: Any = np.float64) -> Array:
        S, N, *rest = size
        D = int(np.prod(rest))
        from scipy.stats import qmc  # not above: it takes as long to import as all of bbvi

        points = qmc.Sobol(D, scramble=False).random_base2(int(np.ceil(np.log2(S))))[:S]
        u = (points[:, None, :] + self._rng.random((1, N, D))) % 1.0
        return _uniform_inside(u.reshape(size).astype(dtype))

    def standard_normal(self, size: tuple[int, ...], dtype: Any = np.float64) -> Array:
        return ndtri(self.random(size)).astype(dtype)

    def __getattr__(self, name: str) -> NoReturn:
        _refuse(name)
