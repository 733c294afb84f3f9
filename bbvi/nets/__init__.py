"""Networks as functions of flat dicts of arrays: multilayer perceptrons and convolutions.

A network is a frozen dataclass of sizes, with ``init(rng) -> params`` and
``net(params, inputs (..., Dx)) -> (..., O)``.  Images are flat rows, channel by channel, so that
an `MLP` and a `ConvNet` take each other's place.
"""

from bbvi.nets.activations import ACTIVATIONS, softplus, tanh
from bbvi.nets.convnet import ConvNet
from bbvi.nets.layers import Conv, Dense, TransposedConv
from bbvi.nets.mlp import MLP
from bbvi.nets.parameters import astype, dtype_of, join, part

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "Conv",
    "ConvNet",
    "Dense",
    "TransposedConv",
    "astype",
    "dtype_of",
    "join",
    "part",
    "softplus",
    "tanh",
]
