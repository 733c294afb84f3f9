"""bbvi: understand and compare approximate inference.

=========== ==================================================================
``theta``   parameters of the model p_theta(x, z)
``lam``     variational parameters of one datapoint, a row of (N, P)
``phi``     parameters of an encoder, lam = f_phi(x)
``eps``     noise that does not depend on any parameter
``x``       observed data (N, Dx)
``z``       latent variables (S, N, D)
=========== ==================================================================

Shape letters: N datapoints, S samples, D latent, P variational, Dx observed.  All log-densities
and ELBOs are in nats.
"""

from bbvi import backends, checks, datasets, estimators, evaluation
from bbvi.checks import check_backends, check_estimator, check_family, check_model
from bbvi.estimators import (
    leave_one_out,
    reparameterized,
    reparameterized_kl,
    reparameterized_mc,
    score_function,
    sticking_the_landing,
    summed_label,
)
from bbvi.evaluation import (
    UnreliableWarning,
    elbo,
    importance_bounds,
    inference_gap,
    linear_response,
    log_evidence_ais,
    log_evidence_enumeration,
    log_evidence_is,
    log_evidence_psis,
    log_evidence_quadrature,
)
from bbvi.families import (
    Bernoulli,
    Categorical,
    DiagonalGaussian,
    FullCovarianceGaussian,
    Gamma,
    LabelAndGaussian,
    MeanField,
    QuadraticFlow,
    SmoothMeanField,
)
from bbvi.inference import (
    Fit,
    NotFiniteError,
    fit_amortized,
    fit_autoencoder,
    fit_bbvi,
    fit_semi_amortized,
    infer,
    infer_minibatches,
    maximum_a_posteriori,
    maximum_likelihood,
    normal_prior,
    variational_bayes,
)
from bbvi.models import (
    AutoregressiveCategorical,
    BernoulliLikelihood,
    BernoulliPrior,
    BlockCounts,
    CategoricalLikelihood,
    CategoricalPrior,
    CholeskyGaussian,
    DeepLatentModel,
    DiagonalScaleGaussian,
    FlippedBernoulli,
    GaussianLikelihood,
    HiddenMarkovModel,
    HierarchicalModel,
    LearnedScaleGaussian,
    LinearGaussian,
    LinearGaussianStateSpace,
    LogisticRegression,
    MaskedBernoulli,
    MixtureOfGaussians,
    Posterior,
    ScalarScaleGaussian,
    SemiSupervised,
    StandardNormal,
    attach_labels,
    transforms,
)
from bbvi.nets import MLP
from bbvi.optimizers import adam, sgd
from bbvi.types import Estimate, Target

__version__ = "0.1.0"

__all__ = [
    "MLP",
    "AutoregressiveCategorical",
    "Bernoulli",
    "BernoulliLikelihood",
    "BernoulliPrior",
    "BlockCounts",
    "Categorical",
    "CategoricalLikelihood",
    "CategoricalPrior",
    "CholeskyGaussian",
    "DeepLatentModel",
    "DiagonalGaussian",
    "DiagonalScaleGaussian",
    "Estimate",
    "Fit",
    "FlippedBernoulli",
    "FullCovarianceGaussian",
    "Gamma",
    "GaussianLikelihood",
    "HiddenMarkovModel",
    "HierarchicalModel",
    "LabelAndGaussian",
    "LearnedScaleGaussian",
    "LinearGaussian",
    "LinearGaussianStateSpace",
    "LogisticRegression",
    "MaskedBernoulli",
    "MeanField",
    "MixtureOfGaussians",
    "NotFiniteError",
    "Posterior",
    "QuadraticFlow",
    "ScalarScaleGaussian",
    "SemiSupervised",
    "SmoothMeanField",
    "StandardNormal",
    "Target",
    "UnreliableWarning",
    "adam",
    "attach_labels",
    "backends",
    "check_backends",
    "check_estimator",
    "check_family",
    "check_model",
    "checks",
    "datasets",
    "elbo",
    "estimators",
    "evaluation",
    "fit_amortized",
    "fit_autoencoder",
    "fit_bbvi",
    "fit_semi_amortized",
    "importance_bounds",
    "infer",
    "infer_minibatches",
    "inference_gap",
    "leave_one_out",
    "linear_response",
    "log_evidence_ais",
    "log_evidence_enumeration",
    "log_evidence_is",
    "log_evidence_psis",
    "log_evidence_quadrature",
    "maximum_a_posteriori",
    "maximum_likelihood",
    "normal_prior",
    "reparameterized",
    "reparameterized_kl",
    "reparameterized_mc",
    "score_function",
    "sgd",
    "sticking_the_landing",
    "summed_label",
    "transforms",
    "variational_bayes",
]
