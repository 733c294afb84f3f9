"""Is this black box p_theta(x, z) a model that the package can learn?"""

import copy
import warnings
from typing import Any

import numpy as np

from bbvi.backends import autodiff
from bbvi.checks.draws import check_draws, directions
from bbvi.checks.mistakes import CheckFailedError, fail, place_of, require_close, without_frames
from bbvi.checks.statistics import nearest_slope, same
from bbvi.nets import astype
from bbvi.types import Array, Theta
from bbvi.validation import as_count, check_members, check_rng


@without_frames
def check_model(
    model: Any,
    rng: np.random.Generator,
    *,
    theta: Theta | None = None,
    num_data: int = 4,
    num_samples: int = 3,
    num_draws: int = 4096,
) -> None:
    """Check that ``init``, ``log_joint`` and ``sample`` are one consistent model.

    1. ``init`` returns a dict of finite float arrays, ``sample`` returns x (num, Dx), z (num, D).
    2. ``log_joint`` returns (S, N), finite; entry (s, n) depends on x_n and z_sn only.
    3. float32 stays float32; no argument is changed; there is no hidden randomness.
    4. Autograd's gradients in z and theta are finite and equal difference quotients.
    5. ``sample`` draws from exp(``log_joint``): moving theta, z or the scale of z by t leaves
       E[p_t(x, z) / p(x, z)] = 1, and the share of draws in a region is its probability.
    6. exp(``log_joint``) integrates to 1, over z and all columns of x but ``given_columns``: by
       draws of the model and of a density fitted to them (`bbvi.checks.normalizers`).  Where no
       such density comes near the draws, `UncheckedWarning` says that this was not checked.

    Requires
    --------
    ``log_joint`` in autograd.numpy, and a theta that may take any real value.  Real latents may
    be moved; whole-number ones are held fixed in 5, and positive ones are only rescaled.

    Parameters
    ----------
    model : Model
        The black box.
    rng : numpy Generator
        Source of theta and of the draws.
    theta : dict, optional
        Where to check; by default near ``model.init(rng)``.
    num_data, num_samples : int
        N and S of the exact comparisons.  Leave them different, so that swapped axes show.
    num_draws : int
        Draws of (x, z) behind the statistical comparisons (five standard errors).

    Raises
    ------
    AssertionError
        With the property that failed and the likely mistake.
    TypeError
        If model or rng is not what it is to be.

    Notes
    -----
    The identities of 5 are those behind the log-derivative trick (Ermon/Grover notes, "Gradient
    estimation"): the integral of a density does not depend on its parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import LinearGaussian, checks
    >>> checks.check_model(LinearGaussian(2, 3), np.random.default_rng(0))
    """
    check_members(
        "model", model, ("latent_dim", "init", "log_joint", "sample"), "LinearGaussian(2, 3)"
    )
    check_rng(rng)
    as_count("num_draws", num_draws, minimum=1024)
    theta = _check_init(model, rng) if theta is None else theta
    theta_before = copy.deepcopy(theta)
    x, z = _check_sample(model, rng, theta, num_data * num_samples)
    x, z = x[:num_data], z.reshape(num_samples, num_data, -1)
    before = copy.deepcopy((x, z))
    _check_values(model, theta, x, z)
    if not same((theta_before, *before), (theta, x, z)):
        fail(
            "log_joint or sample changed its arguments.",
            "an in-place operation (+=, out=, item assignment) on theta, x or z",
        )
    _check_gradients(model, rng, theta, x, z)
    _check_single_precision(model, theta, x, z)
    try:
        check_draws(model, rng, theta, num_draws)
    except AssertionError:
        # A heavy tail can pretend a mistake once; a mistake shows again, in more draws.
        check_draws(model, rng, theta, 4 * num_draws)


def _check_init(model: Any, rng: np.random.Generator) -> Theta:
    """init's dict; then a point near it, because 0 and 1 hide mistakes."""
    theta = model.init(rng)
    if not isinstance(theta, dict):
        fail(
            f"init returned {type(theta).__name__}, not a dict of arrays.",
            "a tuple or record, which autograd cannot differentiate by name",
        )
    for key, value in theta.items():
        if not isinstance(value, np.ndarray | np.floating) or value.dtype.kind != "f":
            fail(
                f"theta[{key!r}] is {type(value).__name__} {getattr(value, 'dtype', '')}; expected "
                "a float array.",
                "whole numbers or lists, which have no gradient: use np.zeros(...)",
            )
        if not np.isfinite(value).all():
            fail(f"theta[{key!r}] has NaN or infinite values.", "a scale of 0 or its log in init")
    return {key: value + 0.1 * rng.standard_normal(value.shape) for key, value in theta.items()}


def _check_sample(
    model: Any, rng: np.random.Generator, theta: Theta, num: int
) -> tuple[Array, Array]:
    again = copy.deepcopy(rng)
    x, z = model.sample(rng, theta, num)
    shapes = f"sample returned shapes {np.shape(x)} and {np.shape(z)}"
    if np.ndim(x) != 2 or np.shape(z) != (num, model.latent_dim) or len(x) != num:
        swapped = np.shape(x) == (num, model.latent_dim) and np.ndim(z) == 2
        fail(
            f"{shapes}; expected x (num, Dx), then z (num, D) with num = {num}, "
            f"D = latent_dim = {model.latent_dim}.",
            "z was returned before x" if swapped else "one draw instead of num, or a squeezed axis",
        )
    if not (np.isfinite(x).all() and np.isfinite(z).all()):
        fail("sample drew NaN or infinite values.", "a negative variance or an overflow in exp")
    if not same((x, z), model.sample(again, theta, num)):
        fail(
            "sample gave other draws for the same state of rng.",
            "hidden randomness: draw with the rng that is passed in, not with np.random",
        )
    return x, z


def _check_values(model: Any, theta: Theta, x: Array, z: Array) -> None:
    try:
        log_p = autodiff.unchecked_target(model, theta, x).value(z)
    except ValueError as error:
        raise CheckFailedError(f"log_joint failed: {error}{place_of(error)}") from None
    if not np.isfinite(log_p).all():
        fail(
            "log_joint is NaN or infinite at the model's own draws.",
            "log of a density that underflows to 0 (work with logs), or sigma for log sigma",
        )
    if not np.array_equal(log_p, autodiff.unchecked_target(model, theta, x).value(z)):
        fail("log_joint gave two answers for one (x, z).", "hidden randomness in log_joint")
    for s, n in np.ndindex(*log_p.shape):
        one = autodiff.unchecked_target(model, theta, x[n : n + 1])
        alone = one.value(z[s : s + 1, n : n + 1])[0, 0]
        require_close(
            f"log_joint rows interact: datapoint {n}, sample {s}, alone and within the batch",
            log_p[s, n],
            alone,
            1e-9 * (1 + abs(alone)),
            otherwise="a sum or mean over the wrong axis (use axis=-1), or statistics of the batch",
        )


def _check_gradients(
    model: Any, rng: np.random.Generator, theta: Theta, x: Array, z: Array, step: float = 1e-6
) -> None:
    target = autodiff.unchecked_target(model, theta, x)
    dtheta: Any
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            _, dz, dtheta = target.value_and_grads(z)
    except Exception as error:
        fail(
            f"log_joint could not be differentiated ({type(error).__name__}: {error})"
            f"{place_of(error)}.",
            "plain numpy or scipy instead of autograd.numpy, item assignment, float(...), "
            "or a log_joint that ignores theta or z",
        )
    scale = 1 + float(np.abs(target.value(z)).max())
    for d in range(z.shape[-1]):
        unit = np.eye(z.shape[-1])[d]

        def along(t: float, unit: Array = unit) -> Array:
            return target.value(z + t * unit)

        slope = nearest_slope(dz[..., d], along, step)
        what = f"d log_joint / dz differs from difference quotients in latent {d}"
        limit = 1e-5 * (scale + np.abs(slope))
        require_close(what, dz[..., d], slope, limit, otherwise=_NOT_SMOOTH)
    for key, direction in directions(rng, theta).items():

        def total(t: float, key: str = key, direction: Array = direction) -> Array:
            moved = {**theta, key: theta[key] + t * direction}
            return autodiff.unchecked_target(model, moved, x).value(z).mean(axis=0).sum()

        derivative = np.sum(dtheta[key] * direction)
        slope = nearest_slope(derivative, total, step)
        what = f"d log_joint / d theta[{key!r}] differs from difference quotients"
        margin = 1e-5 * (scale * len(x) + abs(slope))
        require_close(what, derivative, slope, margin, otherwise=_NOT_SMOOTH)


_NOT_SMOOTH = (
    "a step (round, floor, >), a value taken out of autograd (getval, np.array), or a "
    "gradient written by hand"
)


def _check_single_precision(model: Any, theta: Theta, x: Array, z: Array) -> None:
    single = np.float32
    exact = autodiff.unchecked_target(model, theta, x).value(z)
    target = autodiff.unchecked_target(model, astype(theta, single), x.astype(single))
    dtheta: Any
    log_p, dz, dtheta = target.value_and_grads(z.astype(single))
    named = {"log_joint": log_p, "d/dz": dz} | {f"d/d{key}": g for key, g in dtheta.items()}
    for name, value in named.items():
        if np.asarray(value).dtype != single:
            fail(
                f"{name} is {np.asarray(value).dtype} although theta, x and z are float32.",
                "a NumPy float64 in the formula, such as np.log(2 * np.pi): use math.log or "
                "float(...), and dtype=z.dtype for arrays",
            )
    limit = 1e-3 * (1 + np.abs(exact))
    cause = "a formula that cancels large numbers: use log-sum-exp, or softplus"
    require_close("log_joint loses its digits in float32", log_p, exact, limit, otherwise=cause)
