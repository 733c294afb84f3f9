"""Arguments that the procedures share: checked once, before the first step (floor 4)."""

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
from tqdm import tqdm

from bbvi.inference.records import State
from bbvi.nets import MLP, astype
from bbvi.optimizers import Optimizer
from bbvi.types import Array, Model, Theta
from bbvi.validation import as_float_array, same_dtype


def prepare(
    model: Model, x: Array, theta: Theta | None, rng: np.random.Generator
) -> tuple[Array, Theta]:
    """Checked x, and theta in x's dtype (drawn by ``model.init(rng)`` when None)."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng is {type(rng).__name__}; expected a numpy Generator: np.random.default_rng(seed)."
        )
    x = as_float_array("x", x, ndim=2)
    check_data = getattr(model, "check_data", None)
    if check_data is not None:
        check_data(x)
    if theta is None:
        return x, astype(model.init(rng), x.dtype)
    same_dtype(x=x, theta=theta)
    return x, {key: np.array(value) for key, value in theta.items()}


def check_lam(family: Any, lam: Array, x: Array) -> Array:
    """A copy of a starting table, checked to be (N, P) and of x's dtype."""
    lam = as_float_array("lam", lam, ndim=2)
    same_dtype(x=x, lam=lam)
    if lam.shape != (len(x), family.num_params):
        raise ValueError(
            f"lam has shape {lam.shape}; expected (N, P) = {(len(x), family.num_params)}: one row "
            "of variational parameters per row of x."
        )
    return lam.copy()


def check_encoder(encoder: Any, family: Any, x: Array) -> MLP:
    """The encoder, an MLP or anything with its members, checked to map x's rows to lam's."""
    if not (hasattr(encoder, "sizes") and hasattr(encoder, "init") and callable(encoder)):
        raise TypeError(
            f"encoder is {encoder!r}; expected an MLP from Dx to P, e.g. "
            f"MLP(({x.shape[1]}, 64, {family.num_params}))."
        )
    if (encoder.sizes[0], encoder.sizes[-1]) != (x.shape[1], family.num_params):
        raise ValueError(
            f"encoder.sizes is {encoder.sizes}; expected {x.shape[1]} inputs (the width of x) and "
            f"{family.num_params} outputs (the family's P)."
        )
    return encoder


def begin_with_encoder(
    encoder: MLP, theta: Theta, x: Array, rng: np.random.Generator, optimizer: Optimizer
) -> State:
    """The state before the first step of a procedure whose lam comes from an encoder."""
    phi = astype(encoder.init(rng), x.dtype)
    return State(
        theta=theta,
        theta_moments=optimizer.init(theta),
        lam=None,
        lam_moments=None,
        phi=phi,
        phi_moments=optimizer.init(phi),
        order=rng.permutation(len(x)),
        position=0,
        trace=[],
    )


def progress_bar(steps: Iterable[int], description: str, progress: bool | None) -> Iterable[int]:
    """A tqdm bar; by default (None) only when standard error is a terminal."""
    disable = not sys.stderr.isatty() if progress is None else not progress
    return tqdm(steps, desc=description, disable=disable, leave=False)
