"""Arguments that the procedures share: checked once, before the first step."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from tqdm import tqdm

from bbvi.inference.fit import State
from bbvi.nets import astype
from bbvi.optimizers import Optimizer
from bbvi.protocols import EncoderLike
from bbvi.types import Array, Estimate, Model, Theta
from bbvi.validation import (
    as_float_array,
    check_inputs,
    check_members,
    check_rng,
    check_unmasked,
    same_dtype,
)


def prepare(
    model: Model, x: Array, theta: Theta | None, rng: np.random.Generator
) -> tuple[Array, Theta]:
    """Checked x, and theta in x's dtype (drawn by ``model.init(rng)`` when None)."""
    check_rng(rng)
    check_members("model", model, ("latent_dim", "log_joint"), "LinearGaussian(2, 4)")
    if theta is None:
        theta = astype(model.init(rng), as_float_array("x", x, ndim=2).dtype)
    x = check_inputs(model, theta, x)
    return x, {key: np.array(value) for key, value in theta.items()}


def check_parts(family: Any, estimator: Any, **optimizers: Optimizer | None) -> None:
    """Raise TypeError unless a family, an estimator and optimizers are what they are to be."""
    members = ("latent_dim", "num_params", "init", "noise", "transform")
    check_members("family", family, members, "DiagonalGaussian(2)")
    if not callable(estimator):
        raise TypeError(
            f"estimator is {estimator!r}; expected a function (family, target, lam, eps) -> "
            "Estimate, e.g. bbvi.reparameterized (the function, not its name)."
        )
    check_optimizers(**optimizers)


def check_estimate(estimate: Any) -> None:
    """Raise TypeError unless an estimator returned an `Estimate` of floating-point arrays."""
    if not isinstance(estimate, Estimate) or np.asarray(estimate.grad).dtype.kind != "f":
        told = type(estimate).__name__
        if isinstance(estimate, Estimate):
            told = f"an Estimate whose grad is {np.asarray(estimate.grad).dtype}"
        raise TypeError(
            f"the estimator returned {told}; expected Estimate(elbo (N,), grad (N, P), grad_theta) "
            "of floating-point arrays."
        )
    check_unmasked(grad=estimate.grad, **(estimate.grad_theta or {}))


def check_shapes(estimate: Estimate, lam: Array) -> None:
    """Raise ValueError unless elbo is (N,) and grad (N, P): other shapes would broadcast."""
    elbo, grad = np.shape(estimate.elbo), np.shape(estimate.grad)
    if grad != lam.shape or elbo != lam.shape[:1]:
        raise ValueError(
            f"the estimator returned elbo of shape {elbo} and grad of shape {grad}; expected (N,) "
            f"= {lam.shape[:1]} and (N, P) = {lam.shape}: a number and a row for each datapoint."
        )


def check_dimensions(model: Any, family: Any) -> None:
    """Raise ValueError unless q is of as many latent variables as the model."""
    if family.latent_dim != model.latent_dim:
        raise ValueError(
            f"family has latent_dim {family.latent_dim}, {type(model).__name__} has "
            f"{model.latent_dim}; expected q of the same z: "
            f"{type(family).__name__}({model.latent_dim}, ...)."
        )


def check_optimizers(**optimizers: Optimizer | None) -> None:
    """Raise TypeError unless each is an `Optimizer` or None."""
    for name, optimizer in optimizers.items():
        if optimizer is not None and not isinstance(optimizer, Optimizer):
            raise TypeError(f"{name} is {optimizer!r}; expected an Optimizer, e.g. adam(0.01).")


def state_or_start(state: State | None, x: Array, theta: Theta | None, part: str) -> Theta | None:
    """The theta to begin with: the state's, which must be of these rows and have this part.

    ``part`` is what the procedure cannot go on without: "lam" (a table) or "phi" (an encoder).
    """
    if state is None:
        return theta
    if not isinstance(state, State):
        raise TypeError(f"state is {type(state).__name__}; expected a State: fit.state.")
    if getattr(state, part) is None:
        raise ValueError(
            f"state has no {part}: it comes from another procedure. Go on with the procedure that "
            "made it."
        )
    if len(state.order) != len(x):
        raise ValueError(
            f"state is of {len(state.order)} rows but x has {len(x)}; expected the x that it was "
            "learnt from. For new rows, begin anew with theta=fit.theta."
        )
    return state.theta


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


def check_encoder(encoder: Any, x: Array, num_outputs: int, told: str) -> EncoderLike:
    """The encoder, an MLP or anything with its members, checked to map x's rows to its outputs.

    ``told`` is what the outputs are, in words.
    """
    if not isinstance(encoder, EncoderLike):
        raise TypeError(
            f"encoder is {encoder!r}; expected an MLP from Dx to {told}, e.g. "
            f"MLP(({x.shape[1]}, 64, {num_outputs}))."
        )
    if (encoder.sizes[0], encoder.sizes[-1]) != (x.shape[1], num_outputs):
        raise ValueError(
            f"encoder.sizes is {encoder.sizes}; expected {x.shape[1]} inputs (the width of x) and "
            f"{num_outputs} outputs ({told})."
        )
    return encoder


def check_phi(encoder: EncoderLike, phi: Theta) -> None:
    """Raise ValueError unless a state's phi has the names and shapes of this encoder's."""
    # Of what is drawn here only names and shapes are read.
    start = encoder.init(np.random.Generator(np.random.PCG64(0)))
    given, expected = ({k: np.shape(v) for k, v in params.items()} for params in (phi, start))
    if given != expected:
        raise ValueError(
            f"state.phi has {given}, but this encoder has {expected}; expected the encoder that "
            "the state was learned with. For another, begin anew with theta=fit.theta."
        )


def begin_with_encoder(
    encoder: EncoderLike, theta: Theta, x: Array, rng: np.random.Generator, optimizer: Optimizer
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


def progress_bar(steps: Iterable[int] | None, description: str, progress: bool | None) -> Any:
    """A tqdm bar over the steps, or one of unknown length; by default only on a terminal."""
    # A program without a console has no standard error.
    shown = sys.stderr is not None and (terminal() if progress is None else progress)
    return tqdm(steps, desc=description, leave=False) if shown else _NoBar(steps)


class _NoBar:
    """What `tqdm` offers, without its lock, which a killed child would hold for all processes."""

    def __init__(self, steps: Iterable[int] | None) -> None:
        self._steps = steps or ()

    def __iter__(self) -> Iterator[int]:
        return iter(self._steps)

    def __enter__(self) -> "_NoBar":
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def update(self) -> None:
        """Count a step that nobody sees."""


def terminal() -> bool:
    """Whether somebody may be watching."""
    return sys.stderr is not None and sys.stderr.isatty()
