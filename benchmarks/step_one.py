"""Step 1 of black-box VI at fixed theta, by `step_1`, jax.lax.scan and a torch loop."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rivals import Problem, make_problem

import bbvi
from bbvi.inference.inner_loop import step_1
from bbvi.inference.verdict import by_course, verdict

SHAPE = (1000, 8, 10, 400, 784)
RATE = 0.05
TOLERANCE = 2e-3


def contender(name: str, num_steps: int, seed: int) -> Callable[[], tuple[float, float]]:
    """It runs all steps from q = N(0, I): the mean ELBO of the lam it reached, and seconds."""
    problem = make_problem(*SHAPE, np.dtype(np.float32), np.random.default_rng(seed))
    return _scored(CONTENDERS[name](problem, num_steps), problem)


def _scored(run: Callable[[], Any], problem: Problem) -> Callable[[], tuple[float, float]]:
    """The mean ELBO of the lam reached, under common noise, and the seconds it took."""
    model, family, theta, x, _, eps = problem
    target = bbvi.backends.kernel.target(model, theta, x[:100])

    def scored() -> tuple[float, float]:
        start = time.perf_counter()
        lam = np.asarray(run())[:100]
        seconds = time.perf_counter() - start
        z = family.transform(lam, eps[:, :100])
        return float((target.value(z).mean(axis=0) + family.entropy(lam)).mean()), seconds

    return scored


def _bbvi_and_verdict(problem: Problem, num_steps: int) -> Callable[[], Any]:
    """As a user calls it: `bbvi.infer` looks at every row again when the steps are taken."""
    return _bbvi(problem, num_steps, verdict)


def _bbvi(problem: Problem, num_steps: int, judge: Any = by_course) -> Callable[[], Any]:
    """The steps alone, as the others take them."""
    model, family, theta, x, _, eps = problem

    def run() -> Any:
        return step_1(
            model,
            family,
            theta,
            x,
            np.random.default_rng(1),
            estimator=bbvi.reparameterized,
            num_samples=len(eps),
            num_steps=num_steps,
            optimizer=bbvi.adam(RATE),
            progress=False,
            judge=judge,
        ).lam

    return run


def _jax(problem: Problem, num_steps: int) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    _, family, theta, x, lam, eps = problem
    D, S = family.latent_dim, len(eps)

    def total(lam: Any, theta: Any, x: Any, eps: Any) -> Any:
        mean, log_scale = lam[:, :D], lam[:, D:]
        z = mean + jnp.exp(log_scale) * eps
        logits = jnp.tanh(z @ theta["decoder.W0"] + theta["decoder.b0"]) @ theta["decoder.W1"]
        logits += theta["decoder.b1"]
        log_lik = jnp.sum(x * logits - jax.nn.softplus(logits), axis=-1)
        log_joint = log_lik - 0.5 * jnp.sum(z**2, axis=-1)
        return jnp.sum(jnp.mean(log_joint, axis=0) + jnp.sum(log_scale, axis=-1))

    @jax.jit
    def loop(key: Any, lam: Any, theta: Any, x: Any) -> Any:
        def step(carry: Any, count: Any) -> Any:
            lam, m, v, key = carry
            key, draw = jax.random.split(key)
            noise = jax.random.normal(draw, (S, *lam[:, :D].shape), lam.dtype)
            value, g = jax.value_and_grad(total)(lam, theta, x, noise)
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            t = count.astype(lam.dtype)
            lam = lam + RATE * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)
            return (lam, m, v, key), value

        start = (lam, jnp.zeros_like(lam), jnp.zeros_like(lam), key)
        (lam, *_), values = jax.lax.scan(step, start, jnp.arange(1, num_steps + 1))
        return lam, values

    args = jax.device_put((np.zeros_like(lam), theta, x))
    return lambda: jax.block_until_ready(loop(jax.random.PRNGKey(1), *args))[0]


def _torch(problem: Problem, num_steps: int) -> Callable[[], Any]:
    import torch

    _, family, theta, x, lam, eps = problem
    D, S = family.latent_dim, len(eps)
    W0, b0, W1, b1 = (torch.tensor(theta[f"decoder.{k}"]) for k in ("W0", "b0", "W1", "b1"))
    data = torch.tensor(x)

    def run() -> Any:
        table = torch.zeros(lam.shape, requires_grad=True)
        optimizer = torch.optim.Adam([table], lr=RATE)
        for _ in range(num_steps):
            mean, log_scale = table[:, :D], table[:, D:]
            z = mean + torch.exp(log_scale) * torch.randn(S, len(data), D)
            logits = torch.tanh(z @ W0 + b0) @ W1 + b1
            log_lik = (data * logits - torch.nn.functional.softplus(logits)).sum(-1)
            loss = -((log_lik - 0.5 * (z**2).sum(-1)).mean(0) + log_scale.sum(-1)).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return table.detach()

    return run


CONTENDERS = {"bbvi": _bbvi, "bbvi and verdict": _bbvi_and_verdict, "jax": _jax, "torch": _torch}
