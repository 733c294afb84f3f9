"""What the checks of the exercises about convolutions expect, against the layers and autograd."""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

from bbvi import checks
from bbvi.nets.layers import Conv, TransposedConv


def test_the_sizes_are_those_of_the_layers():
    def sizes(*columns):
        layers = [tuple(map(int, row)) for row in zip(*columns)]
        down = [Conv(1, k, s, p).output_shape((1, n, n))[1] for n, k, s, p, _ in layers]
        up = [
            TransposedConv(1, k, s, p, more).output_shape((1, n, n))[1]
            for n, k, s, p, more in layers
        ]
        return np.array(down), np.array(up)

    for seed in range(20):
        checks.check_convolution_sizes(sizes, np.random.default_rng(seed))


def slope(f, a):
    """Central differences of f, exact up to rounding because f is linear."""
    units = np.eye(a.size).reshape(-1, *a.shape)
    return np.reshape([(f(a + e) - f(a - e)) / 2 for e in units], a.shape)


@pytest.mark.parametrize("differentiate", [lambda f, a: autograd.grad(f)(a), slope])
def test_the_pullback_is_the_derivative_of_the_layer(differentiate):
    def pullback(x, w, g, stride):
        layer = Conv(len(w), w.shape[2:], stride)

        def weighted(x, w):
            return anp.sum(layer(w, np.zeros(len(w)), x) * g)

        dx = differentiate(lambda a: weighted(a, w), x)
        return dx, differentiate(lambda a: weighted(x, a), w)

    checks.check_convolution_pullback(pullback, np.random.default_rng(1))
