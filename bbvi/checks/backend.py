"""Does a back end compute what autograd computes?"""

import copy
from collections.abc import Collection
from typing import Any

import numpy as np

from bbvi.backends import autodiff, kernel
from bbvi.checks.mistakes import Suspect, fail, require_close, without_frames
from bbvi.checks.statistics import same
from bbvi.nets import astype
from bbvi.targets import hold_theta
from bbvi.types import Array, Target, Theta
from bbvi.validation import as_count, check_members, check_rng

SIZES = ((1, 1), (1, 4), (5, 1), (3, 4))
PRECISION = {np.float64: 1e-10, np.float32: 1e-4}


@without_frames
def check_backends(
    model: Any,
    rng: np.random.Generator,
    *,
    theta: Theta | None = None,
    candidate: Any = kernel,
    reference: Any = autodiff,
    sizes: tuple[tuple[int, int], ...] = SIZES,
) -> None:
    """Check that two back ends give the same values and gradients of one model.

    All four functions of the Target are compared, with weights and without, in float64 (relative
    difference 1e-10) and float32 (1e-4 from the float64 answer): shared inputs are compared by
    equality, where statistics would hide a small mistake.

    Parameters
    ----------
    model : Model
        A model that both back ends support.
    rng : numpy Generator
        Source of theta, x, z and the weights.
    theta : dict, optional
        Where to check; by default near ``model.init(rng)``.
    candidate, reference : module or object with ``target(model, theta, x)``
        The back end under test, and the one that it is held to.
    sizes : tuple of (S, N)
        Numbers of samples and datapoints.

    Raises
    ------
    AssertionError
        With the function and array that differ and the likely mistake.
    TypeError, ValueError
        If model, rng or sizes is not what it is to be.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import LinearGaussian, checks
    >>> checks.check_backends(LinearGaussian(2, 3), np.random.default_rng(0))
    """
    check_members("model", model, ("latent_dim", "log_joint", "sample"), "LinearGaussian(2, 3)")
    check_rng(rng)
    _check_sizes(sizes)
    if theta is None:
        theta = {k: v + 0.1 * rng.standard_normal(v.shape) for k, v in model.init(rng).items()}
    for S, N in sizes:
        x, z = (np.asarray(a, dtype=np.float64) for a in model.sample(rng, theta, S * N))
        x, z = x[:N], z.reshape(S, N, -1)
        weights = rng.uniform(-1, 1, size=(S, N))
        truth = _answers(reference.target(model, theta, x), z, weights)
        for dtype, precision in PRECISION.items():
            inputs = (astype(theta, dtype), x.astype(dtype), z.astype(dtype), weights.astype(dtype))
            before = copy.deepcopy(inputs)
            target = candidate.target(model, *inputs[:2])
            actual = _answers(target, *inputs[2:])
            _check_record(target, reference.target(model, theta, x), dtype)
            _compare(actual, truth, dtype, precision, f"S = {S}, N = {N}", len(x))
            if not same(before, inputs):
                fail("The back end changed theta, x, z or the weights.", "an out= into an argument")


def _answers(target: Target, z: Array, weights: Array) -> dict[str, Array]:
    """Everything a Target can be asked, by name."""
    answers = {"value": target.value(z)}
    answers["value_and_dz: log p"], answers["value_and_dz: d/dz"] = target.value_and_dz(z)
    for name, given in (("", None), (" (weights)", weights)):
        log_p, dtheta = target.value_and_dtheta(z, given)
        answers[f"value_and_dtheta{name}: log p"] = log_p
        answers |= _by_key(f"value_and_dtheta{name}", dtheta)
        log_p, dz, dtheta = target.value_and_grads(z, given)
        answers[f"value_and_grads{name}: log p"] = log_p
        answers[f"value_and_grads{name}: d/dz"] = dz
        answers |= _by_key(f"value_and_grads{name}", dtheta)
    answers["hold_theta: d/dz"] = hold_theta(target).value_and_grads(z)[1]
    return {name: np.array(value) for name, value in answers.items()}


def _check_sizes(sizes: Any) -> None:
    """Raise unless there is something to compare: pairs (S, N) of whole numbers >= 1."""
    if isinstance(sizes, str) or not isinstance(sizes, Collection) or len(sizes) == 0:
        raise ValueError(
            f"sizes is {sizes!r}; expected pairs (S, N), at least one: ((1, 4), (3, 4)). Nothing "
            "would be compared."
        )
    for pair in sizes:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ValueError(f"sizes holds {pair!r}; expected pairs (S, N) such as (3, 4).")
        as_count("S of sizes", pair[0])
        as_count("N of sizes", pair[1])


def _by_key(name: str, dtheta: Theta | None) -> dict[str, Array]:
    return {f"{name}: d/d theta[{key!r}]": value for key, value in (dtheta or {}).items()}


def _check_record(target: Target, reference: Target, dtype: Any) -> None:
    for name in ("num_data", "latent_dim", "standard_normal_prior"):
        actual, expected = getattr(target, name), getattr(reference, name)
        if actual != expected:
            fail(f"target.{name} is {actual}; expected {expected}.", "a field of Target left out")
    if target.dtype != dtype:
        fail(f"target.dtype is {target.dtype}; expected {np.dtype(dtype)}.", "not x's dtype")


def _compare(
    actual: dict[str, Array],
    truth: dict[str, Array],
    dtype: Any,
    precision: float,
    sizes: str,
    N: int,
) -> None:
    if set(actual) != set(truth):
        fail(
            f"The answers differ in {sorted(set(actual) ^ set(truth))}.",
            "a parameter of theta without a gradient, or one too many",
        )
    for name, expected in truth.items():
        value = actual[name]
        where = f"{name} at {sizes}, {np.dtype(dtype)}"
        if value.shape != expected.shape:
            fail(
                f"{where} has shape {value.shape}; expected {expected.shape}.",
                "a sum over the wrong axis, or an axis of length 1 squeezed away",
            )
        if value.dtype != dtype:
            fail(f"{where} is {value.dtype}.", "a NumPy float64 scalar or array in the formula")
        limit = precision * (1 + float(np.abs(expected).max()))
        averaged = Suspect("averaged over the datapoints instead of summed", expected / N)
        cause = "a dropped term, a transposed matrix, or a derivative of another activation"
        require_close(where, value, expected, limit, [averaged], otherwise=cause)
