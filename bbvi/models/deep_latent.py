"""z ~ prior, x ~ likelihood(decoder(z)): the deep latent-variable model."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bbvi.models.priors import StandardNormal
from bbvi.nets import MLP, ConvNet, dtype_of, join, part
from bbvi.protocols import (
    ChecksData,
    ChecksImage,
    ChecksParams,
    HasMean,
    Likelihood,
    Prior,
    observed_dim,
    width_meaning,
)
from bbvi.types import Array, Theta
from bbvi.validation import (
    check_entries,
    check_members,
    check_offers,
    check_outputs,
    check_pair,
    check_width,
)


@dataclass(frozen=True)
class DeepLatentModel:
    """p_theta(x, z) = p(z) p(x | f_theta(z)), with a prior, a decoder network and a likelihood.

    theta is one flat dict whose keys begin with ``prior.``, ``decoder.`` or ``likelihood.``.

    Parameters
    ----------
    prior : Prior
        E.g. ``StandardNormal(latent_dim)``, or one of yours: see `bbvi.protocols`.
    decoder : MLP or ConvNet
        Maps z (..., D) to the likelihood's parameters.
    likelihood : Likelihood
        E.g. ``BernoulliLikelihood()``, or one of yours.  Where Dx is not the number of
        the decoder's outputs it needs ``observed_dim(num_outputs)``.

    Raises
    ------
    TypeError
        If a part is a class or lacks what its place needs.
    ValueError
        If the decoder's input width is not the prior's latent dimension, or if it ends with an
        image that means nothing to the likelihood.

    Notes
    -----
    Ermon/Grover notes, "Parameterizing distributions via deep neural networks".

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import MLP, BernoulliLikelihood, StandardNormal
    >>> model = DeepLatentModel(StandardNormal(2), MLP((2, 16, 64)), BernoulliLikelihood())
    >>> theta = model.init(np.random.default_rng(0))
    >>> x, z = model.sample(np.random.default_rng(1), theta, num=5)
    >>> model.log_joint(theta, x, z[None]).shape
    (1, 5)
    """

    prior: Prior
    decoder: MLP | ConvNet
    likelihood: Likelihood

    def __post_init__(self) -> None:
        check_offers("prior", self.prior, Prior, "StandardNormal(2)")
        check_members("decoder", self.decoder, ("init", "sizes"), "MLP((2, 64, 784))")
        check_offers("likelihood", self.likelihood, Likelihood, "BernoulliLikelihood()")
        if self.decoder.sizes[0] != self.prior.latent_dim:
            raise ValueError(
                f"decoder.sizes is {self.decoder.sizes}: its input width is "
                f"{self.decoder.sizes[0]}; expected the prior's latent_dim {self.prior.latent_dim}."
            )
        observed_dim(self.likelihood, self.decoder.sizes[-1])
        if isinstance(self.decoder, ConvNet) and isinstance(self.likelihood, ChecksImage):
            shape = self.decoder.shapes[-1]
            if len(shape) == 3:
                self.likelihood.check_image(shape, self.decoder.extra)

    @property
    def latent_dim(self) -> int:
        """D."""
        return self.prior.latent_dim

    @cached_property
    def observed_dim(self) -> int:
        """Dx."""
        return observed_dim(self.likelihood, self.decoder.sizes[-1])

    @property
    def standard_normal_prior(self) -> bool:
        """Whether p(z) = N(0, I), so that a closed-form KL applies."""
        return isinstance(self.prior, StandardNormal)

    def init(self, rng: np.random.Generator) -> Theta:
        """Draw starting parameters of all three parts."""
        return join(
            prior=self.prior.init(rng),
            decoder=self.decoder.init(rng),
            likelihood=self.likelihood.init(rng),
        )

    def decode(self, theta: Theta, z: Array) -> Array:
        """The decoder's outputs f_theta(z): z (..., D) -> (..., O)."""
        return self.decoder(part(theta, "decoder"), z)

    def mean(self, theta: Theta, z: Array) -> Array:
        """E[x | z]: z (..., D) -> (..., Dx).

        Raises
        ------
        TypeError
            If the likelihood has no mean, as sequences of letters have none.
        """
        if not isinstance(self.likelihood, HasMean):
            raise TypeError(
                f"likelihood is {type(self.likelihood).__name__}, which has no mean; expected one "
                "of numbers. Draw x instead, with the likelihood's sample."
            )
        return self.likelihood.mean(part(theta, "likelihood"), self.decode(theta, z))

    def log_joint(self, theta: Theta, x: Array, z: Array) -> Array:
        """log p(z) + log p(x | z): x (N, Dx), z (S, N, D) -> (S, N), nats."""
        check_pair(self, x, z, self.observed_dim)
        log_prior = self.prior.log_prob(part(theta, "prior"), z)
        outputs = self.decode(theta, z)
        check_outputs(self, outputs, self.decoder.sizes[-1])
        return log_prior + self.likelihood.log_prob(part(theta, "likelihood"), x, outputs)

    def sample(self, rng: np.random.Generator, theta: Theta, num: int) -> tuple[Array, Array]:
        """Ancestral sampling in theta's dtype: x (num, Dx), z (num, D)."""
        z = self.prior.sample(rng, part(theta, "prior"), num).astype(dtype_of(theta), copy=False)
        outputs = self.decode(theta, z)
        return self.likelihood.sample(rng, part(theta, "likelihood"), outputs), z

    def check_theta(self, theta: Theta) -> None:
        """Raise ValueError when theta is another model's, or a part's parameters broke down."""
        check_entries(self, theta)
        if isinstance(self.prior, ChecksParams):
            self.prior.check_params(part(theta, "prior"))

    def check_data(self, x: Array) -> None:
        """Raise ValueError when x cannot have come from this model."""
        check_width("x", x, self.observed_dim, width_meaning(self.likelihood))
        if isinstance(self.likelihood, ChecksData):
            self.likelihood.check_data(x)
