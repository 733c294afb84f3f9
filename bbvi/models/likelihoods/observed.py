"""Partly observed binary images: some of the pixels, noisy pixels, or sums over blocks.

A model learned from whole images x answers questions about partial or damaged images y when its
likelihood p(x | z) is replaced by that of the observation,

    p(y | z) = sum over x of p(y | x) p(x | z),

with the same prior, decoder and theta.  Pixels are independent given z, so that the sum is cheap:

================= ================================ ============================================
class             y                                p(y | z)
================= ================================ ============================================
MaskedBernoulli   the pixels that a mask shows     hidden pixels sum to 1 and drop out
FlippedBernoulli  each pixel flipped with chance r Bernoulli(r + (1 - 2 r) sigmoid(l_j))
BlockCounts       number of ones in each block     Poisson-binomial
================= ================================ ============================================

Then E[x | y] = E over p(z | y) of E[x | y, z], and `restored_mean` is the inner expectation.
"""

from dataclasses import dataclass
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import make_vjp

from bbvi.models.likelihoods.bernoulli import BernoulliLikelihood
from bbvi.nets import softplus
from bbvi.protocols import HasMean
from bbvi.types import Array, Theta
from bbvi.validation import as_count, as_float_array, check_width


def restored_mean(likelihood: Any, params: Theta, y: Array, outputs: Array) -> Array:
    """E[x | y, z] of the whole image given its observed part: (S, N, pixels).

    The logits l are the natural parameters of x, hence for any kind of observation

        d log p(y | z) / dl = E[x | y, z] - E[x | z].

    Parameters
    ----------
    likelihood
        One of this module's, or BernoulliLikelihood (whose y is x itself).
    params : dict
        The likelihood's own parameters: empty.
    y : ndarray (N, Dy)
        Observations.
    outputs : ndarray (S, N, pixels)
        The decoder's logits.

    Raises
    ------
    TypeError
        If the likelihood has no mean.

    Notes
    -----
    Fisher's identity; Kingma and Welling, the AEVB review, section 2.1, "marginal inference".
    """
    mean = likelihood.mean if isinstance(likelihood, HasMean) else None
    if mean is None:
        raise TypeError(
            f"likelihood is {type(likelihood).__name__}, which has no mean(params, outputs); "
            "expected the mean of the whole image given z."
        )
    pullback, log_p = make_vjp(lambda logits: likelihood.log_prob(params, y, logits))(outputs)
    return mean(params, outputs) + pullback(np.ones_like(log_p))


@dataclass(frozen=True)
class MaskedBernoulli:
    """Some pixels of a binary image: y (N, 2 pixels) holds the values, then the mask (1: seen).

    log p(y | z) = sum_j m_j (x_j l_j - softplus(l_j)).  Values where the mask is 0 do not matter.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1.0, 0.0, 1.0, 1.0]])
    >>> y = MaskedBernoulli().observe(x, np.array([1.0, 1.0, 0.0, 0.0]))
    >>> y.tolist()
    [[1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]]
    """

    def observe(self, x: Array, mask: Array) -> Array:
        """y from whole images x (N, pixels) and a mask (pixels,) or (N, pixels), 1 where seen.

        Raises
        ------
        TypeError, ValueError
            If x is not a finite float array (N, pixels), or the mask has another shape.
        """
        x, mask = as_float_array("x", x, ndim=2), np.asarray(mask)
        if mask.shape not in (x.shape, x.shape[1:]):
            raise ValueError(
                f"mask has shape {mask.shape}; expected {x.shape[1:]}, one for all images, or "
                f"{x.shape}, one for each. Flatten a mask that has the shape of a picture."
            )
        mask = np.broadcast_to(mask, x.shape).astype(x.dtype)
        return np.concatenate([x * mask, mask], axis=1)

    def observed_dim(self, num_outputs: int) -> int:
        """Two numbers per pixel: value and mask."""
        return 2 * num_outputs

    def init(self, rng: np.random.Generator) -> Theta:
        """No parameters of its own."""
        return {}

    def log_prob(self, params: Theta, x: Array, outputs: Array) -> Array:
        """log p(seen pixels | outputs): x (N, 2 pixels), outputs (S, N, pixels) -> (S, N)."""
        values, mask = np.split(x, 2, axis=1)
        return anp.sum(mask * (values * outputs - softplus(outputs)), axis=-1)

    def mean(self, params: Theta, outputs: Array) -> Array:
        """E[whole image | z] = sigmoid(l)."""
        return BernoulliLikelihood().mean(params, outputs)

    def sample(self, rng: np.random.Generator, params: Theta, outputs: Array) -> Array:
        """Whole images, with a mask that hides nothing."""
        images = BernoulliLikelihood().sample(rng, params, outputs)
        return np.concatenate([images, np.ones_like(images)], axis=-1)

    def check_data(self, x: Array) -> None:
        """Raise ValueError unless values and masks are 0 or 1 and no image is hidden."""
        values, mask = np.split(x, 2, axis=1)
        if not ((mask == 0) | (mask == 1)).all():
            raise ValueError(
                f"the mask, the second half of x, has values from {mask.min():g} to "
                f"{mask.max():g}; expected 1 (seen) or 0 (hidden)."
            )
        hidden = np.flatnonzero(~mask.any(axis=1))
        if len(hidden):
            raise ValueError(
                f"the mask hides every pixel of {len(hidden)} image(s), the first in row "
                f"{hidden[0]}: nothing can be inferred from nothing. Show at least one pixel, or "
                "sample from the model."
            )
        BernoulliLikelihood().check_data(np.where(mask == 1, values, 0))


@dataclass(frozen=True)
class FlippedBernoulli:
    """A binary image whose pixels have each been flipped with probability ``rate``.

    y_j = 1 with probability r + (1 - 2 r) sigmoid(l_j).  With s_j = 2 y_j - 1 and
    c = log((1 - r) / r),

        log p(y | z) = sum_j softplus(l_j + s_j c) - softplus(l_j) + log(r if y_j = 1 else 1 - r).

    Parameters
    ----------
    rate : float
        r, inside (0, 1/2).
    """

    rate: float

    def __post_init__(self) -> None:
        if not 0 < self.rate < 0.5:
            raise ValueError(f"rate is {self.rate!r}; expected a probability inside (0, 0.5).")

    def observe(self, x: Array, rng: np.random.Generator) -> Array:
        """y from whole images (N, pixels)."""
        return np.where(rng.random(x.shape) < self.rate, 1 - x, x).astype(x.dtype)

    def observed_dim(self, num_outputs: int) -> int:
        """One noisy pixel per logit."""
        return num_outputs

    def init(self, rng: np.random.Generator) -> Theta:
        """No parameters of its own."""
        return {}

    def log_prob(self, params: Theta, x: Array, outputs: Array) -> Array:
        """log p(noisy pixels | outputs): x (N, pixels), outputs (S, N, pixels) -> (S, N)."""
        r = self.rate
        shift = (2 * x - 1) * float(np.log((1 - r) / r))
        constant = x * float(np.log(r)) + (1 - x) * float(np.log(1 - r))
        return anp.sum(softplus(outputs + shift) - softplus(outputs) + constant, axis=-1)

    def mean(self, params: Theta, outputs: Array) -> Array:
        """E[clean image | z] = sigmoid(l)."""
        return BernoulliLikelihood().mean(params, outputs)

    def sample(self, rng: np.random.Generator, params: Theta, outputs: Array) -> Array:
        """Noisy images."""
        return self.observe(BernoulliLikelihood().sample(rng, params, outputs), rng)

    def check_data(self, x: Array) -> None:
        """Raise ValueError unless every value is 0 or 1."""
        BernoulliLikelihood().check_data(x)


@dataclass(frozen=True)
class BlockCounts:
    """A binary image seen at low resolution: the number of ones in each block of pixels.

    Given z the pixels are independent, so that a count is Poisson-binomial,

        log p(c | z) = log e_c(exp l_1, ..., exp l_K) - sum_k softplus(l_k),

    with e_c the elementary symmetric polynomial over the block's K = block^2 pixels.

    Parameters
    ----------
    side : int
        Images are side x side pixels.
    block : int
        Blocks are block x block; must divide the side.

    Notes
    -----
    Chen and Liu (1997), "Statistical applications of the Poisson-binomial distribution", for the
    recursion.
    """

    side: int
    block: int = 2

    def __post_init__(self) -> None:
        as_count("side", self.side)
        if self.side % as_count("block", self.block, minimum=2):
            raise ValueError(f"block is {self.block}; expected a divisor of the side {self.side}.")

    @property
    def num_blocks(self) -> int:
        """Blocks of one image."""
        return (self.side // self.block) ** 2

    def observe(self, x: Array) -> Array:
        """Counts (N, blocks) of whole images (N, side^2).

        Raises
        ------
        ValueError
            If the images are not side^2 wide.
        """
        check_width("x", x, self.side**2, "side^2 pixels")
        return self._by_block(x).sum(axis=-1)

    def observed_dim(self, num_outputs: int) -> int:
        """One count per block."""
        if num_outputs != self.side**2:
            raise ValueError(
                f"the decoder has {num_outputs} outputs; expected side^2 = {self.side**2} logits."
            )
        return self.num_blocks

    def init(self, rng: np.random.Generator) -> Theta:
        """No parameters of its own."""
        return {}

    def log_prob(self, params: Theta, x: Array, outputs: Array) -> Array:
        """log p(counts | outputs): x (N, blocks), outputs (S, N, side^2) -> (S, N)."""
        logits = self._by_block(outputs)
        # log_e[c] after k pixels is log e_c of their odds.
        log_e = [anp.zeros(logits.shape[:-1], dtype=logits.dtype)]
        for k in range(self.block**2):
            added = [e + logits[..., k] for e in log_e]
            inner = [anp.logaddexp(e, a) for e, a in zip(log_e[1:], added[:-1])]
            log_e = [log_e[0], *inner, added[-1]]
        chosen = sum((x == c) * e for c, e in enumerate(log_e))
        return anp.sum(chosen - anp.sum(softplus(logits), axis=-1), axis=-1)

    def mean(self, params: Theta, outputs: Array) -> Array:
        """E[whole image | z] = sigmoid(l)."""
        return BernoulliLikelihood().mean(params, outputs)

    def sample(self, rng: np.random.Generator, params: Theta, outputs: Array) -> Array:
        """Counts of sampled images."""
        return self.observe(BernoulliLikelihood().sample(rng, params, outputs))

    def check_data(self, x: Array) -> None:
        """Raise ValueError unless every value is a whole number from 0 to block^2."""
        if not ((x >= 0) & (x <= self.block**2) & (x == np.round(x))).all():
            raise ValueError(
                f"x has values from {x.min():g} to {x.max():g}; expected whole numbers from 0 to "
                f"{self.block**2}, the pixels of a {self.block} x {self.block} block."
            )

    def _by_block(self, images: Array) -> Array:
        """(..., side^2) -> (..., blocks, block^2)."""
        count, block = self.side // self.block, self.block
        lead = images.shape[:-1]
        split = images.reshape((*lead, count, block, count, block))
        return anp.swapaxes(split, -3, -2).reshape((*lead, self.num_blocks, block**2))
