"""log p(x) by annealed importance sampling with Hamiltonian transitions.

Samples of q are led to the posterior along f_t(z) = q(z)^(1 - b_t) p(x, z)^(b_t), with
0 = b_0 < ... < b_T = 1.  Each step weights, then moves by a transition that leaves f_t invariant;
the product of the weights is an unbiased estimate of p(x) however well the transitions mix.
"""

from operator import methodcaller
from typing import NamedTuple

import numpy as np

from bbvi.evaluation.monte_carlo import check_start
from bbvi.inference.hamiltonian import adapted, transition
from bbvi.types import Array, Reparameterizable, Target
from bbvi.validation import as_count, as_steps


class AisEvidence(NamedTuple):
    """log p(x_n) by annealed importance sampling.

    Attributes
    ----------
    value : ndarray (N,)
        Log of the mean weight over the chains, nats: biased downwards by about half its variance.
    standard_error : ndarray (N,)
        By the delta method.
    effective_sample_size : ndarray (N,)
        (sum w)^2 / sum w^2 of the chains.
    acceptance : ndarray (N,)
        Share of accepted transitions; about 0.65 when the step sizes fit.
    """

    value: Array
    standard_error: Array
    effective_sample_size: Array
    acceptance: Array


class _Chains(NamedTuple):
    log_w: Array
    steps: Array
    acceptance: Array


class _Point(NamedTuple):
    """Both ends of the path at z, so that any f_b between them can be had."""

    z: Array
    log_p: Array
    log_q: Array
    log_p_dz: Array
    log_q_dz: Array

    def log_f(self, b: float) -> Array:
        return (1 - b) * self.log_q + b * self.log_p

    def log_f_dz(self, b: float) -> Array:
        return (1 - b) * self.log_q_dz + b * self.log_p_dz


def log_evidence_ais(
    family: Reparameterizable,
    target: Target,
    lam: Array,
    rng: np.random.Generator,
    *,
    num_chains: int = 16,
    num_temperatures: int = 200,
    num_leapfrog: int = 5,
) -> AisEvidence:
    """log p(x) ~ log (1/C) sum_c w_c, log w_c = sum_t (b_t - b_{t-1}) log (p / q)(z_{t-1}).

    Step sizes are tuned for each datapoint and temperature on chains of their own, then held: the
    chains that count are exact.

    Parameters
    ----------
    family, target
        q, reparameterizable, and log p(x, .), differentiable in z.
    lam : ndarray (N, P)
        Where to start: an encoder's answer, or the prior (``family.init(N)`` of a Gaussian) for
        an opinion that does not depend on q.
    rng : numpy Generator
        For chains and their tuning.
    num_chains, num_temperatures, num_leapfrog : int
        C >= 2; T; leapfrog steps per transition.  2 C T (num_leapfrog + 1) evaluations per
        datapoint at most.

    Returns
    -------
    AisEvidence

    Raises
    ------
    TypeError, ValueError
        If a count is too small, lam is not (N, P), finite and of the target's dtype, or rng is no
        Generator.

    Notes
    -----
    Neal (2001), section 2; Wu, Burda, Salakhutdinov and Grosse (2017), section 4, for the schedule
    and Hamiltonian transitions.
    """
    check_start(family, target, lam, rng)
    C = as_count("num_chains", num_chains, minimum=2)
    L = as_steps("num_leapfrog", num_leapfrog)
    b = sigmoid_schedule(as_steps("num_temperatures", num_temperatures))
    draws = family.transform(lam, family.noise(rng, 100, target.num_data, target.dtype))
    scale = draws.std(axis=0)
    start = np.full((len(b) - 1, target.num_data), 0.5 * target.latent_dim**-0.25)
    tuned = _run(family, target, lam, rng, b, L, min(C, 8), scale, start, tune=True)
    chains = _run(family, target, lam, rng, b, L, C, scale, tuned.steps, tune=False)
    highest = chains.log_w.max(axis=0)
    w = np.exp(chains.log_w - highest)
    mean = w.mean(axis=0)
    return AisEvidence(
        highest + np.log(mean),
        w.std(axis=0, ddof=1) / np.sqrt(C) / mean,
        w.sum(axis=0) ** 2 / (w**2).sum(axis=0),
        chains.acceptance,
    )


def sigmoid_schedule(num_temperatures: int, width: float = 4.0) -> Array:
    """0 = b_0 < ... < b_T = 1 (T + 1,): dense at both ends, where f_t changes fastest."""
    s = 1 / (1 + np.exp(-width * np.linspace(-1, 1, num_temperatures + 1)))
    return (s - s[0]) / (s[-1] - s[0])


def _run(
    family: Reparameterizable,
    target: Target,
    lam: Array,
    rng: np.random.Generator,
    b: Array,
    num_leapfrog: int,
    num_chains: int,
    scale: Array,
    steps: Array,
    tune: bool,
) -> _Chains:
    """C chains through all temperatures; with ``tune``, each step size follows from the last."""

    def at(z: Array) -> _Point:
        log_p, log_p_dz = target.value_and_dz(z)
        return _Point(z, log_p, family.log_prob(lam, z), log_p_dz, family.log_prob_dz(lam, z))

    steps = steps.copy()
    eps = family.noise(rng, num_chains, target.num_data, target.dtype)
    point = at(family.transform(lam, eps))
    log_w: Array = np.zeros(point.log_p.shape)
    accepted: Array = np.zeros(target.num_data)
    for t in range(1, len(b)):
        log_w += (b[t] - b[t - 1]) * (point.log_p - point.log_q).astype(np.float64)
        reach = steps[t - 1, :, None].astype(target.dtype) * scale
        point, rate = transition(
            at,
            methodcaller("log_f", float(b[t])),
            methodcaller("log_f_dz", float(b[t])),
            rng,
            point,
            reach,
            num_leapfrog,
        )
        accepted += rate
        if tune:
            steps[t:] = adapted(steps[t - 1], rate)
    return _Chains(log_w, steps, accepted / (len(b) - 1))
