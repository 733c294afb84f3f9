"""A model at fixed theta and x, taken apart for the work on blocks of rows."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from bbvi.backends.kernel.blocks import Block, Buffers
from bbvi.backends.kernel.by_autodiff import LIKELIHOOD_BY_AUTODIFF, PRIOR_BY_AUTODIFF
from bbvi.backends.kernel.conv_layers import ConvLayers
from bbvi.backends.kernel.layers import Layers
from bbvi.backends.kernel.likelihoods import LIKELIHOODS, LikelihoodKernel, learned_scale
from bbvi.backends.kernel.priors import PRIORS, STANDARD_NORMAL, PriorKernel
from bbvi.models import DeepLatentModel, LinearGaussian
from bbvi.nets import MLP, ConvNet, part
from bbvi.types import Array, Theta

KEPT_BYTES = 2**26
"""What the y of a target's blocks may take, however many sizes of z it is evaluated at."""
LINEAR_NAMES = {"decoder.W0": "W", "decoder.b0": "b", "likelihood.log_sigma": "log_sigma"}


class PreparedModel(NamedTuple):
    """What the work on a block needs.

    Attributes
    ----------
    prior, prior_state, likelihood, likelihood_state
        The two kernels and what they prepared.
    layers : Layers
        The decoder.
    x : ndarray (N, Dx)
        Data.
    seen : dict
        What the likelihood makes of x, features first, for each block met twice; None for a block
        met once.
    names : dict or None
        From the keys used here to the model's, where they differ.
    """

    prior: PriorKernel
    prior_state: Any
    layers: Layers | ConvLayers
    likelihood: LikelihoodKernel
    likelihood_state: Any
    x: Array
    seen: dict[tuple[int, int, int], Array | None]
    names: dict[str, str] | None


LAYERS: dict[type, Any] = {MLP: Layers, ConvNet: ConvLayers}
"""The networks that the kernel knows."""


def layers_of(net: MLP | ConvNet, params: Theta, constant: float) -> Layers | ConvLayers:
    """A network's weights, ready for blocks of rows; c = ``constant``."""
    made: Layers | ConvLayers = LAYERS[type(net)](net, params, constant)
    return made


def supports(model: Any) -> bool:
    """Whether the kernel knows this model's structure.

    A prior or a likelihood that it does not know is differentiated by autograd, and nothing else.
    """
    if type(model) is LinearGaussian:
        return True
    return type(model) is DeepLatentModel and type(model.decoder) in LAYERS


def check_supports(model: Any) -> None:
    """Raise ValueError, naming what the kernel supports, unless it supports the model."""
    if supports(model):
        return
    name = type(model).__name__
    if type(model) is DeepLatentModel:
        name += f" with the decoder {type(model.decoder).__name__}"
    raise ValueError(
        f"model is {name}, which the kernel does not know; it supports LinearGaussian, and "
        "DeepLatentModel with an MLP decoder or a ConvNet, any prior and any likelihood. Use "
        "backend='autodiff' or 'auto' for any other model."
    )


def take_apart(model: Any, theta: Theta, x: Array) -> PreparedModel:
    """A model that the kernel supports, prepared."""
    if type(model) is LinearGaussian:
        return _linear_model(theta, x)
    prior = PRIORS.get(type(model.prior), PRIOR_BY_AUTODIFF)
    likelihood = LIKELIHOODS.get(type(model.likelihood), LIKELIHOOD_BY_AUTODIFF)
    params = part(theta, "likelihood")
    constant = likelihood.constant(model.likelihood, params)
    return PreparedModel(
        prior,
        prior.prepare(model.prior, part(theta, "prior")),
        layers_of(model.decoder, part(theta, "decoder"), constant),
        likelihood,
        likelihood.prepare(model.likelihood, params, x),
        x,
        {},
        None,
    )


def _linear_model(theta: Theta, x: Array) -> PreparedModel:
    """LinearGaussian as a decoder without hidden layers and a Gaussian with a learned scale."""
    likelihood = learned_scale("log_sigma")
    decoder = {"W0": theta["W"].T, "b0": theta["b"]}
    layers = Layers(MLP(theta["W"].shape[::-1]), decoder, likelihood.constant(None, theta))
    state = likelihood.prepare(None, theta, x)
    return PreparedModel(STANDARD_NORMAL, None, layers, likelihood, state, x, {}, LINEAR_NAMES)


def with_data(
    prepared: PreparedModel, blocks: Sequence[Block], buffers: Buffers
) -> Iterator[tuple[Block, Array]]:
    """Each block with its y, which serves the next block too if that has the same rows of x."""
    laid_out = None
    for block in blocks:
        key = (block.data, block.samples.stop - block.samples.start)
        if key != laid_out:
            y, laid_out = observed(prepared, block, buffers), key
        yield block, y


def observed(prepared: PreparedModel, block: Block, buffers: Buffers) -> Array:
    """The block's y (Dx, R): its data as the likelihood sees them, one column for each row.

    A target that is evaluated many times, as in Step 1, keeps y from the second evaluation on, up
    to `KEPT_BYTES` in all.  A target that is evaluated once on few samples, as in training, writes
    into the buffers and allocates nothing.
    """
    s, data = block.samples.stop - block.samples.start, block.data
    key = (data.start, data.stop, s)
    y = prepared.seen.get(key)
    if y is not None:
        return y
    kept = key in prepared.seen and _has_room(prepared, s)
    prepared.seen[key] = None
    memory = Buffers(prepared.x.dtype) if kept else buffers
    one = memory("y_once", prepared.x.shape[1], data.stop - data.start)
    one[...] = prepared.x[data].T
    prepared.likelihood.observe(prepared.likelihood_state, one)
    if s == 1:
        y = one
    else:
        y = memory("y", len(one), s * one.shape[1])
        y.reshape(len(one), s, -1)[...] = one[:, None, :]
    if kept:
        prepared.seen[key] = y
    return y


def _has_room(prepared: PreparedModel, s: int) -> bool:
    """Whether y may be kept for all datapoints, s samples of each, beside what is kept already."""
    if prepared.x.nbytes * s > KEPT_BYTES:
        return False
    # A copy, because other threads may add to the dict meanwhile.
    kept = sum(y.nbytes for y in list(prepared.seen.values()) if y is not None)
    return kept < KEPT_BYTES


def add(total: Theta, more: Theta) -> None:
    """Add one dict of gradients to another, in place; keys met for the first time are taken."""
    for key, term in more.items():
        if key in total:
            total[key] += term
        else:
            total[key] = np.asarray(term)


def gather(prepared: PreparedModel, partial: list[Theta]) -> Theta:
    """Add up the threads' theta gradients, in their order, under the model's names."""
    total = partial[0]
    for more in partial[1:]:
        add(total, more)
    if prepared.names is not None:
        total = {prepared.names[key]: grad for key, grad in total.items()}
        total["W"] = total["W"].T
    return total
