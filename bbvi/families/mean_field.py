"""Mean field across groups of latents: q(z) = prod_g q_g(z_g)."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import autograd.numpy as anp
import numpy as np

from bbvi.types import Array, Family, Reparameterizable
from bbvi.validation import check_rows


@dataclass(frozen=True)
class MeanField:
    """Independent groups of latents, each with a family of its own: q(z) = prod_g q_g(z_g).

    z and lam are the groups' side by side.  Within a group anything goes (a full covariance, say);
    between groups nothing.  When every group is reparameterizable use `SmoothMeanField`.

    Parameters
    ----------
    groups : tuple of Family
        In the order of the model's latents.

    Raises
    ------
    TypeError
        If there is no group, or one is not a family.

    Notes
    -----
    Bishop (2006), section 10.1.1, "Factorized distributions"; Rios, "Mean field assumption".

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi.families import Categorical, DiagonalGaussian
    >>> q = MeanField((Categorical(1, 3), DiagonalGaussian(2)))
    >>> q.latent_dim, q.num_params
    (5, 7)
    >>> eps = q.noise(np.random.default_rng(0), num_samples=4, num_data=2)
    >>> q.transform(q.init(2), eps).shape
    (4, 2, 5)
    """

    groups: tuple[Any, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", tuple(self.groups))
        strangers = [type(group).__name__ for group in self.groups if not isinstance(group, Family)]
        if strangers or not self.groups:
            raise TypeError(
                f"groups holds {', '.join(strangers) or 'nothing'}; expected families, e.g. "
                "(DiagonalGaussian(2), FullCovarianceGaussian(3))."
            )

    @property
    def latent_dim(self) -> int:
        """D, the sum of the groups' D."""
        return sum(group.latent_dim for group in self.groups)

    @property
    def num_params(self) -> int:
        """P, the sum of the groups' P."""
        return sum(group.num_params for group in self.groups)

    @property
    def param_factors(self) -> Array:
        """The group of each parameter: (P,)."""
        sizes = [group.num_params for group in self.groups]
        return np.repeat(np.arange(len(self.groups)), sizes)

    def init(self, num_data: int) -> Array:
        """Every group's own start."""
        return np.concatenate([group.init(num_data) for group in self.groups], axis=1)

    def noise(
        self, rng: np.random.Generator, num_samples: int, num_data: int, dtype: Any = np.float64
    ) -> Array:
        """Every group's own noise, side by side: (S, N, D).

        Raises
        ------
        TypeError
            If a group's noise is not of its z's shape.
        """
        parts = [group.noise(rng, num_samples, num_data, dtype) for group in self.groups]
        for group, eps in zip(self.groups, parts):
            if eps.shape != (num_samples, num_data, group.latent_dim):
                raise TypeError(
                    f"the noise of {type(group).__name__} has shape {eps.shape}; expected "
                    f"(S, N, D) = {(num_samples, num_data, group.latent_dim)} to stand in a group."
                )
        return np.concatenate(parts, axis=-1)

    def transform(self, lam: Array, eps: Array) -> Array:
        """Each group's z, side by side: (S, N, D)."""
        check_rows(self, lam, eps=eps)
        return self._join(lambda group, lam, eps: group.transform(lam, eps), lam, eps)

    def log_prob(self, lam: Array, z: Array) -> Array:
        """sum_g log q_g(z_g): (S, N)."""
        return sum(group.log_prob(lam, z) for group, lam, z in self._split(lam, z))

    def log_prob_factors(self, lam: Array, z: Array) -> Array:
        """log q_g(z_g) of each group: (S, N, G)."""
        return np.stack([group.log_prob(lam, z) for group, lam, z in self._split(lam, z)], axis=-1)

    def score(self, lam: Array, z: Array) -> Array:
        """Each group's score, side by side: (S, N, P)."""
        return self._join(lambda group, lam, z: group.score(lam, z), lam, z)

    def entropy(self, lam: Array) -> Array:
        """sum_g H[q_g]: (N,)."""
        return sum(group.entropy(lam) for group, lam, _ in self._split(lam))

    def entropy_and_grad(self, lam: Array) -> tuple[Array, Array]:
        """H (N,) and dH/dlam (N, P)."""
        parts = [group.entropy_and_grad(lam) for group, lam, _ in self._split(lam)]
        return sum(entropy for entropy, _ in parts), np.concatenate([g for _, g in parts], axis=-1)

    def _split(self, lam: Array, z: Array | None = None) -> list[tuple[Any, Array, Any]]:
        """(group, its lam, its z) for each group."""
        check_rows(self, lam, **({} if z is None else {"z": z}))
        params = [0, *accumulate(group.num_params for group in self.groups)]
        dims = [0, *accumulate(group.latent_dim for group in self.groups)]
        return [
            (
                group,
                lam[:, params[g] : params[g + 1]],
                None if z is None else z[..., dims[g] : dims[g + 1]],
            )
            for g, group in enumerate(self.groups)
        ]

    def _join(self, function: Callable[..., Array], lam: Array, z: Array) -> Array:
        return anp.concatenate([function(*part) for part in self._split(lam, z)], axis=-1)


@dataclass(frozen=True)
class SmoothMeanField(MeanField):
    """A `MeanField` whose groups are all reparameterizable, and so is itself.

    Raises
    ------
    TypeError
        If a group is not reparameterizable.

    Examples
    --------
    >>> from bbvi.families import DiagonalGaussian, FullCovarianceGaussian
    >>> SmoothMeanField((FullCovarianceGaussian(2), DiagonalGaussian(3))).num_params
    11
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        rough = [
            type(group).__name__
            for group in self.groups
            if not isinstance(group, Reparameterizable)
        ]
        if rough:
            raise TypeError(
                f"groups holds {', '.join(rough)}, whose samples do not move smoothly with lam; "
                "expected reparameterizable families. Use MeanField, and score-function gradients."
            )

    def pullback(self, lam: Array, eps: Array, dz: Array) -> Array:
        """Each group's pullback, side by side: (S, N, P)."""
        slopes = self._split(lam, dz)
        pulled = [
            group.pullback(lam, eps, dz)
            for (group, lam, eps), (_, _, dz) in zip(self._split(lam, eps), slopes)
        ]
        return np.concatenate(pulled, axis=-1)

    def log_prob_dz(self, lam: Array, z: Array) -> Array:
        """Each group's d log q / dz, side by side: (S, N, D)."""
        return self._join(lambda group, lam, z: group.log_prob_dz(lam, z), lam, z)
