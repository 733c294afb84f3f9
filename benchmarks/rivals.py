"""The same ELBO and gradients in torch and jax, written as their users would write them.

Every contender is built by ``contender(problem, work)`` and returns a function without arguments
that gives NumPy arrays ``elbo (N,)``, and where asked for ``dlam (N, P)`` and ``dtheta``.  Data
and parameters are converted once, before any clock runs; results are converted outside too.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import bbvi
from bbvi.backends import autodiff, kernel
from bbvi.targets import hold_theta
from bbvi.types import Array, Theta

WORKS = ("value", "dlam", "dlam_dtheta")


class Problem(NamedTuple):
    """One cell of the table: a Bernoulli decoder with one tanh layer, and q = N(mu, sigma^2)."""

    model: Any
    family: Any
    theta: Theta
    x: Array
    lam: Array
    eps: Array


def make_problem(
    N: int, S: int, D: int, H: int, Dx: int, dtype: Any, rng: np.random.Generator
) -> Problem:
    """Random data, parameters and noise of one shape, in one dtype."""
    model = bbvi.DeepLatentModel(
        bbvi.StandardNormal(D), bbvi.MLP((D, H, Dx)), bbvi.BernoulliLikelihood()
    )
    family = bbvi.DiagonalGaussian(D)
    x = (rng.random((N, Dx)) < 0.3).astype(dtype)
    lam = (0.3 * rng.standard_normal((N, family.num_params)) - 0.5).astype(dtype)
    eps = rng.standard_normal((S, N, D)).astype(dtype)
    theta = {key: value.astype(dtype) for key, value in model.init(rng).items()}
    return Problem(model, family, theta, x, lam, eps)


def bbvi_contender(backend: Any, problem: Problem, work: str) -> Callable[[], Any]:
    """bbvi itself; binding theta is inside the clock, since training moves theta every step."""
    model, family, theta, x, lam, eps = problem

    def value() -> Any:
        z = family.transform(lam, eps)
        return (
            backend.unchecked_target(model, theta, x).value(z).mean(axis=0) + family.entropy(lam),
        )

    def dlam() -> Any:
        target = hold_theta(backend.unchecked_target(model, theta, x))
        return bbvi.reparameterized(family, target, lam, eps)[:2]

    def dlam_dtheta() -> Any:
        return tuple(
            bbvi.reparameterized(family, backend.unchecked_target(model, theta, x), lam, eps)
        )

    return {"value": value, "dlam": dlam, "dlam_dtheta": dlam_dtheta}[work]


def this_kernel(problem: Problem, work: str) -> Callable[[], Any]:
    """The kernel of this package."""
    return bbvi_contender(kernel, problem, work)


def autograd_reference(problem: Problem, work: str) -> Callable[[], Any]:
    """The autograd back end of this package."""
    return bbvi_contender(autodiff, problem, work)


def jax_jit(problem: Problem, work: str) -> Callable[[], Any]:
    """jax.jit over value, or value_and_grad."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    _, family, theta, x, lam, eps = problem
    D = family.latent_dim

    def elbo(lam: Any, theta: Any, x: Any, eps: Any) -> Any:
        mean, log_scale = lam[:, :D], lam[:, D:]
        z = mean + jnp.exp(log_scale) * eps
        h = jnp.tanh(z @ theta["decoder.W0"] + theta["decoder.b0"])
        logits = h @ theta["decoder.W1"] + theta["decoder.b1"]
        log_lik = jnp.sum(x * logits - jax.nn.softplus(logits), axis=-1)
        log_prior = -0.5 * jnp.sum(z**2 + np.log(2 * np.pi).astype(z.dtype), axis=-1)
        entropy = jnp.sum(log_scale, axis=-1) + 0.5 * D * (1 + float(np.log(2 * np.pi)))
        return jnp.mean(log_lik + log_prior, axis=0) + entropy

    def total(lam: Any, theta: Any, x: Any, eps: Any) -> Any:
        each = elbo(lam, theta, x, eps)
        return jnp.sum(each), each

    functions = {
        "value": lambda *args: (elbo(*args),),
        "dlam": lambda *args: _flat(jax.value_and_grad(total, 0, has_aux=True)(*args), False),
        "dlam_dtheta": lambda *args: _flat(
            jax.value_and_grad(total, (0, 1), has_aux=True)(*args), True
        ),
    }
    compiled = jax.jit(functions[work])
    args = jax.device_put((lam, theta, x, eps))
    return lambda: jax.block_until_ready(compiled(*args))


def _flat(result: Any, both: bool) -> Any:
    (_, each), grads = result
    return (each, *grads) if both else (each, grads)


def torch_eager(problem: Problem, work: str) -> Callable[[], Any]:
    """Plain torch."""
    return _torch(problem, work, lambda function: function)


def torch_compile(problem: Problem, work: str) -> Callable[[], Any]:
    """torch.compile on the ELBO."""
    import torch

    torch._dynamo.reset()
    return _torch(problem, work, lambda function: torch.compile(function, dynamic=False))


def _torch(problem: Problem, work: str, compiler: Callable[[Any], Any]) -> Callable[[], Any]:
    import torch

    _, family, theta, x, lam, eps = problem
    D = family.latent_dim
    W0, b0, W1, b1, x, lam, eps = (
        torch.tensor(array)
        for array in (*(theta[f"decoder.{k}"] for k in ("W0", "b0", "W1", "b1")), x, lam, eps)
    )
    log_2pi = float(np.log(2 * np.pi))

    def elbo(lam: Any, W0: Any, b0: Any, W1: Any, b1: Any) -> Any:
        mean, log_scale = lam[:, :D], lam[:, D:]
        z = mean + torch.exp(log_scale) * eps
        h = torch.tanh(z @ W0 + b0)
        logits = h @ W1 + b1
        log_lik = (x * logits - torch.nn.functional.softplus(logits)).sum(-1)
        log_prior = -0.5 * (z**2 + log_2pi).sum(-1)
        entropy = log_scale.sum(-1) + 0.5 * D * (1 + log_2pi)
        return (log_lik + log_prior).mean(0) + entropy

    compiled = compiler(elbo)
    params = (W0, b0, W1, b1)
    lam.requires_grad_(work != "value")
    for parameter in params:
        parameter.requires_grad_(work == "dlam_dtheta")
    names = ("decoder.W0", "decoder.b0", "decoder.W1", "decoder.b1")

    def value() -> Any:
        with torch.no_grad():
            return (compiled(lam, *params),)

    def dlam() -> Any:
        each = compiled(lam, *params)
        return each, torch.autograd.grad(each.sum(), lam)[0]

    def dlam_dtheta() -> Any:
        each = compiled(lam, *params)
        grad, *dtheta = torch.autograd.grad(each.sum(), (lam, *params))
        return each, grad, dict(zip(names, dtheta))

    return {"value": value, "dlam": dlam, "dlam_dtheta": dlam_dtheta}[work]


def as_numpy(result: Any) -> list[Array]:
    """The result of any contender as a flat list of arrays in one order."""
    arrays = []
    for part in result:
        values = [part[key] for key in sorted(part)] if isinstance(part, dict) else [part]
        arrays += [np.asarray(v.detach() if hasattr(v, "detach") else v) for v in values]
    return arrays
