"""Multilayer perceptrons on dicts of arrays."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import autograd.numpy as anp
import numpy as np

from bbvi.limits import shape_that_fits
from bbvi.nets.activations import ACTIVATIONS
from bbvi.types import Array, Theta
from bbvi.validation import as_count, check_unmasked


@dataclass(frozen=True)
class MLP:
    """A fully connected network h_l = a(h_{l-1} W_l + b_l); the last layer is linear.

    Parameters
    ----------
    sizes : tuple of int
        Widths from input to output, e.g. ``(2, 64, 64)`` for one hidden layer of 64.
    activation : {"tanh", "relu", "softplus"}
        The nonlinearity between layers.
    init_scale : float, optional
        Standard deviation of every starting weight and bias; by default each layer has its own,
        see `init`.

    Raises
    ------
    TypeError
        If sizes is not a sequence of whole numbers.
    ValueError
        If there are fewer than two sizes, a size below 1, the activation is unknown, or
        init_scale is not a positive number.

    Examples
    --------
    >>> import numpy as np
    >>> net = MLP((2, 8, 3), "tanh")
    >>> params = net.init(np.random.default_rng(0))
    >>> net(params, np.zeros((5, 2))).shape
    (5, 3)
    """

    sizes: tuple[int, ...]
    activation: str = "tanh"
    init_scale: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.sizes, Iterable):
            raise TypeError(f"sizes is {self.sizes!r}; expected widths such as (2, 64, 784).")
        sizes = tuple(as_count(f"sizes[{i}]", size) for i, size in enumerate(self.sizes))
        object.__setattr__(self, "sizes", sizes)
        if len(sizes) < 2:
            raise ValueError(f"sizes is {sizes}; expected at least (inputs, outputs).")
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation is {self.activation!r}; expected one of {', '.join(ACTIVATIONS)}."
            )
        if self.init_scale is not None and not 0 < self.init_scale < np.inf:
            raise ValueError(
                f"init_scale is {self.init_scale}; expected a positive number, e.g. 0.01, or None."
            )

    @property
    def num_layers(self) -> int:
        """Number of weight matrices."""
        return len(self.sizes) - 1

    @property
    def num_weights(self) -> int:
        """How many numbers the weight matrices have."""
        return sum(inputs * outputs for inputs, outputs in pairwise(self.sizes))

    def init(self, rng: np.random.Generator) -> Theta:
        """Draw weights from N(0, gain / fan_in) (gain 2 before a relu, else 1); biases are 0.

        Hidden biases of a relu network are drawn from U(-1, 1) / sqrt(fan_in): at 0 all its kinks
        would pass through the origin, and a decoder of few latents would start as a cone.
        With an ``init_scale`` all weights and biases are drawn from N(0, init_scale^2).

        Source: LeCun, Bottou, Orr and Mueller (1998), section 4.6; He et al. (2015) for relu.
        """
        params = {}
        for pair in zip(self.sizes[:-1], self.sizes[1:]):
            shape_that_fits(f"a layer of the network {self.sizes}", *pair)
        for layer, (fan_in, fan_out) in enumerate(zip(self.sizes[:-1], self.sizes[1:])):
            rectified = self.activation == "relu" and layer + 1 < self.num_layers
            scale = np.sqrt((2.0 if rectified else 1.0) / fan_in)
            params[f"W{layer}"] = scale * rng.standard_normal((fan_in, fan_out))
            params[f"b{layer}"] = np.zeros(fan_out)
            if self.init_scale is not None:
                params[f"W{layer}"] *= self.init_scale / scale
                params[f"b{layer}"] = self.init_scale * rng.standard_normal(fan_out)
            elif rectified:
                params[f"b{layer}"] = rng.uniform(-1, 1, fan_out) * fan_in**-0.5
        return params

    def __call__(self, params: Theta, inputs: Array) -> Array:
        """Map inputs (..., sizes[0]) to outputs (..., sizes[-1]); TypeError if they are masked."""
        check_unmasked(inputs=inputs)
        activate = ACTIVATIONS[self.activation]
        h = inputs
        for layer in range(self.num_layers):
            h = anp.dot(h, params[f"W{layer}"]) + params[f"b{layer}"]
            if layer + 1 < self.num_layers:
                h = activate(h)
        return h
