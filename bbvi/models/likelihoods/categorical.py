"""Likelihoods of sequences of categories: independent given z, or autoregressive.

x (N, T) holds category codes 0, ..., K - 1 as floats, one column per position.
"""

from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np
from autograd.scipy.special import logsumexp

from bbvi.types import Array, Theta
from bbvi.validation import as_count


def one_hot(x: Array, num_categories: int) -> Array:
    """Codes (...) -> indicators (..., K) of the same dtype."""
    return (np.asarray(x)[..., None] == np.arange(num_categories)).astype(np.asarray(x).dtype)


def check_codes(x: Array, num_categories: int) -> None:
    """Raise ValueError unless every value of x is one of 0, ..., K - 1."""
    known = (x >= 0) & (x < num_categories) & (x == np.round(x))
    if not known.all():
        row, column = np.argwhere(~known)[0]
        raise ValueError(
            f"x[{row}, {column}] is {x[row, column]:g}; expected category codes: whole numbers "
            f"from 0 to {num_categories - 1}, as floats."
        )


def draw(rng: np.random.Generator, logits: Array) -> Array:
    """One code for each row of logits (..., K), by the largest of logits + Gumbel noise."""
    return np.argmax(logits + rng.gumbel(size=logits.shape), axis=-1).astype(logits.dtype)


@dataclass(frozen=True)
class CategoricalLikelihood:
    """x_t ~ Cat(softmax(l_t)) with the decoder's outputs as logits l (T K), position by position.

    Parameters
    ----------
    num_categories : int
        K.
    channels_first : bool
        Whether the outputs are (K T): an image of K channels, as a `ConvNet` ends with, and not K
        logits side by side for each position.

    Raises
    ------
    TypeError
        If ``channels_first`` is not True or False.
    ValueError
        From a model, if the decoder's number of outputs is not a multiple of K, or if it ends with
        an image of several channels and ``channels_first`` is False.
    """

    num_categories: int
    channels_first: bool = False

    def __post_init__(self) -> None:
        as_count("num_categories", self.num_categories, minimum=2)
        if not isinstance(self.channels_first, bool):
            raise TypeError(f"channels_first is {self.channels_first!r}; expected True or False.")

    def check_image(self, shape: tuple[int, int, int], extra: int) -> None:
        """Raise ValueError unless an image's channels are the categories, and nothing follows."""
        K = self.num_categories
        if shape[0] != (K if self.channels_first else 1):
            raise ValueError(
                f"the decoder ends with an image (channels, height, width) = {shape}, channel by "
                f"channel, but {self} expects "
                + (
                    f"{K} channels, one for each category."
                    if self.channels_first
                    else f"{K} logits side by side for each position. Give "
                    f"CategoricalLikelihood({K}, channels_first=True)."
                )
            )

    def observed_dim(self, num_outputs: int) -> int:
        """T = outputs / K."""
        if num_outputs % self.num_categories:
            raise ValueError(
                f"the decoder has {num_outputs} outputs; CategoricalLikelihood expects a multiple "
                f"of num_categories = {self.num_categories}: K logits for each position."
            )
        return num_outputs // self.num_categories

    def init(self, rng: np.random.Generator) -> Theta:
        """No parameters of its own."""
        return {}

    def log_prob(self, params: Theta, x: Array, outputs: Array) -> Array:
        """sum_t l_t[x_t] - logsumexp(l_t): x (N, T), outputs (S, N, T K) -> (S, N)."""
        logits = self._split(outputs)
        chosen = anp.sum(one_hot(x, self.num_categories) * logits, axis=-1)
        return anp.sum(chosen - logsumexp(logits, axis=-1), axis=-1)

    def probabilities(self, outputs: Array) -> Array:
        """softmax of each position's logits: (..., T K) -> (..., T, K)."""
        logits = self._split(outputs)
        return np.exp(logits - logsumexp(logits, axis=-1, keepdims=True))

    def mean(self, params: Theta, outputs: Array) -> Array:
        """E[x | z], the mean of the codes: of use where the categories are ordered."""
        codes = np.arange(self.num_categories, dtype=outputs.dtype)
        return self.probabilities(outputs) @ codes

    def sample(self, rng: np.random.Generator, params: Theta, outputs: Array) -> Array:
        """Draw codes (..., T)."""
        return draw(rng, self._split(outputs))

    def check_data(self, x: Array) -> None:
        """Raise ValueError unless x holds category codes."""
        check_codes(x, self.num_categories)

    def _split(self, outputs: Array) -> Array:
        K = self.num_categories
        T = outputs.shape[-1] // K
        if self.channels_first:
            return anp.swapaxes(anp.reshape(outputs, (*outputs.shape[:-1], K, T)), -1, -2)
        return anp.reshape(outputs, (*outputs.shape[:-1], T, K))


@dataclass(frozen=True)
class AutoregressiveCategorical:
    """p(x | z) = prod_t Cat(x_t; f_t(z, x_<t)): each position reads z and all earlier ones.

    The decoder's outputs c(z), H of them, are the state before the first position; every earlier
    symbol adds its embedding, and a layer of its own turns the state into logits:

        h_t = tanh(c(z) + sum_{u < t} E_u[x_u]),     l_t = h_t V_t + b_t.

    theta holds ``likelihood.embed`` (T - 1, K, H), ``likelihood.V`` (T, H, K) and ``likelihood.b``
    (T, K).  The sums over u < t are one cumulative sum, so all positions are evaluated at once.

    Parameters
    ----------
    num_steps, num_categories, num_hidden : int
        T, K and H.

    Raises
    ------
    ValueError
        From a model, if the decoder's number of outputs is not H.

    Notes
    -----
    Rios, "Example": X_i | z, x_<i ~ Cat(f_theta(z, x_<i)); the shared cumulative sum is the neural
    autoregressive estimator of Larochelle and Murray (2011).
    """

    num_steps: int
    num_categories: int
    num_hidden: int

    def __post_init__(self) -> None:
        as_count("num_steps", self.num_steps, minimum=2)
        as_count("num_categories", self.num_categories, minimum=2)
        as_count("num_hidden", self.num_hidden)

    def observed_dim(self, num_outputs: int) -> int:
        """T."""
        if num_outputs != self.num_hidden:
            raise ValueError(
                f"the decoder has {num_outputs} outputs; AutoregressiveCategorical expects "
                f"num_hidden = {self.num_hidden}: the state before the first position."
            )
        return self.num_steps

    def init(self, rng: np.random.Generator) -> Theta:
        """Embeddings ~ N(0, 1 / T), so that their sum is of size 1; V ~ N(0, 1 / H); b = 0."""
        T, K, H = self.num_steps, self.num_categories, self.num_hidden
        return {
            "embed": rng.standard_normal((T - 1, K, H)) / np.sqrt(T),
            "V": rng.standard_normal((T, H, K)) / np.sqrt(H),
            "b": np.zeros((T, K)),
        }

    def log_prob(self, params: Theta, x: Array, outputs: Array) -> Array:
        """sum_t l_t[x_t] - logsumexp(l_t): x (N, T), outputs (S, N, H) -> (S, N)."""
        hot = one_hot(x, self.num_categories)
        symbols = anp.einsum("ntk,tkh->nth", hot[:, :-1], params["embed"])
        nothing = np.zeros_like(x, shape=(len(x), 1, self.num_hidden))
        past = anp.concatenate([nothing, anp.cumsum(symbols, axis=1)], axis=1)
        h = anp.tanh(outputs[:, :, None, :] + past)
        logits = anp.einsum("snth,thk->sntk", h, params["V"]) + params["b"]
        chosen = anp.sum(hot * logits, axis=-1)
        return anp.sum(chosen - logsumexp(logits, axis=-1), axis=-1)

    def sample(self, rng: np.random.Generator, params: Theta, outputs: Array) -> Array:
        """Draw x_1, then x_2 given it, and so on: (..., T)."""
        state = outputs
        codes: list[Array] = []
        for t in range(self.num_steps):
            if t > 0:
                state = state + params["embed"][t - 1][codes[-1].astype(np.int64)]
            codes.append(draw(rng, np.tanh(state) @ params["V"][t] + params["b"][t]))
        return np.stack(codes, axis=-1)

    def check_data(self, x: Array) -> None:
        """Raise ValueError unless x holds category codes."""
        check_codes(x, self.num_categories)
