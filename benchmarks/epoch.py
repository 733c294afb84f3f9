"""Steps of the lecture's autoencoder, by `bbvi.fit_amortized`, a jitted jax step and torch."""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import bbvi
from bbvi.lectures.networks import lecture_network
from bbvi.nets import astype, join, part
from bbvi.types import Array, Theta

BATCH, PIXELS, RATE = 128, 784, 1e-3
KEYS = ("W0", "b0", "W1", "b1")
LOG_2PI = float(np.log(2 * np.pi))

Run = Callable[[], tuple[float, float]]


def contender(name: str, num_batches: int, seed: int) -> Run:
    """It takes ``num_batches`` steps: its last mean ELBO, and seconds.

    Before that, ELBO and gradients of one batch, with the same noise, are compared.
    """
    rng = np.random.default_rng(seed)
    shade = rng.random((num_batches * BATCH, 1), dtype=np.float32)
    x = shade * rng.random((num_batches * BATCH, PIXELS), dtype=np.float32)
    eps = rng.standard_normal((1, BATCH, 2), dtype=np.float32)
    if name != "bbvi":
        agree(name, x[:BATCH], eps)
    return CONTENDERS[name](x)


def agree(name: str, x: Array, eps: Array) -> None:
    """Stop unless another library gives bbvi's mean ELBO and gradients in theta and phi."""
    theta, phi = _start()
    ours = _bbvi_gradients(theta, phi, x, eps)
    theirs = GRADIENTS[name](theta, phi, x, eps[0])
    for a, b in zip(theirs, ours, strict=True):
        worst = np.abs(np.asarray(a) - b).max() / np.abs(b).max()
        if not worst < 1e-3:
            sys.exit(f"MNIST epoch: {name} disagrees with bbvi, relative difference {worst}.")


def _bbvi_gradients(theta: Theta, phi: Theta, x: Array, eps: Array) -> list[Array]:
    network = lecture_network(PIXELS)
    lam, pullback = bbvi.backends.kernel.encode(network.encoder, phi, x)
    target = bbvi.backends.kernel.unchecked_target(network.model, join(decoder=theta), x)
    elbo, grad, dtheta = bbvi.reparameterized(network.family, target, lam, eps)
    dtheta, dphi = part(dtheta, "decoder"), pullback(grad)
    return [elbo.mean(), *(g[k] / len(x) for g in (dtheta, dphi) for k in KEYS)]


def _bbvi(x: Array) -> Run:
    network = lecture_network(PIXELS)

    def run() -> tuple[float, float]:
        with bbvi.fixed_budget():
            fit = bbvi.fit_amortized(
                network.model,
                network.family,
                x,
                np.random.default_rng(1),
                encoder=network.encoder,
                num_samples=1,
                num_steps=len(x) // BATCH,
                batch_size=BATCH,
                optimizer=bbvi.adam(RATE),
                progress=False,
            )
        # The trace's clock: the steps, without encoding the whole data set at the end.
        return float(np.mean(fit.trace.elbo[-10:])), float(fit.trace.seconds[-1])

    return run


def _start() -> tuple[Theta, Theta]:
    """Theta and phi in float32."""
    network, rng = lecture_network(PIXELS), np.random.default_rng(1)
    theta = part(network.model.init(rng), "decoder")
    return astype(theta, np.float32), astype(network.encoder.init(rng), np.float32)


def _jax_elbo(params: Any, x: Any, eps: Any) -> Any:
    import jax
    import jax.numpy as jnp

    theta, phi = params
    lam = jax.nn.relu(x @ phi["W0"] + phi["b0"]) @ phi["W1"] + phi["b1"]
    mean, log_scale = lam[:, :2], lam[:, 2:]
    z = mean + jnp.exp(log_scale) * eps
    out = jax.nn.relu(z @ theta["W0"] + theta["b0"]) @ theta["W1"] + theta["b1"]
    error, s = x - jax.nn.sigmoid(out[:, :-1]), out[:, -1]
    log_lik = -0.5 * jnp.exp(-2 * s) * jnp.sum(error**2, -1) - PIXELS * (s + 0.5 * LOG_2PI)
    log_prior = -0.5 * jnp.sum(z**2 + LOG_2PI, -1)
    return jnp.mean(log_lik + log_prior + jnp.sum(log_scale, -1) + 1 + LOG_2PI)


def _jax_gradients(theta: Theta, phi: Theta, x: Array, eps: Array) -> list[Array]:
    import jax

    value, grads = jax.value_and_grad(_jax_elbo)((theta, phi), x, eps)
    return [value, *(g[k] for g in grads for k in KEYS)]


def _jax(x: Array) -> Run:
    import jax
    import jax.numpy as jnp

    def step(params: Any, m: Any, v: Any, key: Any, count: Any, x: Any) -> Any:
        key, draw = jax.random.split(key)
        eps = jax.random.normal(draw, (len(x), 2), x.dtype)
        value, g = jax.value_and_grad(_jax_elbo)(params, x, eps)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        a, b = 1 - 0.9**count, 1 - 0.999**count
        move = lambda p, m, v: p + RATE * (m / a) / (jnp.sqrt(v / b) + 1e-8)  # noqa: E731
        return jax.tree.map(move, params, m, v), m, v, key, count + 1, value

    compiled = jax.jit(step, donate_argnums=(0, 1, 2))

    def run() -> tuple[float, float]:
        params = jax.device_put(_start())
        begin = time.perf_counter()
        m, v = jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params)
        key, count = jax.random.PRNGKey(1), jnp.asarray(1, jnp.float32)
        order, values = np.random.default_rng(1).permutation(len(x)), []
        for start in range(0, len(x), BATCH):
            batch = x[order[start : start + BATCH]]
            params, m, v, key, count, value = compiled(params, m, v, key, count, batch)
            values.append(value)
        last = [float(value) for value in values[-10:]]
        return float(np.mean(last)), time.perf_counter() - begin

    return run


def _torch_elbo(theta: Any, phi: Any, x: Any, eps: Any) -> Any:
    import torch

    lam = torch.relu(x @ phi["W0"] + phi["b0"]) @ phi["W1"] + phi["b1"]
    mean, log_scale = lam[:, :2], lam[:, 2:]
    z = mean + torch.exp(log_scale) * eps
    out = torch.relu(z @ theta["W0"] + theta["b0"]) @ theta["W1"] + theta["b1"]
    error, s = x - torch.sigmoid(out[:, :-1]), out[:, -1]
    log_lik = -0.5 * torch.exp(-2 * s) * (error**2).sum(-1) - PIXELS * (s + 0.5 * LOG_2PI)
    log_prior = -0.5 * (z**2 + LOG_2PI).sum(-1)
    return (log_lik + log_prior + log_scale.sum(-1) + 1 + LOG_2PI).mean()


def _torch_params() -> Any:
    import torch

    return [{k: torch.tensor(v, requires_grad=True) for k, v in p.items()} for p in _start()]


def _torch_gradients(theta: Theta, phi: Theta, x: Array, eps: Array) -> list[Array]:
    import torch

    params = _torch_params()
    elbo = _torch_elbo(*params, torch.tensor(x), torch.tensor(eps))
    elbo.backward()
    return [elbo.detach(), *(p[k].grad for p in params for k in KEYS)]


def _torch(x: Array) -> Run:
    import torch

    data = torch.tensor(x)

    def run() -> tuple[float, float]:
        theta, phi = _torch_params()
        begin = time.perf_counter()
        optimizer = torch.optim.Adam([*theta.values(), *phi.values()], lr=RATE)
        order, values = torch.randperm(len(data)), []
        for start in range(0, len(data), BATCH):
            batch = data[order[start : start + BATCH]]
            elbo = _torch_elbo(theta, phi, batch, torch.randn(len(batch), 2))
            optimizer.zero_grad()
            (-elbo).backward()
            optimizer.step()
            values.append(elbo.detach())
        return float(torch.stack(values[-10:]).mean()), time.perf_counter() - begin

    return run


CONTENDERS = {"bbvi": _bbvi, "jax": _jax, "torch": _torch}
GRADIENTS = {"jax": _jax_gradients, "torch": _torch_gradients}
