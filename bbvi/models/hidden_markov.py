"""A hidden Markov model with Gaussian emissions, and its exact answers.

These raise TypeError or ValueError if x is not a finite float array (N, T), or theta is not of the
model.
"""

from dataclasses import dataclass
from typing import NamedTuple

import autograd.numpy as anp
import numpy as np
from autograd.scipy.special import logsumexp

from bbvi.logs import LOG_2PI
from bbvi.nets import dtype_of
from bbvi.types import Array, Theta
from bbvi.validation import as_count, check_entries, check_inputs, check_pair, check_width


class ChainPosterior(NamedTuple):
    """p(z | x), itself a Markov chain, with its marginals.

    Attributes
    ----------
    initial : ndarray (N, K)
        p(z_1 | x).
    transition : ndarray (N, T - 1, K, K)
        p(z_{t+1} = j | z_t = i, x) at [n, t, i, j].
    marginals : ndarray (N, T, K)
        p(z_t | x).
    """

    initial: Array
    transition: Array
    marginals: Array


@dataclass(frozen=True)
class HiddenMarkovModel:
    """z_1 ~ pi, z_t | z_{t-1} ~ A[z_{t-1}], x_t | z_t ~ N(m[z_t], s[z_t]^2).

    A datapoint is a whole sequence: x is (N, T), and z (S, N, T K) holds the states one-hot, step
    after step, as the `Categorical` family draws them.  theta = {"initial": (K,), "transition":
    (K, K), "mean": (K,), "log_scale": (K,)}, with pi = softmax(initial) and A = softmax of each
    row of transition.

    Parameters
    ----------
    num_states, num_steps : int
        K and T.

    Notes
    -----
    Rabiner (1989), "A tutorial on hidden Markov models", section III; named by the Ermon/Grover
    notes, "Representation", as a model with structured latents.

    Examples
    --------
    >>> import numpy as np
    >>> model = HiddenMarkovModel(num_states=2, num_steps=4)
    >>> theta = model.init(np.random.default_rng(0))
    >>> x, z = model.sample(np.random.default_rng(1), theta, num=3)
    >>> model.log_joint(theta, x, z[None]).shape, model.log_evidence(theta, x).shape
    ((1, 3), (3,))
    """

    num_states: int
    num_steps: int

    def __post_init__(self) -> None:
        as_count("num_states", self.num_states)
        as_count("num_steps", self.num_steps)

    @property
    def latent_dim(self) -> int:
        """D = T K: one one-hot state per step."""
        return self.num_steps * self.num_states

    def init(self, rng: np.random.Generator) -> Theta:
        """States that are kept with odds 4 : 1, and emission means drawn from N(0, 2^2)."""
        K = self.num_states
        return {
            "initial": np.zeros(K),
            "transition": np.log(4.0) * np.eye(K),
            "mean": 2 * rng.standard_normal(K),
            "log_scale": np.zeros(K),
        }

    def log_initial(self, theta: Theta) -> Array:
        """log pi: (K,)."""
        return theta["initial"] - logsumexp(theta["initial"])

    def log_transition(self, theta: Theta) -> Array:
        """log A: (K, K), each row the logs of a distribution."""
        return theta["transition"] - logsumexp(theta["transition"], axis=1, keepdims=True)

    def log_emission(self, theta: Theta, x: Array) -> Array:
        """log N(x_t; m_k, s_k^2): x (N, T) -> (N, T, K)."""
        standardized = (x[:, :, None] - theta["mean"]) * anp.exp(-theta["log_scale"])
        return -0.5 * (standardized**2 + LOG_2PI) - theta["log_scale"]

    def log_joint(self, theta: Theta, x: Array, z: Array) -> Array:
        """log pi[z_1] + sum_t log A[z_{t-1}, z_t] + sum_t log N(x_t; m[z_t], s[z_t]^2): (S, N).

        Linear in each step's one-hot state, so that relaxed z are accepted too.
        """
        moves, emissions = self._terms(theta, x, z)
        return anp.sum(moves, axis=-1) + anp.sum(emissions, axis=-1)

    def log_joint_blankets(self, theta: Theta, x: Array, z: Array) -> Array:
        """log A[z_{t-1}, z_t] + log A[z_t, z_{t+1}] + log N(x_t; ...), for each step: (S, N, T).

        The terms of ``log_joint`` that contain z_t, its Markov blanket; see
        `bbvi.estimators.rao_blackwellized`.
        """
        moves, emissions = self._terms(theta, x, z)
        next_moves = anp.concatenate([moves[..., 1:], np.zeros_like(moves[..., :1])], axis=-1)
        return moves + next_moves + emissions

    def _terms(self, theta: Theta, x: Array, z: Array) -> tuple[Array, Array]:
        """log A[z_{t-1}, z_t], with log pi[z_1] first, and log N(x_t; ...): each (S, N, T)."""
        K = self.num_states
        shapes = {"initial": (K,), "transition": (K, K), "mean": (K,), "log_scale": (K,)}
        check_pair(self, x, z, self.num_steps, theta, **shapes)
        h = anp.reshape(z, (*z.shape[:2], self.num_steps, self.num_states))
        first = anp.sum(h[:, :, :1] * self.log_initial(theta), axis=-1)
        moves = anp.sum(anp.dot(h[:, :, :-1], self.log_transition(theta)) * h[:, :, 1:], axis=-1)
        emissions = anp.sum(h * self.log_emission(theta, x), axis=-1)
        return anp.concatenate([first, moves], axis=-1), emissions

    def sample(self, rng: np.random.Generator, theta: Theta, num: int) -> tuple[Array, Array]:
        """Ancestral sampling in theta's dtype: x (num, T), z (num, T K)."""
        start = np.broadcast_to(np.exp(self.log_initial(theta)), (num, self.num_states))
        states = [_draw(rng, start)]
        for _ in range(self.num_steps - 1):
            states.append(_draw(rng, np.exp(self.log_transition(theta))[states[-1]]))
        path = np.stack(states, axis=1)
        noise = rng.standard_normal(path.shape)
        x = theta["mean"][path] + np.exp(theta["log_scale"])[path] * noise
        z = np.eye(self.num_states)[path].reshape(num, -1)
        return x.astype(dtype_of(theta), copy=False), z.astype(dtype_of(theta), copy=False)

    def log_evidence(self, theta: Theta, x: Array) -> Array:
        """log p(x) by the forward recursion, a_t[j] = e_t[j] sum_i a_{t-1}[i] A[i, j]: (N,)."""
        x = check_inputs(self, theta, x)
        log_A, log_e = self.log_transition(theta), self.log_emission(theta, x)
        log_alpha = self.log_initial(theta) + log_e[:, 0]
        for t in range(1, self.num_steps):
            log_alpha = logsumexp(log_alpha[:, :, None] + log_A, axis=1) + log_e[:, t]
        return logsumexp(log_alpha, axis=1)

    def posterior(self, theta: Theta, x: Array) -> ChainPosterior:
        """p(z | x) by the backward recursion beta_t[i] = sum_j A[i, j] e_{t+1}[j] beta_{t+1}[j].

        p(z_{t+1} = j | z_t = i, x) = A[i, j] e_{t+1}[j] beta_{t+1}[j] / beta_t[i].
        """
        x = check_inputs(self, theta, x)
        log_A, log_e = self.log_transition(theta), self.log_emission(theta, x)
        log_beta = np.zeros_like(log_e[:, 0])
        transitions: list[Array] = []
        for t in reversed(range(1, self.num_steps)):
            ahead = log_A + (log_e[:, t] + log_beta)[:, None, :]
            log_beta = logsumexp(ahead, axis=2)
            transitions.insert(0, np.exp(ahead - log_beta[:, :, None]))
        log_initial = self.log_initial(theta) + log_e[:, 0] + log_beta
        initial = np.exp(log_initial - logsumexp(log_initial, axis=1, keepdims=True))
        marginals = [initial]
        for transition in transitions:
            marginals.append(np.einsum("ni,nij->nj", marginals[-1], transition))
        shape = (len(x), self.num_steps - 1, self.num_states, self.num_states)
        chain = np.stack(transitions, axis=1) if transitions else np.zeros(shape, x.dtype)
        return ChainPosterior(initial, chain, np.stack(marginals, axis=1))

    def kl_from_factorized(self, theta: Theta, x: Array, q: Array) -> Array:
        """KL(prod_t q_t || p(z | x)): q (N, T, K) -> (N,), nats, exact.

        How far below the evidence the best ELBO of a family that cuts the chain must stay.
        """
        posterior = self.posterior(theta, x)
        tiny = np.finfo(np.asarray(q).dtype).tiny

        def log(p: Array) -> Array:
            return np.log(np.maximum(p, tiny))

        negative_entropy = np.sum(q * log(q), axis=(1, 2))
        start = np.einsum("nk,nk->n", q[:, 0], log(posterior.initial))
        moves = np.einsum("nti,ntij,ntj->n", q[:, :-1], log(posterior.transition), q[:, 1:])
        return negative_entropy - start - moves

    def check_data(self, x: Array) -> None:
        """Raise ValueError when x is not T wide."""
        check_width("x", x, self.num_steps, "num_steps, one observation per step")

    def check_theta(self, theta: Theta) -> None:
        """Raise ValueError unless theta has the names and shapes of `init`'s."""
        check_entries(self, theta)


def _draw(rng: np.random.Generator, probabilities: Array) -> Array:
    """One category per row of probabilities (num, K): (num,), by inverting the cumulative sum."""
    uniform = rng.random((len(probabilities), 1))
    below = (np.cumsum(probabilities, axis=1) < uniform).sum(axis=1)
    return np.minimum(below, probabilities.shape[1] - 1)
