"""A linear-Gaussian state-space model, and its exact answers.

These raise TypeError or ValueError if x is not a finite float array (N, T p), or theta is not of
the model.
"""

from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np

from bbvi.logs import LOG_2PI
from bbvi.models.linear_gaussian import GaussianPosterior
from bbvi.models.normal import log_normal
from bbvi.nets import dtype_of
from bbvi.types import Array, Theta
from bbvi.validation import as_count, check_entries, check_inputs, check_pair, check_width


@dataclass(frozen=True)
class LinearGaussianStateSpace:
    """z_1 ~ N(0, I), z_t ~ N(A z_{t-1}, diag(q^2)), x_t ~ N(C z_t, diag(r^2)).

    A datapoint is a whole sequence: a row of x (N, T p) and of z (S, N, T d) runs through the
    steps.  theta = {"A": (d, d), "C": (p, d), "log_q": (d,), "log_r": (p,)}.

    Parameters
    ----------
    state_dim : int
        d, dimensions of one state.
    step_dim : int
        p, observed dimensions of one step.
    num_steps : int
        T.

    Notes
    -----
    Kalman (1960); Bishop (2006), section 13.3; the continuous sibling of the hidden Markov model
    in the Ermon/Grover notes, "Representation".

    Examples
    --------
    >>> import numpy as np
    >>> model = LinearGaussianStateSpace(state_dim=2, step_dim=1, num_steps=5)
    >>> theta = model.init(np.random.default_rng(0))
    >>> x, z = model.sample(np.random.default_rng(1), theta, num=3)
    >>> x.shape, z.shape, model.log_evidence(theta, x).shape
    ((3, 5), (3, 10), (3,))
    """

    state_dim: int
    step_dim: int
    num_steps: int

    def __post_init__(self) -> None:
        as_count("state_dim", self.state_dim)
        as_count("step_dim", self.step_dim)
        as_count("num_steps", self.num_steps)

    @property
    def latent_dim(self) -> int:
        """D = T d."""
        return self.num_steps * self.state_dim

    @property
    def observed_dim(self) -> int:
        """Dx = T p."""
        return self.num_steps * self.step_dim

    def init(self, rng: np.random.Generator) -> Theta:
        """A slowly forgetting chain, A = 0.9 I, with a random C and standard deviations 0.5."""
        d, p = self.state_dim, self.step_dim
        return {
            "A": 0.9 * np.eye(d),
            "C": rng.standard_normal((p, d)),
            "log_q": np.full(d, np.log(0.5)),
            "log_r": np.full(p, np.log(0.5)),
        }

    def log_joint(self, theta: Theta, x: Array, z: Array) -> Array:
        """log p(z_1) + sum_t log p(z_t | z_{t-1}) + sum_t log p(x_t | z_t): (S, N), nats."""
        moves, sightings = self._terms(theta, x, z)
        return anp.sum(moves, axis=-1) + anp.sum(sightings, axis=-1)

    def log_joint_blankets(self, theta: Theta, x: Array, z: Array) -> Array:
        """log p(z_t | z_{t-1}) + log p(z_{t+1} | z_t) + log p(x_t | z_t), for each latent of z_t.

        The terms of ``log_joint`` that contain it, its Markov blanket, (S, N, D): what
        `bbvi.estimators.rao_blackwellized` needs of a chain for its variance not to grow with T.
        """
        moves, sightings = self._terms(theta, x, z)
        next_moves = anp.concatenate([moves[..., 1:], np.zeros_like(moves[..., :1])], axis=-1)
        return anp.repeat(moves + next_moves + sightings, self.state_dim, axis=-1)

    def _terms(self, theta: Theta, x: Array, z: Array) -> tuple[Array, Array]:
        """log p(z_t | z_{t-1}), with log p(z_1) first, and log p(x_t | z_t): each (S, N, T)."""
        d, p = self.state_dim, self.step_dim
        shapes = {"A": (d, d), "C": (p, d), "log_q": (d,), "log_r": (p,)}
        check_pair(self, x, z, self.observed_dim, theta, **shapes)
        states = anp.reshape(z, (*z.shape[:2], self.num_steps, self.state_dim))
        observed = anp.reshape(x, (x.shape[0], self.num_steps, self.step_dim))
        first = -0.5 * anp.sum(states[:, :, :1] ** 2 + LOG_2PI, axis=-1)
        steps = states[:, :, 1:] - anp.dot(states[:, :, :-1], theta["A"].T)
        errors = observed - anp.dot(states, theta["C"].T)
        moves = anp.concatenate([first, _log_noise(steps, theta["log_q"])], axis=-1)
        return moves, _log_noise(errors, theta["log_r"])

    def sample(self, rng: np.random.Generator, theta: Theta, num: int) -> tuple[Array, Array]:
        """Ancestral sampling in theta's dtype: x (num, T p), z (num, T d)."""
        states = [rng.standard_normal((num, self.state_dim))]
        for _ in range(self.num_steps - 1):
            noise = np.exp(theta["log_q"]) * rng.standard_normal((num, self.state_dim))
            states.append(states[-1] @ theta["A"].T + noise)
        z = np.stack(states, axis=1)
        noise = np.exp(theta["log_r"]) * rng.standard_normal((num, self.num_steps, self.step_dim))
        x, dtype = z @ theta["C"].T + noise, dtype_of(theta)
        return x.reshape(num, -1).astype(dtype), z.reshape(num, -1).astype(dtype)

    def log_evidence(self, theta: Theta, x: Array) -> Array:
        """log p(x) = sum_t log p(x_t | x_<t) by the Kalman filter: (N,), nats, exact."""
        x = check_inputs(self, theta, x)
        observed = x.reshape(len(x), self.num_steps, self.step_dim)
        A, C = theta["A"], theta["C"]
        Q, R = np.diag(np.exp(2 * theta["log_q"])), np.diag(np.exp(2 * theta["log_r"]))
        mean = np.zeros((len(x), self.state_dim), dtype=x.dtype)
        covariance = np.eye(self.state_dim, dtype=x.dtype)
        log_p = np.zeros(len(x), dtype=x.dtype)
        for t in range(self.num_steps):
            if t > 0:
                mean, covariance = mean @ A.T, A @ covariance @ A.T + Q
            spread = C @ covariance @ C.T + R
            gain = np.linalg.solve(spread, C @ covariance).T
            error = observed[:, t] - mean @ C.T
            log_p += log_normal(error, np.zeros_like(error[0]), spread)
            mean, covariance = mean + error @ gain.T, covariance - gain @ C @ covariance
        return log_p

    def posterior(self, theta: Theta, x: Array) -> GaussianPosterior:
        """p(z | x) over all steps at once, from its block-tridiagonal precision, exact.

        ``FullCovarianceGaussian(D).from_moments(*posterior)`` turns it into variational parameters.
        """
        x = check_inputs(self, theta, x)
        observed = x.reshape(len(x), self.num_steps, self.step_dim)
        A, T, d = theta["A"], self.num_steps, self.state_dim
        weighted_C = theta["C"] * np.exp(-2 * theta["log_r"])[:, None]
        Q_inverse = np.diag(np.exp(-2 * theta["log_q"]))
        precision = np.zeros((T, d, T, d), dtype=x.dtype)
        for t in range(T):
            precision[t, :, t] += weighted_C.T @ theta["C"]
            precision[t, :, t] += np.eye(d, dtype=x.dtype) if t == 0 else Q_inverse
            if t + 1 < T:
                precision[t, :, t] += A.T @ Q_inverse @ A
                precision[t, :, t + 1] -= A.T @ Q_inverse
                precision[t + 1, :, t] -= Q_inverse @ A
        matrix = precision.reshape(T * d, T * d)
        pull = (observed @ weighted_C).reshape(len(x), T * d)
        return GaussianPosterior(np.linalg.solve(matrix, pull.T).T, np.linalg.inv(matrix))

    def check_data(self, x: Array) -> None:
        """Raise ValueError when x is not T p wide."""
        check_width("x", x, self.observed_dim, "num_steps * step_dim, step after step")

    def check_theta(self, theta: Theta) -> None:
        """Raise ValueError unless theta has the names and shapes of `init`'s."""
        check_entries(self, theta)


def _log_noise(errors: Array, log_scale: Array) -> Array:
    """log N(error_t; 0, diag(scale^2)) of each step: (S, N, T, k) -> (S, N, T)."""
    log_density = -0.5 * ((errors * anp.exp(-log_scale)) ** 2 + LOG_2PI) - log_scale
    return anp.sum(log_density, axis=-1)
