"""M2: a label and a style make x, and the label is seen for a few datapoints only."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import autograd.numpy as anp
import numpy as np

from bbvi.logs import LOG_2PI
from bbvi.nets import MLP, dtype_of, join, part
from bbvi.protocols import ChecksData, Likelihood, observed_dim, width_meaning
from bbvi.types import Array, Theta
from bbvi.validation import (
    as_count,
    as_float_array,
    check_entries,
    check_members,
    check_offers,
    check_outputs,
    check_pair,
    check_width,
)

UNKNOWN = -1.0


def attach_labels(x: Array, labels: Array, known: Array) -> Array:
    """Rows (x_n, label_n) for `SemiSupervised`, with -1 where the label is not known.

    Parameters
    ----------
    x : ndarray (N, Dx)
    labels : ndarray (N,) of whole numbers
    known : ndarray (N,) of bool
        Which labels the model may see.

    Raises
    ------
    TypeError, ValueError
        If x is not a finite float table, a shape is not (N,), labels are not whole numbers or
        the mask is not of bools.

    Examples
    --------
    >>> import numpy as np
    >>> attach_labels(np.zeros((2, 1)), np.array([4, 7]), np.array([True, False])).tolist()
    [[0.0, 4.0], [0.0, -1.0]]
    """
    x = as_float_array("x", x, ndim=2)
    labels, known = np.asarray(labels), np.asarray(known)
    for name, array in (("labels", labels), ("known", known)):
        if array.shape != (len(x),):
            raise ValueError(
                f"{name} has shape {array.shape}; expected (N,) = {(len(x),)}, one for each row of "
                "x."
            )
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels has dtype {labels.dtype}; expected whole numbers.")
    if known.dtype != bool:
        raise TypeError(
            f"known has dtype {known.dtype}; expected a mask of bools. From row numbers: "
            "np.isin(np.arange(N), rows)."
        )
    return np.column_stack([x, np.where(known, labels, UNKNOWN)]).astype(x.dtype)


@dataclass(frozen=True)
class SemiSupervised:
    """y ~ uniform, z ~ N(0, I), x | y, z ~ likelihood(f(y, z)), label | y nearly always y.

    A row of x is the observation and its label, -1 where that is unknown (`attach_labels`).  The
    latents are (one-hot y, z) for *every* datapoint.  A known label is one more observation of y,
    wrong with a small probability, so labelled and unlabelled data need no two objectives:

        log p(label | y) = log(1 - e) if label = y, log(e / (K - 1)) if not, 0 if unknown.

    Its expectation under q(y | x) is the classification term that trains q(y | x).

    Parameters
    ----------
    num_labels : int
        K.
    decoder : MLP
        f, from K + style_dim inputs to the likelihood's parameters.
    likelihood
        E.g. ``BernoulliLikelihood()``.
    label_noise : float
        e.

    Raises
    ------
    ValueError
        If the decoder has no input left for z, or e is not inside (0, 1).

    Notes
    -----
    Kingma, Rezende, Mohamed and Welling (2014), model M2; Rios, "Summary", semi-supervised
    learning.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import BernoulliLikelihood
    >>> model = SemiSupervised(3, MLP((3 + 2, 8, 4)), BernoulliLikelihood())
    >>> theta = model.init(np.random.default_rng(0))
    >>> x, z = model.sample(np.random.default_rng(1), theta, num=6)
    >>> x.shape, z.shape, model.log_joint(theta, x, z[None]).shape
    ((6, 5), (6, 5), (1, 6))
    """

    num_labels: int
    decoder: MLP
    likelihood: Any
    label_noise: float = 0.001

    def __post_init__(self) -> None:
        as_count("num_labels", self.num_labels, minimum=2)
        check_members("decoder", self.decoder, ("init", "sizes"), "MLP((12, 64, 784))")
        check_offers("likelihood", self.likelihood, Likelihood, "BernoulliLikelihood()")
        if self.decoder.sizes[0] <= self.num_labels:
            raise ValueError(
                f"decoder.sizes is {self.decoder.sizes}: its input width is "
                f"{self.decoder.sizes[0]}; expected num_labels + style_dim, more than "
                f"{self.num_labels}."
            )
        if not 0 < self.label_noise < 1:
            raise ValueError(
                f"label_noise is {self.label_noise!r}; expected a probability inside (0, 1)."
            )
        observed_dim(self.likelihood, self.decoder.sizes[-1])

    @property
    def latent_dim(self) -> int:
        """D = K + style_dim."""
        return self.decoder.sizes[0]

    @cached_property
    def observed_dim(self) -> int:
        """Dx + 1: the observation and its label."""
        return observed_dim(self.likelihood, self.decoder.sizes[-1]) + 1

    def init(self, rng: np.random.Generator) -> Theta:
        """Draw starting parameters."""
        return join(decoder=self.decoder.init(rng), likelihood=self.likelihood.init(rng))

    def log_joint(self, theta: Theta, x: Array, z: Array) -> Array:
        """log p(y) + log p(z) + log p(x | y, z) + log p(label | y): (S, N), nats."""
        check_pair(self, x, z, self.observed_dim)
        style = z[..., self.num_labels :]
        log_prior = -0.5 * anp.sum(style**2 + LOG_2PI, axis=-1) - float(np.log(self.num_labels))
        outputs = self.decoder(part(theta, "decoder"), z)
        check_outputs(self, outputs, self.decoder.sizes[-1])
        params = part(theta, "likelihood")
        log_likelihood = self.likelihood.log_prob(params, x[:, :-1], outputs)
        log_label = anp.sum(z[..., : self.num_labels] * self._log_label(x[:, -1]), axis=-1)
        return log_prior + log_likelihood + log_label

    def sample(self, rng: np.random.Generator, theta: Theta, num: int) -> tuple[Array, Array]:
        """Ancestral sampling, every label known: x (num, Dx + 1), z (num, D)."""
        K = self.num_labels
        y = rng.integers(K, size=num)
        style = rng.standard_normal((num, self.latent_dim - K))
        z = np.concatenate([np.eye(K)[y], style], axis=-1).astype(dtype_of(theta), copy=False)
        outputs = self.decoder(part(theta, "decoder"), z)
        x = self.likelihood.sample(rng, part(theta, "likelihood"), outputs)
        # A wrong label is one of the K - 1 others.
        wrong = rng.random(num) < self.label_noise
        label = np.where(wrong, (y + rng.integers(1, K, size=num)) % K, y)
        return np.column_stack([x, label]).astype(x.dtype), z

    def check_data(self, x: Array) -> None:
        """Raise ValueError when x cannot have come from this model."""
        check_width(
            "x", x, self.observed_dim, f"{width_meaning(self.likelihood)}, then the label or -1"
        )
        if isinstance(self.likelihood, ChecksData):
            self.likelihood.check_data(x[:, :-1])
        known = x[:, -1] != UNKNOWN
        labels = x[known, -1]
        if not ((labels >= 0) & (labels < self.num_labels) & (labels == np.round(labels))).all():
            raise ValueError(
                f"the labels in x's last column run from {labels.min():g} to {labels.max():g}; "
                f"expected whole numbers from 0 to {self.num_labels - 1}, or -1 where unknown."
            )

    def check_theta(self, theta: Theta) -> None:
        """Raise ValueError unless theta has the names and shapes of `init`'s."""
        check_entries(self, theta)

    def _log_label(self, label: Array) -> Array:
        """log p(label_n | y = k): (N, K); zeros where the label is unknown."""
        K, e = self.num_labels, self.label_noise
        right = label[:, None] == np.arange(K)
        log_p = np.where(right, np.log(1 - e), np.log(e / (K - 1)))
        return np.where(label[:, None] == UNKNOWN, 0.0, log_p).astype(label.dtype)


@dataclass(frozen=True)
class LabelBlind:
    """An encoder that reads a row without its last column, so that it must predict the label.

    Parameters
    ----------
    net : MLP
        From Dx inputs to P outputs.
    """

    net: MLP

    @property
    def sizes(self) -> tuple[int, ...]:
        """Widths, counting the column that is not read."""
        return (self.net.sizes[0] + 1, *self.net.sizes[1:])

    def init(self, rng: np.random.Generator) -> Theta:
        """The network's own start."""
        return self.net.init(rng)

    def __call__(self, params: Theta, inputs: Array) -> Array:
        """Map inputs (..., Dx + 1) to outputs (..., P)."""
        return self.net(params, inputs[..., :-1])
