"""Categorical likelihoods, independent and autoregressive, on a block of rows.

For logits l, log p = l[x] - logsumexp(l) and d log p / dl = [x] - softmax(l).
"""

import numpy as np

from bbvi.backends.kernel.blocks import Buffers
from bbvi.backends.kernel.likelihoods.protocol import LikelihoodKernel
from bbvi.models.likelihoods import CategoricalLikelihood
from bbvi.types import Array, Theta


def log_softmax_at(codes: Array, logits: Array) -> Array:
    """l[x] - logsumexp(l) over K: codes (..., R), logits (..., K, R) -> (..., R).

    Overwrites logits with the gradient.
    """
    at = codes[..., None, :]
    logits -= logits.max(axis=-2, keepdims=True)
    chosen = np.take_along_axis(logits, at, axis=-2)
    np.exp(logits, out=logits)
    total = logits.sum(axis=-2, keepdims=True)
    logits /= -total
    np.put_along_axis(logits, at, np.take_along_axis(logits, at, axis=-2) + 1, axis=-2)
    return (chosen - np.log(total))[..., 0, :]


def _value(likelihood: CategoricalLikelihood, y: Array, u: Array, buffers: Buffers) -> Array:
    T, K = len(y), likelihood.num_categories
    logits = u.reshape(T, K, -1)
    if likelihood.channels_first:
        logits = u.reshape(K, T, -1).swapaxes(0, 1)
    return log_softmax_at(y.astype(np.intp), logits).sum(axis=0)


def _value_and_grads(
    likelihood: CategoricalLikelihood, y: Array, u: Array, buffers: Buffers, weights: Array | None
) -> tuple[Array, Theta]:
    return _value(likelihood, y, u, buffers), {}


CATEGORICAL = LikelihoodKernel(
    lambda likelihood, params: 1.0,
    lambda likelihood, params, x: likelihood,
    lambda state, y: None,
    _value,
    _value_and_grads,
)


def _sequence_value(params: Theta, y: Array, u: Array, buffers: Buffers) -> Array:
    """sum_t log p(x_t | z, x_<t), the state u moved on by one symbol after another."""
    codes, value = y.astype(np.intp), np.zeros(u.shape[1], u.dtype)
    for t, (V, b) in enumerate(zip(params["V"], params["b"])):
        if t > 0:
            u += params["embed"][t - 1].T[:, codes[t - 1]]
        h = np.tanh(u, out=buffers("sequence_state", *u.shape))
        value += log_softmax_at(codes[t], V.T @ h + b[:, None])
    return value


def _sequence_value_and_grads(
    params: Theta, y: Array, u: Array, buffers: Buffers, weights: Array | None
) -> tuple[Array, Theta]:
    """The same pass, keeping g_t = d log p_t / d state_t; then a sum over the later g_t."""
    codes, value = y.astype(np.intp), np.zeros(u.shape[1], u.dtype)
    grads = {} if weights is None else {key: np.zeros_like(p) for key, p in params.items()}
    g = buffers("sequence_slopes", len(y), *u.shape)
    for t, (V, b) in enumerate(zip(params["V"], params["b"])):
        if t > 0:
            u += params["embed"][t - 1].T[:, codes[t - 1]]
        h = np.tanh(u, out=buffers("sequence_state", *u.shape))
        dlogits = V.T @ h + b[:, None]
        value += log_softmax_at(codes[t], dlogits)
        np.matmul(V, dlogits, out=g[t])
        g[t] *= 1 - h * h
        if weights is not None:
            dlogits *= weights
            grads["V"][t] = h @ dlogits.T
            grads["b"][t] = dlogits.sum(axis=1)
    for t in reversed(range(len(y) - 1)):
        if weights is not None:
            hot = np.eye(params["b"].shape[1], dtype=u.dtype)[codes[t]]
            grads["embed"][t] = ((g[t + 1] * weights) @ hot).T
        # Every later position reads the state of this one too.
        g[t] += g[t + 1]
    u[...] = g[0]
    return value, grads


AUTOREGRESSIVE = LikelihoodKernel(
    lambda likelihood, params: 1.0,
    lambda likelihood, params, x: params,
    lambda state, y: None,
    _sequence_value,
    _sequence_value_and_grads,
)
