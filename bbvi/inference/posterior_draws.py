"""Draws of the posterior of every datapoint, by Hamiltonian Monte Carlo at fixed theta."""

from typing import Any, NamedTuple

import numpy as np

from bbvi.inference.hamiltonian import adapted, transition
from bbvi.types import Array, Target

LONGEST_MEMORY = 50
"""Visits that the running moments of a row's chains reach back.  Chains whose step sizes depend on
where they were of late are not invariant; the longer the memory, the less they depend."""


class Chains(NamedTuple):
    """The Markov chains of each datapoint: S states, and what was learnt of their scale.

    Attributes
    ----------
    z : ndarray (N, S, D)
        Where the chains are.
    mean, square : ndarray (N, D)
        Running means of z and z^2.
    step : ndarray (N, 1)
        Step size, in standard deviations of z.
    acceptance : ndarray (N, 1)
        Running mean of the acceptance probability.
    visits : ndarray (N, 1)
        How often the row was in a minibatch.
    """

    z: Array
    mean: Array
    square: Array
    step: Array
    acceptance: Array
    visits: Array

    def moments(self) -> tuple[Array, Array]:
        """Mean and variance (N, D) of z by the running means; 0 and 1 before the first visit."""
        variance = np.maximum(self.square - self.mean**2, 1e-6)
        return self.mean, np.where(self.visits > 0, variance, 1).astype(self.mean.dtype)


class _Point(NamedTuple):
    """All that is known at z: log p(x, z) (S, N) and its derivative (S, N, D)."""

    z: Array
    log_p: Array
    dz: Array


def sample_posterior(
    target: Target,
    chains: Chains,
    rng: np.random.Generator,
    num_transitions: int,
    num_leapfrog: int = 10,
    adapt: int = 0,
) -> Chains:
    """Move all chains of a target's rows by Hamiltonian transitions, at fixed theta.

    Parameters
    ----------
    target : Target
        log p_theta(x, .) of N rows, differentiable in z.
    chains : Chains
        Of the same rows; begin with `start_chains`.
    rng : numpy Generator
        For the transitions.
    num_transitions, num_leapfrog : int
        Transitions, and leapfrog steps of each.
    adapt : int
        Step sizes follow the acceptance during a row's first ``adapt`` visits, then with a gain
        that falls as (adapt / visits)^0.6; with 0 they are held.

    Returns
    -------
    Chains

    Notes
    -----
    Neal (2011), section 3.  Step sizes are in units of each z_d's standard deviation, as the
    chains have seen it.
    """

    def at(z: Array) -> _Point:
        return _Point(z, *target.value_and_dz(z))

    _, variance = chains.moments()
    scale, step = np.sqrt(variance), chains.step
    gain = 0.3 * np.minimum(1, (adapt / np.maximum(chains.visits, 1)) ** 0.6)
    point = at(np.ascontiguousarray(np.swapaxes(chains.z, 0, 1)))
    mean, square = np.zeros_like(chains.mean), np.zeros_like(chains.mean)
    accepted = np.zeros_like(chains.acceptance)
    for _ in range(num_transitions):
        # A path of fixed length may be whole half-turns of a Gaussian, whose radius then never
        # changes: lengths are drawn anew, +-20 %, for every row.
        length = (step * rng.uniform(0.8, 1.2, step.shape) * scale).astype(point.z.dtype)
        point, rate = transition(
            at, lambda p: p.log_p, lambda p: p.dz, rng, point, length, num_leapfrog
        )
        step = adapted(step, rate[:, None], gain)
        mean = mean + point.z.mean(axis=0) / num_transitions
        square = square + (point.z**2).mean(axis=0) / num_transitions
        accepted = accepted + rate[:, None] / num_transitions
    share = (1 / np.minimum(chains.visits + 1, LONGEST_MEMORY)).astype(point.z.dtype)
    return Chains(
        np.ascontiguousarray(np.swapaxes(point.z, 0, 1)),
        chains.mean + share * (mean - chains.mean),
        chains.square + share * (square - chains.square),
        step.astype(chains.step.dtype),
        chains.acceptance + share * (accepted - chains.acceptance),
        chains.visits + 1,
    )


def start_chains(
    rng: np.random.Generator, num_data: int, num_chains: int, latent_dim: int, dtype: Any
) -> Chains:
    """S chains of each of N rows, at draws of N(0, I); the step size suits N(0, I) too."""
    z = np.asarray(rng.standard_normal((num_data, num_chains, latent_dim)), dtype)
    zero, nothing = np.zeros((num_data, latent_dim), dtype), np.zeros((num_data, 1), dtype)
    step = nothing + 0.5 * latent_dim**-0.25
    visits = np.zeros((num_data, 1), np.int64)
    return Chains(z, zero, zero.copy(), step.astype(dtype), nothing, visits)
