r"""log p(x) by quadrature, for D = 1 or 2.

The integrand p(x, z) is smooth and dies out in all directions, and for such an integrand the
trapezoidal rule on a box that holds all its mass converges faster than any power of the step
(Trefethen and Weideman 2014, section 5): half the spacing about doubles the correct digits.
Posteriors of a learned model are often narrow, bent or have several modes, so the box is found
for each datapoint by looking, not by a Gaussian approximation:

1. on a coarse grid over a wide box, keep the nodes whose log joint is within 25 nats of the
   largest (each of the others holds less than exp(-25) of the mass at the peak);
2. shrink the box to those nodes and one spacing more, or grow it where they reach its border, each
   time by twice as much, and look again until it stays; what a finer grid has seen, a coarser one
   does not cut off again;
3. sum the trapezoids, and halve each datapoint's spacing until its answer stays.  The old nodes
   are among the new ones, whose sum alone is added.

A mode much narrower than the coarse grid's spacing can fall between its nodes and be lost, which
no halving shows: standard deviations below about 0.002 for D = 1 and 0.04 for D = 2.  So can a mode
outside the first box, [-8, 8]^D, where the mass in the box does not reach its border.
"""

from typing import NamedTuple

import numpy as np

from bbvi import backends
from bbvi.logs import log_sum_exp
from bbvi.nets import astype
from bbvi.types import Array, Model, Target, Theta
from bbvi.validation import as_count, as_float_array, check_members, check_theta

NEGLIGIBLE = 25.0
COARSE_NODES, EDGE_NODES = 1600, 400
"""Nodes of the coarse grid, in all dimensions together, and on each edge of a box for D = 2, where
a narrow ridge leaves it."""
WIDTH = 8.0
"""Half the width of the first box."""
MAX_ROUNDS, FARTHEST = 100, 1e12
"""Looks at a row's box, and a distance at which its mass is no longer searched for: a density that
does not fall off has mass at every border."""
UNRESOLVED = 0.1
"""Nats: a sum that changes by more when its spacing is halved says nothing of its own error."""
BESIDE = 1.0
"""Nats that a sum's best node may be below the best of all looks: else it has missed a peak."""
OUTWARDS = np.array([-1.0, 1.0])[:, None, None]
_ROWS = 2**16


class QuadratureEvidence(NamedTuple):
    """log p(x_n) by quadrature.

    Attributes
    ----------
    value : ndarray (N,)
        Nats; NaN where no box was found that holds all the mass, as of a log joint that is not a
        density in z.
    error : ndarray (N,)
        Change of the value when the datapoint's spacing was last halved: larger, in practice,
        than the error that is left.  Infinite where the value is NaN, where it has not come near
        the tolerance (one of the last two changes was above 0.1 nats), and where the nodes have
        missed a peak.
    nodes : ndarray of int (N,)
        Nodes per latent dimension in the end.
    """

    value: Array
    error: Array
    nodes: Array


def log_evidence_quadrature(
    model: Model,
    theta: Theta,
    x: Array,
    *,
    tolerance: float = 1e-6,
    max_nodes: int = 1024,
    backend: str = "auto",
) -> QuadratureEvidence:
    """log p(x) = log of the integral of p(x, z) over z, by the trapezoidal rule on adapted boxes.

    Everything is computed in float64, whatever the dtype of theta and x.

    Parameters
    ----------
    model, theta
        p_theta(x, z), with latent dimension 1 or 2 and a density that is smooth in z.
    x : ndarray (N, Dx)
        Data.
    tolerance : float
        Halve a datapoint's spacing until its value changes by no more than this (nats).
    max_nodes : int
        Stop before there are more nodes per dimension; ``error`` then tells how far it got.
    backend : {"auto", "kernel", "autodiff"}
        As for `bbvi.fit_bbvi`.

    Returns
    -------
    QuadratureEvidence

    Raises
    ------
    TypeError, ValueError
        If the latent dimension is above 2, the tolerance is not above 0, or x or theta is not as
        a back end expects it.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import LinearGaussian
    >>> model = LinearGaussian(latent_dim=2, observed_dim=3)
    >>> theta = model.init(np.random.default_rng(0))
    >>> x, _ = model.sample(np.random.default_rng(1), theta, num=4)
    >>> evidence = log_evidence_quadrature(model, theta, x)
    >>> bool(np.abs(evidence.value - model.log_evidence(theta, x)).max() < 1e-9)
    True
    """
    check_members("model", model, ("latent_dim", "log_joint"), "LinearGaussian(2, 4)")
    if model.latent_dim > 2:
        raise ValueError(
            f"model has latent_dim {model.latent_dim}; quadrature is for 1 or 2. "
            "Use log_evidence_is for more dimensions."
        )
    if not tolerance > 0:
        raise ValueError(f"tolerance is {tolerance}; expected nats above 0, e.g. 1e-6.")
    as_count("max_nodes", max_nodes, minimum=32)
    check_theta(theta)
    x = as_float_array("x", x, ndim=2).astype(np.float64)
    theta = astype(theta, np.float64)
    low, high, highest, bounded = _boxes(model, theta, x, WIDTH, backend)
    nodes = np.full(len(x), 32)
    value, peak = np.full((2, len(x)), np.nan)
    error, before = np.full((2, len(x)), np.inf)
    missed = bounded.copy()
    if bounded.any():
        target = backends.target(model, theta, x[bounded], backend)
        value[bounded], peak[bounded] = trapezoids(target, low[bounded], high[bounded], 32)
    while (rows := np.flatnonzero(missed & (2 * nodes - 1 <= max_nodes))).size:
        target = backends.target(model, theta, x[rows], backend)
        old = Trapezoids(value[rows], peak[rows])
        finer = halve_spacing(old, target, low[rows], high[rows], nodes[rows[0]])
        nodes[rows] = 2 * nodes[rows] - 1
        before[rows], error[rows] = error[rows], np.abs(finer.value - old.value)
        value[rows], peak[rows] = finer
        missed[rows] = (error[rows] > tolerance) | (peak[rows] < highest[rows] - BESIDE)
    # Sums that are far off agree by chance, too, but seldom twice.
    guessed = (error > tolerance) & (np.maximum(error, before) > UNRESOLVED)
    error[guessed | (peak < highest - BESIDE)] = np.inf
    return QuadratureEvidence(value, error, nodes)


def find_boxes(
    model: Model, theta: Theta, x: Array, width: float = WIDTH, backend: str = "auto"
) -> tuple[Array, Array]:
    """Corners low, high (N, D) of a box around each datapoint's posterior mass.

    The first box is [-width, width]^D, and it grows where there is mass at its border.
    """
    low, high, *_ = _boxes(model, theta, x, width, backend)
    return low, high


def _boxes(
    model: Model, theta: Theta, x: Array, width: float, backend: str
) -> tuple[Array, Array, Array, Array]:
    """The corners, the largest log joint seen (N,), and whether a box has all of its mass (N,)."""
    box = np.full((2, len(x), model.latent_dim), float(width))
    box[0] *= -1
    seen = _Seen(np.full(len(x), -np.inf), np.zeros(box.shape), np.full(box.shape, -np.inf))
    # What a side grows by: twice as much each time in a row, so that far mass is reached soon, and
    # half of what was last cut off.
    reach = np.full(box.shape, 2.0 * width)
    moving, bounded = np.arange(len(x)), np.full(len(x), True)
    nodes = round(COARSE_NODES ** (1 / model.latent_dim))
    for _ in range(MAX_ROUNDS):
        target = backends.target(model, theta, x[moving], backend)
        old = box[:, moving]
        spacing = (old[1] - old[0]) / (nodes - 1)
        at = _look(target, old, nodes, _Seen(seen.best[moving], *(a[:, moving] for a in seen[1:])))
        seen.best[moving], seen.hull[:, moving], seen.height[:, moving] = at
        hull = at.hull
        beyond = np.stack([hull[0] < old[0] + 0.5 * spacing, hull[1] > old[1] - 0.5 * spacing])
        new = hull + OUTWARDS * np.where(beyond, reach[:, moving], spacing)
        near = (np.abs(new) < FARTHEST).all(axis=(0, 2))
        box[:, moving[near]] = new[:, near]
        cut = np.abs(new - old)
        reach[:, moving] = np.where(beyond, 2 * reach[:, moving], np.maximum(0.5 * cut, spacing))
        bounded[moving] = near & ~beyond.any(axis=(0, 2))
        shrunk = (new[1] - new[0]) < 0.9 * (old[1] - old[0])
        moving = moving[near & (shrunk | beyond.any(axis=0)).any(axis=1)]
        if not len(moving):
            break
    return box[0], box[1], seen.best, bounded


class _Seen(NamedTuple):
    """What the looks at each row's box have found.

    Attributes
    ----------
    best : ndarray (N,)
        The largest log joint.
    hull, height : ndarray (2, N, D)
        The lowest and the highest coordinate of a node that counts, and its log joint.  A wider
        and coarser grid can miss the ends of a narrow bent ridge that a finer one has seen: they
        stay, as long as they count beside the best.
    """

    best: Array
    hull: Array
    height: Array


def grid(low: Array, high: Array, nodes: int) -> Array:
    """Nodes of a regular grid on each box: (nodes^D, N, D)."""
    unit = np.linspace(0, 1, nodes)
    axes = np.meshgrid(*[unit] * low.shape[1], indexing="ij")
    return low + (high - low) * np.stack([axis.ravel() for axis in axes], axis=-1)[:, None, :]


def edges(low: Array, high: Array, nodes: int) -> Array:
    """Nodes on the four edges of each box of two dimensions: (4 nodes, N, 2)."""
    along = np.linspace(0, 1, nodes)
    sides = [np.stack([along, np.full(nodes, end)], axis=-1) for end in (0.0, 1.0)]
    unit = np.concatenate([*sides, *(side[:, ::-1] for side in sides)])
    return low + (high - low) * unit[:, None, :]


class Trapezoids(NamedTuple):
    """Log of the trapezoidal sum (N,), and the largest log joint of its nodes (N,)."""

    value: Array
    peak: Array


def trapezoids(target: Target, low: Array, high: Array, nodes: int) -> Trapezoids:
    """The sum on a grid of each box.

    The weights of the end nodes do not matter, for the integrand has died out there.
    """
    log_p = _log_joint(target, grid(low, high, nodes))
    log_cell = np.log((high - low) / (nodes - 1)).sum(axis=1)
    return Trapezoids(log_sum_exp(log_p) + log_cell, log_p.max(axis=0))


def halve_spacing(
    coarse: Trapezoids, target: Target, low: Array, high: Array, nodes: int
) -> Trapezoids:
    """T(h / 2) = T(h) / 2^D + (h / 2)^D sum over the nodes between, from log T(h).

    ``nodes`` in each dimension made T(h); T(h / 2) has 2 nodes - 1.
    """
    finer = 2 * nodes - 1
    odd = np.indices((finer,) * low.shape[1]) % 2 == 1
    between = grid(low, high, finer)[odd.any(axis=0).ravel()]
    log_cell = np.log((high - low) / (finer - 1))
    log_p = _log_joint(target, between)
    added = log_sum_exp(log_p) + log_cell.sum(axis=1)
    return Trapezoids(
        np.logaddexp(coarse.value - low.shape[1] * np.log(2), added),
        np.maximum(coarse.peak, log_p.max(axis=0)),
    )


def _log_joint(target: Target, z: Array) -> Array:
    part = max(1, _ROWS // target.num_data)
    return np.concatenate([target.value(z[i : i + part]) for i in range(0, len(z), part)])


def _look(target: Target, box: Array, nodes: int, seen: _Seen) -> _Seen:
    """What a grid on the box adds to what was seen before."""
    low, high = box
    z = grid(low, high, nodes)
    if z.shape[2] == 2:
        z = np.concatenate([z, edges(low, high, EDGE_NODES)])
    log_p = _log_joint(target, z)
    best = np.maximum(seen.best, log_p.max(axis=0))
    counts = (log_p > best - NEGLIGIBLE)[:, :, None]
    hull = np.stack([np.where(counts, z, np.inf).min(0), np.where(counts, z, -np.inf).max(0)])
    height = np.where(z == hull[:, None], log_p[:, :, None], -np.inf).max(axis=1)
    farther = OUTWARDS * (seen.hull - hull) > 0
    kept = farther & (seen.height > best[:, None] - NEGLIGIBLE)
    return _Seen(best, np.where(kept, seen.hull, hull), np.where(kept, seen.height, height))
