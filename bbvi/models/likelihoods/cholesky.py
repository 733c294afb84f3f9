"""A Gaussian likelihood whose network gives the whole covariance matrix."""

from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np

from bbvi.families.full_covariance_gaussian import FullCovarianceGaussian
from bbvi.types import Array, Theta


@dataclass(frozen=True)
class CholeskyGaussian:
    """x ~ N(m, L L^T) with the decoder's outputs (m, packed L): Dx + Dx (Dx + 1) / 2 of them.

    The outputs are read as a row of `FullCovarianceGaussian`: the mean, then the lower triangle
    of the Cholesky factor row by row with log L_jj on the diagonal, so that any output is a
    valid covariance.

    Raises
    ------
    ValueError
        From a model, if no Dx gives the decoder's number of outputs.

    Notes
    -----
    Ermon/Grover notes, "Parameterizing distributions": p(x | z) = N(mu(z), Sigma(z)), with
    neural networks for both.

    Examples
    --------
    >>> from bbvi import MLP, DeepLatentModel, StandardNormal
    >>> DeepLatentModel(StandardNormal(2), MLP((2, 8, 3 + 6)), CholeskyGaussian()).observed_dim
    3
    """

    def observed_dim(self, num_outputs: int) -> int:
        """The Dx with Dx + Dx (Dx + 1) / 2 = number of outputs."""
        width = int((np.sqrt(9 + 8 * num_outputs) - 3) / 2 + 0.5)
        if width < 1 or width * (width + 3) // 2 != num_outputs:
            raise ValueError(
                f"the decoder has {num_outputs} output(s); CholeskyGaussian expects "
                "Dx + Dx (Dx + 1) / 2 of them (2, 5, 9, 14, ... for Dx = 1, 2, 3, 4, ...): Dx "
                "means and a lower triangle. Use decoder sizes (..., Dx * (Dx + 3) // 2)."
            )
        return width

    def init(self, rng: np.random.Generator) -> Theta:
        """No parameters of its own: the network gives the covariance."""
        return {}

    def log_prob(self, params: Theta, x: Array, outputs: Array) -> Array:
        """log N(x; m, L L^T): x (N, Dx), outputs (S, N, O) -> (S, N)."""
        rows = anp.reshape(outputs, (-1, outputs.shape[-1]))
        tiled = np.tile(x, (outputs.shape[0], 1))
        log_p = FullCovarianceGaussian(x.shape[-1]).log_prob(rows, tiled[None])
        return anp.reshape(log_p, outputs.shape[:-1])

    def mean(self, params: Theta, outputs: Array) -> Array:
        """E[x | z] = m."""
        return outputs[..., : self.observed_dim(outputs.shape[-1])]

    def sample(self, rng: np.random.Generator, params: Theta, outputs: Array) -> Array:
        """Draw x = m + L eps."""
        q = FullCovarianceGaussian(self.observed_dim(outputs.shape[-1]))
        rows = outputs.reshape(-1, outputs.shape[-1])
        x = q.transform(rows, q.noise(rng, 1, len(rows), rows.dtype))
        return x.reshape(*outputs.shape[:-1], q.latent_dim)

    def check_data(self, x: Array) -> None:
        """Every finite value is possible."""
