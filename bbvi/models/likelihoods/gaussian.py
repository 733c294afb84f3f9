"""Gaussian likelihoods: four ways to say how far x lies from its mean.

====================== =================================== ====================================
class                  scale sigma                         outputs of the decoder
====================== =================================== ====================================
GaussianLikelihood     fixed                               mean (Dx)
LearnedScaleGaussian   one parameter for all data          mean (Dx)
ScalarScaleGaussian    one for each z                      mean (Dx), log sigma (1)
DiagonalScaleGaussian  one for each z and each variable    mean (Dx), log sigma (Dx)
====================== =================================== ====================================
"""

from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np

from bbvi.logs import LOG_2PI
from bbvi.nets import tanh
from bbvi.types import Array, Theta


@dataclass(frozen=True)
class GaussianLikelihood:
    """x ~ N(f(z), c I) with a fixed standard deviation, c = scale^2.

    Parameters
    ----------
    scale : float
        Standard deviation sqrt(c) of every observed variable.

    Notes
    -----
    Permuter Lecture 12, equation 11.
    """

    scale: float

    def __post_init__(self) -> None:
        if not (isinstance(self.scale, int | float | np.number) and 0 < self.scale < np.inf):
            raise ValueError(
                f"scale is {self.scale!r}; expected a positive standard deviation (not its log)."
            )
        # A NumPy float64 would promote float32 data; a Python float does not.
        object.__setattr__(self, "scale", float(self.scale))

    def observed_dim(self, num_outputs: int) -> int:
        """One mean per observed variable."""
        return num_outputs

    def init(self, rng: np.random.Generator) -> Theta:
        """No parameters of its own."""
        return {}

    def log_prob(self, params: Theta, x: Array, outputs: Array) -> Array:
        """log N(x; outputs, scale^2 I): (S, N)."""
        constant = x.shape[-1] * (float(np.log(self.scale)) + 0.5 * LOG_2PI)
        return -0.5 * anp.sum(((x - outputs) / self.scale) ** 2, axis=-1) - constant

    def mean(self, params: Theta, outputs: Array) -> Array:
        """E[x | z]: the outputs themselves."""
        return outputs

    def sample(self, rng: np.random.Generator, params: Theta, outputs: Array) -> Array:
        """Draw x around the outputs."""
        return outputs + self.scale * np.asarray(rng.standard_normal(outputs.shape), outputs.dtype)

    def check_data(self, x: Array) -> None:
        """Every finite value is possible."""


@dataclass(frozen=True)
class LearnedScaleGaussian:
    """x ~ N(f(z), exp(2 log_scale) I): one standard deviation for all data, part of theta.

    theta holds it as ``likelihood.log_scale``, a scalar that starts at 0 (scale 1).

    Notes
    -----
    Permuter Lecture 12, equation 11, with c learned.
    """

    def observed_dim(self, num_outputs: int) -> int:
        """One mean per observed variable."""
        return num_outputs

    def init(self, rng: np.random.Generator) -> Theta:
        """log_scale = 0."""
        return {"log_scale": np.zeros(())}

    def log_prob(self, params: Theta, x: Array, outputs: Array) -> Array:
        """log N(x; outputs, exp(2 log_scale) I): (S, N)."""
        log_scale = params["log_scale"]
        standardized = (x - outputs) * anp.exp(-log_scale)
        return -0.5 * anp.sum(standardized**2 + LOG_2PI, axis=-1) - x.shape[-1] * log_scale

    def mean(self, params: Theta, outputs: Array) -> Array:
        """E[x | z]: the outputs themselves."""
        return outputs

    def sample(self, rng: np.random.Generator, params: Theta, outputs: Array) -> Array:
        """Draw x around the outputs."""
        noise = np.asarray(rng.standard_normal(outputs.shape), outputs.dtype)
        return outputs + np.exp(params["log_scale"]) * noise

    def check_data(self, x: Array) -> None:
        """Every finite value is possible."""


def _identity(outputs: Array) -> Array:
    return outputs


def _logistic(outputs: Array) -> Array:
    return 0.5 * (1 + tanh(0.5 * outputs))


LINKS = {"identity": _identity, "logistic": _logistic}


@dataclass(frozen=True)
class ScalarScaleGaussian:
    """x ~ N(g(m), exp(2 s) I) with the decoder's outputs (m, s): a mean and one log-scale per z.

    Parameters
    ----------
    link : {"identity", "logistic"}
        g, applied to the mean outputs: "logistic" keeps the mean of grey values within (0, 1).

    Raises
    ------
    ValueError
        If the link is unknown; from a model, if the decoder has fewer than two outputs, or ends
        with an image without one extra output.

    Notes
    -----
    Swaney lecture, section III, Sigma_theta(z) = sigma_theta(z) I; its decoder has a logistic mean.

    Examples
    --------
    >>> import numpy as np
    >>> from bbvi import MLP, DeepLatentModel, StandardNormal
    >>> decoder = MLP((2, 512, 784 + 1), "relu")
    >>> DeepLatentModel(StandardNormal(2), decoder, ScalarScaleGaussian("logistic")).observed_dim
    784
    """

    link: str = "identity"

    def __post_init__(self) -> None:
        if self.link not in LINKS:
            raise ValueError(f"link is {self.link!r}; expected one of {', '.join(LINKS)}.")

    def observed_dim(self, num_outputs: int) -> int:
        """All outputs but the last, which is the log-scale."""
        if num_outputs < 2:
            raise ValueError(
                f"the decoder has {num_outputs} output(s); ScalarScaleGaussian expects at least 2: "
                "Dx means and one log-scale. Use decoder sizes (..., Dx + 1)."
            )
        return num_outputs - 1

    def check_image(self, shape: tuple[int, int, int], extra: int) -> None:
        """Raise ValueError unless one more output follows the image."""
        if extra != 1:
            raise ValueError(
                f"the decoder ends with an image (channels, height, width) = {shape} and {extra} "
                "extra outputs; ScalarScaleGaussian expects 1, the log-scale. Give "
                "ConvNet(..., extra=1)."
            )

    def init(self, rng: np.random.Generator) -> Theta:
        """No parameters of its own: the network gives the scale."""
        return {}

    def log_prob(self, params: Theta, x: Array, outputs: Array) -> Array:
        """log N(x; g(m), exp(2 s) I): outputs (S, N, Dx + 1) -> (S, N)."""
        log_scale = outputs[..., -1:]
        standardized = (x - self.mean(params, outputs)) * anp.exp(-log_scale)
        return -0.5 * anp.sum(standardized**2 + 2 * log_scale + LOG_2PI, axis=-1)

    def mean(self, params: Theta, outputs: Array) -> Array:
        """E[x | z] = g(m)."""
        return LINKS[self.link](outputs[..., :-1])

    def sample(self, rng: np.random.Generator, params: Theta, outputs: Array) -> Array:
        """Draw x around the means."""
        mean = self.mean(params, outputs)
        noise = np.asarray(rng.standard_normal(mean.shape), outputs.dtype)
        return mean + np.exp(outputs[..., -1:]) * noise

    def check_data(self, x: Array) -> None:
        """Every finite value is possible."""


@dataclass(frozen=True)
class DiagonalScaleGaussian:
    """x_j ~ N(m_j, exp(2 s_j)) with the decoder's outputs (m, s), each Dx wide.

    Raises
    ------
    ValueError
        From a model, if the decoder's number of outputs is odd.

    Notes
    -----
    Kingma and Welling (2014), appendix C.2; Swaney lecture, section III.
    """

    def observed_dim(self, num_outputs: int) -> int:
        """Half of the outputs: a mean and a log-scale per observed variable."""
        if num_outputs % 2:
            raise ValueError(
                f"the decoder has {num_outputs} outputs; DiagonalScaleGaussian expects an even "
                "number: Dx means, then Dx log-scales. Use decoder sizes (..., 2 * Dx)."
            )
        return num_outputs // 2

    def init(self, rng: np.random.Generator) -> Theta:
        """No parameters of its own: the network gives the scales."""
        return {}

    def log_prob(self, params: Theta, x: Array, outputs: Array) -> Array:
        """log N(x; m, diag(exp(2 s))): outputs (S, N, 2 Dx) -> (S, N)."""
        mean, log_scale = outputs[..., : x.shape[-1]], outputs[..., x.shape[-1] :]
        standardized = (x - mean) * anp.exp(-log_scale)
        return -0.5 * anp.sum(standardized**2 + 2 * log_scale + LOG_2PI, axis=-1)

    def mean(self, params: Theta, outputs: Array) -> Array:
        """E[x | z] = m."""
        return outputs[..., : outputs.shape[-1] // 2]

    def sample(self, rng: np.random.Generator, params: Theta, outputs: Array) -> Array:
        """Draw x around the means."""
        mean, log_scale = np.split(outputs, 2, axis=-1)
        return mean + np.exp(log_scale) * np.asarray(rng.standard_normal(mean.shape), outputs.dtype)

    def check_data(self, x: Array) -> None:
        """Every finite value is possible."""
