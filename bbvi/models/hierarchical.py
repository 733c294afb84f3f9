"""Two layers of latent variables, and the exact answers when both are linear."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import autograd.numpy as anp
import numpy as np

from bbvi.logs import LOG_2PI
from bbvi.models.likelihoods import GaussianLikelihood
from bbvi.models.linear_gaussian import GaussianPosterior
from bbvi.models.normal import log_normal
from bbvi.nets import MLP, dtype_of, join, part
from bbvi.protocols import ChecksData, Likelihood, observed_dim, width_meaning
from bbvi.types import Array, Theta
from bbvi.validation import (
    check_entries,
    check_inputs,
    check_members,
    check_offers,
    check_outputs,
    check_pair,
    check_width,
)


@dataclass(frozen=True)
class HierarchicalModel:
    """z_top ~ N(0, I), z_low | z_top ~ N(f(z_top), diag(s^2)), x | z_low ~ likelihood(g(z_low)).

    z = (z_top, z_low), side by side.  theta's keys begin with ``middle.`` (f), ``low.`` (log s),
    ``decoder.`` (g) or ``likelihood.``.

    Parameters
    ----------
    middle : MLP
        f, from D_top inputs to D_low outputs.
    decoder : MLP
        g, from D_low inputs to the likelihood's parameters.
    likelihood
        E.g. ``BernoulliLikelihood()``.

    Raises
    ------
    ValueError
        If the decoder's input width is not the middle network's output width.

    Notes
    -----
    Ermon/Grover notes, "Representation": information is generated from high to low level.

    Examples
    --------
    >>> import numpy as np
    >>> model = HierarchicalModel(MLP((1, 8, 2)), MLP((2, 8, 5)), GaussianLikelihood(0.5))
    >>> theta = model.init(np.random.default_rng(0))
    >>> x, z = model.sample(np.random.default_rng(1), theta, num=4)
    >>> x.shape, z.shape, model.log_joint(theta, x, z[None]).shape
    ((4, 5), (4, 3), (1, 4))
    """

    middle: MLP
    decoder: MLP
    likelihood: Any

    def __post_init__(self) -> None:
        for name, network in (("middle", self.middle), ("decoder", self.decoder)):
            check_members(name, network, ("init", "sizes"), "MLP((2, 64, 784))")
        check_offers("likelihood", self.likelihood, Likelihood, "BernoulliLikelihood()")
        if self.decoder.sizes[0] != self.middle.sizes[-1]:
            raise ValueError(
                f"decoder.sizes is {self.decoder.sizes}: its input width is "
                f"{self.decoder.sizes[0]}; expected the middle network's output width "
                f"{self.middle.sizes[-1]}."
            )
        observed_dim(self.likelihood, self.decoder.sizes[-1])

    @property
    def latent_dim(self) -> int:
        """D = D_top + D_low."""
        return self.middle.sizes[0] + self.middle.sizes[-1]

    @cached_property
    def observed_dim(self) -> int:
        """Dx."""
        return observed_dim(self.likelihood, self.decoder.sizes[-1])

    def init(self, rng: np.random.Generator) -> Theta:
        """Draw starting parameters of all parts; s = 1."""
        return join(
            middle=self.middle.init(rng),
            low={"log_scale": np.zeros(self.middle.sizes[-1])},
            decoder=self.decoder.init(rng),
            likelihood=self.likelihood.init(rng),
        )

    def split(self, z: Array) -> tuple[Array, Array]:
        """z_top (..., D_top) and z_low (..., D_low)."""
        return z[..., : self.middle.sizes[0]], z[..., self.middle.sizes[0] :]

    def log_joint(self, theta: Theta, x: Array, z: Array) -> Array:
        """log p(z_top) + log p(z_low | z_top) + log p(x | z_low): (S, N), nats."""
        shapes = {"low.log_scale": (self.middle.sizes[-1],)}
        check_pair(self, x, z, self.observed_dim, theta, **shapes)
        top, low = self.split(z)
        log_scale = theta["low.log_scale"]
        standardized = (low - self.middle(part(theta, "middle"), top)) * anp.exp(-log_scale)
        log_top = -0.5 * anp.sum(top**2 + LOG_2PI, axis=-1)
        log_low = -0.5 * anp.sum(standardized**2 + LOG_2PI, axis=-1) - anp.sum(log_scale)
        outputs = self.decoder(part(theta, "decoder"), low)
        check_outputs(self, outputs, self.decoder.sizes[-1])
        log_likelihood = self.likelihood.log_prob(part(theta, "likelihood"), x, outputs)
        return log_top + log_low + log_likelihood

    def sample(self, rng: np.random.Generator, theta: Theta, num: int) -> tuple[Array, Array]:
        """Ancestral sampling from the top down: x (num, Dx), z (num, D)."""
        dtype = dtype_of(theta)
        top = rng.standard_normal((num, self.middle.sizes[0])).astype(dtype)
        mean = self.middle(part(theta, "middle"), top)
        low = mean + np.exp(theta["low.log_scale"]) * np.asarray(
            rng.standard_normal(mean.shape), dtype
        )
        outputs = self.decoder(part(theta, "decoder"), low)
        x = self.likelihood.sample(rng, part(theta, "likelihood"), outputs)
        return x, np.concatenate([top, low], axis=-1)

    def linear_log_evidence(self, theta: Theta, x: Array) -> Array:
        """log p(x) when both networks are linear and the noise is c I: (N,), nats, exact.

        z ~ N(m, C) with C = [[I, A^T], [A, A A^T + diag(s^2)]] for f(z_top) = A z_top + a; then
        x ~ N(G m + b, G C G^T + c I), where G ignores z_top.

        Raises
        ------
        TypeError, ValueError
            If x is not a finite float array (N, Dx), or a network or the likelihood is not
            linear-Gaussian.
        """
        x, mean, C, G, b, c = self._linear(theta, x)
        noise = c * np.eye(len(b), dtype=x.dtype)
        return log_normal(x, G @ mean + b, G @ C @ G.T + noise)

    def linear_posterior(self, theta: Theta, x: Array) -> GaussianPosterior:
        """p(z_top, z_low | x) when both networks are linear and the noise is c I, exact.

        Covariance (C^-1 + G^T G / c)^-1; mean m + covariance G^T (x - G m - b) / c.

        Raises
        ------
        TypeError, ValueError
            As `linear_log_evidence`.
        """
        x, mean, C, G, b, c = self._linear(theta, x)
        covariance = np.linalg.inv(np.linalg.inv(C) + G.T @ G / c)
        return GaussianPosterior(mean + (x - G @ mean - b) @ G @ covariance / c, covariance)

    def check_data(self, x: Array) -> None:
        """Raise ValueError when x cannot have come from this model."""
        check_width("x", x, self.observed_dim, width_meaning(self.likelihood))
        if isinstance(self.likelihood, ChecksData):
            self.likelihood.check_data(x)

    def check_theta(self, theta: Theta) -> None:
        """Raise ValueError unless theta has the names and shapes of `init`'s."""
        check_entries(self, theta)

    def _linear(self, theta: Theta, x: Array) -> tuple[Array, Array, Array, Array, Array, float]:
        """x, the prior moments m and C of z, and G, b, c of x = G z + b + sqrt(c) noise."""
        layers = self.middle.num_layers, self.decoder.num_layers
        if layers != (1, 1) or not isinstance(self.likelihood, GaussianLikelihood):
            raise ValueError(
                f"model has networks of {layers[0]} and {layers[1]} layers and a "
                f"{type(self.likelihood).__name__}; its evidence is known exactly only for one "
                "linear layer each and GaussianLikelihood(scale). Use importance sampling."
            )
        x = check_inputs(self, theta, x)
        A, a = theta["middle.W0"].T, theta["middle.b0"]
        top = A.shape[1]
        low_covariance = A @ A.T + np.diag(np.exp(2 * theta["low.log_scale"]))
        C = np.block([[np.eye(top, dtype=x.dtype), A.T], [A, low_covariance]])
        mean = np.concatenate([np.zeros(top, dtype=x.dtype), a])
        G = np.concatenate([np.zeros((x.shape[1], top), x.dtype), theta["decoder.W0"].T], axis=1)
        return x, mean, C, G, theta["decoder.b0"], self.likelihood.scale**2
