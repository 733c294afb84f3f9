"""An estimator replicated along rows, as blocks of means."""

from typing import Any, NamedTuple

import numpy as np

from bbvi.checks.problem import tile_target
from bbvi.types import Array, Estimate, Estimator, Target

BLOCKS = 64


def draw(family: Any, rng: np.random.Generator, S: int, N: int, dtype: Any) -> Array:
    """The family's noise, in ``dtype`` where it is a float."""
    eps = family.noise(rng, S, N)
    return eps.astype(dtype) if eps.dtype.kind == "f" else eps


def arrays(estimate: Estimate) -> dict[str, Array]:
    """The arrays of an estimate by name."""
    theta = {f"grad_theta[{k!r}]": np.asarray(v) for k, v in (estimate.grad_theta or {}).items()}
    return {"elbo": estimate.elbo, "grad": estimate.grad} | theta


class Rows(NamedTuple):
    """An estimator to be replicated along rows, at S samples."""

    estimator: Estimator
    family: Any
    target: Target
    lam: Array
    S: int

    def replicate(self, rng: np.random.Generator, R: int) -> dict[str, Array]:
        """Block means (BLOCKS, ...) of every array, each over R replicates."""
        target, lam = tile_target(self.target, R), np.tile(self.lam, (R, 1))
        blocks: dict[str, list[Array]] = {}
        for _ in range(BLOCKS):
            eps = draw(self.family, rng, self.S, len(lam), lam.dtype)
            estimates = arrays(self.estimator(self.family, target, lam, eps))
            for name, value in estimates.items():
                per_row = name in ("elbo", "grad")
                mean = value.reshape(R, *self.lam.shape[: value.ndim]) if per_row else value / R
                blocks.setdefault(name, []).append(mean.mean(axis=0) if per_row else mean)
        return {name: np.stack(means).astype(float) for name, means in blocks.items()}
