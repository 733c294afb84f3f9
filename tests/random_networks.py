"""Convolutional networks of random shapes, for tests."""

from bbvi.nets import ACTIVATIONS, Conv, ConvNet, Dense, TransposedConv


def random_convnet(rng, extra=0):
    """One to four layers of random kinds, kernels, strides and paddings, on a small image or z.

    Layers that do not fit are drawn again.
    """
    inputs = [int(rng.integers(1, 5)), (int(rng.integers(1, 4)), *map(int, rng.integers(1, 8, 2)))]
    inputs = inputs[int(rng.integers(2))]
    depth = int(rng.integers(2 if extra else 1, 5))
    activation = str(rng.choice(list(ACTIVATIONS)))
    layers = []
    while len(layers) < depth:
        layer = _random_layer(rng)
        try:
            net = ConvNet(inputs, (*layers, layer), activation)
        except ValueError:
            continue
        if max(net.sizes) <= 200:
            layers.append(layer)
    return ConvNet(inputs, tuple(layers), activation, extra)


def _random_layer(rng):
    def pair(low, high):
        return tuple(map(int, rng.integers(low, high, 2)))

    kind = int(rng.integers(4))
    if kind == 0:
        shape = (int(rng.integers(1, 4)), *pair(1, 6))
        return Dense(shape if rng.random() < 0.7 else int(rng.integers(1, 6)))
    window = int(rng.integers(1, 4)), pair(1, 5), pair(1, 4), pair(0, 3)
    if kind == 1:
        return Conv(*window)
    stride = window[2]
    return TransposedConv(*window, tuple(int(rng.integers(0, s)) for s in stride))


def shaken(net, rng):
    """Parameters with biases that are not 0."""
    params = net.init(rng)
    return {key: value + 0.3 * rng.standard_normal(value.shape) for key, value in params.items()}
