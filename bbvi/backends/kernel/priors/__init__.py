"""The priors the kernel knows: `PRIORS` maps a model's type to its `PriorKernel`."""

from bbvi.backends.kernel.priors.discrete import BERNOULLI_PRIOR, CATEGORICAL_PRIOR
from bbvi.backends.kernel.priors.mixture import MIXTURE
from bbvi.backends.kernel.priors.protocol import PriorKernel
from bbvi.backends.kernel.priors.standard_normal import STANDARD_NORMAL
from bbvi.models import BernoulliPrior, CategoricalPrior, MixtureOfGaussians, StandardNormal

__all__ = ["PRIORS", "STANDARD_NORMAL", "PriorKernel"]

PRIORS: dict[type, PriorKernel] = {
    StandardNormal: STANDARD_NORMAL,
    MixtureOfGaussians: MIXTURE,
    BernoulliPrior: BERNOULLI_PRIOR,
    CategoricalPrior: CATEGORICAL_PRIOR,
}
"""Prior -> its log-density and derivatives by hand."""
