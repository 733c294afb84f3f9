"""The checks of the exercises about convolutions: what they expect, and the mistakes they name.

What they expect is compared with the layers and with autograd.
"""

import math

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


DOWN, UP = "(n + 2 * p - k) // s + 1", "s * (n - 1) + k - 2 * p + more"
# body of the wrong answer -> part of the likely mistake
WRONG_SIZES = {
    f"{DOWN}, s * (n - 1) + 2 * p - k + more": "mistake: 2 p - k where k - 2 p is meant",
    f"{DOWN}, s * (n - 1) + 2 * p - k": "cut off; and the output padding is missing",
    f"{DOWN}, s * (n - 1) + 1 + 2 * p - k + 1 + more": "stretched image with padding p",
    f"{DOWN}, s * (n - 1) + 1 + 2 * p - k + 1": "k - 1 - p; and the output padding is missing",
    f"{DOWN}, s * n + 2 * p - k + 1": "n rows stretch to",
    f"{DOWN}, s * n + 2 * p - k + 1 + more": "n rows stretch to",
    f"n // s + 2 * p - k + 1, {UP}": "the stride divides n alone",
    f"n // s + (2 * p - k) // s + 1, {UP}": "the floor of each part",
    f"(n + 2 * p - k // 2) // s + 1, {UP}": "k // 2 where k is meant",
    f"(n + 2 * (k // 2) - k) // s + 1, {UP}": "k // 2 where p is meant",
    f"{DOWN}, s * (n - 1) + k // 2 - 2 * p + more": "k // 2 where k is meant",
    f"{DOWN}, s * (n - 1) + k - 2 * (k // 2) + more": "k // 2 where p is meant",
    f"(n + 2 * (p // 2) - k) // s + 1, {UP}": "p // 2 where p is meant",
    f"(n + p // 2 - k) // s + 1, {UP}": "p // 2 where 2 p is meant",
    f"{DOWN}, s * (n - 1) + k - 2 * (p // 2) + more": "p // 2 where p is meant",
    f"{DOWN}, s * (n - 1) + k - p // 2 + more": "p // 2 where 2 p is meant",
    f"(n - k) // s + 1, {UP}": "the padding is missing",
    f"int((n + 2 * p - k) / s) + 1, {UP}": r"which take one number: use //",
    f"math.floor((n + 2 * p - k) / s) + 1, {UP}": r"which take one number: use //",
    f"round((n + 2 * p - k) / s) + 1, {UP}": "which take one number: use //|to the nearest",
    f"{DOWN}, {UP}, 0": r"returned 3 values\..*a pair: return a, b",
    f"{DOWN},": r"returned 1 values\..*a pair: return a, b",
}


def function(arguments, *lines):
    scope = {"np": np, "math": math}
    exec("\n    ".join([f"def answer({arguments}):", *lines]), scope)
    return scope["answer"]


@pytest.mark.parametrize("seed", [0, 1, 2026])
@pytest.mark.parametrize(("body", "mistake"), WRONG_SIZES.items())
def test_wrong_sizes_are_named(body, mistake, seed):
    answer = function("n, k, s, p, more", f"return {body}")
    with pytest.raises(AssertionError, match=mistake):
        checks.check_convolution_sizes(answer, np.random.default_rng(seed))


def test_another_type_error_of_the_sizes_stays():
    answer = function("n, k, s, p, more", "return n + None")
    with pytest.raises(TypeError, match="NoneType"):
        checks.check_convolution_sizes(answer, np.random.default_rng(0))


LOOPS = """dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            for Y in range(g.shape[2]):
                for X in range(g.shape[3]):
                    row, column = stride * Y + i, stride * X + j
                    dx[:, :, row, column] += g[:, :, Y, X] @ w[:, :, i, j]
                    dw[:, :, i, j] += g[:, :, Y, X].T @ x[:, :, row, column]
    return dx, dw"""
PIXEL = "stride * Y + i, stride * X + j"
INSIDE = "-i, stride * X - j\n                    if row < 0 or column < 0: continue"
FIRST, LAST = ("g[:, :1, Y, X] @ w[:1, :, i, j]", "g[:, -1:, Y, X] @ w[-1:, :, i, j]")
ZEROS = "np.zeros_like(x), np.zeros_like(w)"
WHOLE = "np.zeros(x.shape, int), np.zeros(w.shape, int)"
# (what is replaced, by what, part of the likely mistake); the part [0] is dx, [1] is dw
WRONG_PULLBACKS = {
    "minus": (PIXEL, "stride * Y - i, stride * X - j", "- i where"),
    "minus, inside": (PIXEL, f"stride * Y {INSIDE}", "- i where"),
    "minus, rows": (PIXEL, "stride * Y - i, stride * X + j", r"\(so in the rows\)"),
    "minus, columns": (PIXEL, "stride * Y + i, stride * X - j", "- j where"),
    "dilated": (PIXEL, "Y + stride * i, X + stride * j", "stride multiplies the window's index"),
    "exchanged": (PIXEL, "stride * Y + j, stride * X + i", "i and j are exchanged"),
    "square": ("j in range(w.shape[3])", "j in range(w.shape[2])", "kh steps"),
}
WRONG_DX = WRONG_PULLBACKS | {
    "first channel": ("g[:, :, Y, X] @ w[:, :, i, j]", FIRST, r"channel alone \(the first"),
    "last channel": ("g[:, :, Y, X] @ w[:, :, i, j]", LAST, r"channel alone \(the last"),
    "first image": ("return dx", "dx[1:] = 0\n    return dx", r"image alone \(the first"),
    "last image": ("return dx", "dx[:-1] = 0\n    return dx", r"image alone \(the last"),
    "copy": ("np.zeros_like(x)", "x.copy()", "dx starts from a copy of x"),
    "ones": ("np.zeros_like(x)", "np.ones_like(x)", "dx starts from ones"),
    "integers": ("return dx", "dx = dx.astype(int)\n    return dx", "an integer array"),
    "+= to integers": (ZEROS, WHOLE, "dx or dw starts as an integer array"),
}
WRONG_DW = WRONG_PULLBACKS | {
    "first channel": ("return dx", "dw[1:] = 0\n    return dx", r"channel alone \(the first"),
    "last channel": ("return dx", "dw[:-1] = 0\n    return dx", r"channel alone \(the last"),
    "copy": ("np.zeros_like(w)", "w.copy()", "dw starts from a copy of w"),
    "ones": ("np.zeros_like(w)", "np.ones_like(w)", "dw starts from ones"),
    "integers": ("return dx", "dw = dw.astype(int)\n    return dx", "an integer array"),
}


@pytest.mark.parametrize(
    ("part", "old", "new", "mistake"),
    [
        pytest.param(part, *row, id=f"{name}: {what}")
        for part, (name, table) in enumerate({"dx": WRONG_DX, "dw": WRONG_DW}.items())
        for what, row in table.items()
    ],
)
def test_wrong_pullbacks_are_named(part, old, new, mistake):
    """Each in its own part; the other part is right, so that both are looked at."""
    assert old in LOOPS
    right = function("x, w, g, stride", LOOPS)
    wrong = function("x, w, g, stride", LOOPS.replace(old, new))

    def pullback(*arguments):
        pair = list(right(*arguments))
        pair[part] = wrong(*arguments)[part]
        return pair

    checks.check_convolution_pullback(right, np.random.default_rng(0))
    with pytest.raises(AssertionError, match=rf"Likely mistake: .*{mistake}"):
        checks.check_convolution_pullback(pullback, np.random.default_rng(0))


def test_a_third_value_of_the_pullback_is_refused():
    answer = function("x, w, g, stride", LOOPS.replace("return dx, dw", "return dx, dw, 0"))
    with pytest.raises(AssertionError, match="returned 3 values"):
        checks.check_convolution_pullback(answer, np.random.default_rng(0))


def test_another_type_error_of_the_pullback_stays():
    answer = function("x, w, g, stride", "return x + None")
    with pytest.raises(TypeError, match="NoneType"):
        checks.check_convolution_pullback(answer, np.random.default_rng(0))
