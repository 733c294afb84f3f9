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

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from bbvi.evaluation import (  # type: ignore[no-redef]
        UnreliableWarning,
        draw,
        elbo,
        importance_bounds,
        importance_resample,
        inference_gap,
        linear_response,
        log_evidence_ais,
        log_evidence_enumeration,
        log_evidence_is,
        log_evidence_psis,
        log_evidence_quadrature,
        to_arviz,
    )
    from bbvi.families import (
        Bernoulli,
        Beta,
        Categorical,
        DiagonalGaussian,
        FullCovarianceGaussian,
        Gamma,
        LabelAndGaussian,
        Laplace,
        MeanField,
        QuadraticFlow,
        SmoothMeanField,
    )
    from bbvi.importance_weights import psis
    from bbvi.inference import (
        Fit,
        NotConvergedWarning,
        NotFiniteError,
        fit_amortized,
        fit_autoencoder,
        fit_bbvi,
        fit_importance_weighted,
        fit_mean_field_em,
        fit_monte_carlo_em,
        fit_reweighted_wake_sleep,
        fit_semi_amortized,
        fit_wake_sleep,
        fixed_budget,
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
        GaussianMixture,
        HiddenMarkovModel,
        HierarchicalModel,
        LearnedScaleGaussian,
        LinearGaussian,
        LinearGaussianStateSpace,
        LinearRegression,
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
    from bbvi.nets import MLP, Conv, ConvNet, Dense, TransposedConv
    from bbvi.optimizers import adam, sgd
    from bbvi.types import Estimate, Target

__version__ = "0.1.0"

_HOMES = {
    "bbvi.checks": "check_backends check_estimator check_family check_model",
    "bbvi.estimators": (
        "leave_one_out reparameterized reparameterized_kl reparameterized_mc score_function "
        "sticking_the_landing summed_label"
    ),
    "bbvi.evaluation": (
        "UnreliableWarning draw elbo importance_bounds importance_resample inference_gap "
        "linear_response log_evidence_ais log_evidence_enumeration log_evidence_is "
        "log_evidence_psis log_evidence_quadrature to_arviz"
    ),
    "bbvi.families": (
        "Bernoulli Beta Categorical DiagonalGaussian FullCovarianceGaussian Gamma "
        "LabelAndGaussian Laplace MeanField QuadraticFlow SmoothMeanField"
    ),
    "bbvi.importance_weights": "psis",
    "bbvi.inference": (
        "Fit NotConvergedWarning NotFiniteError fit_amortized fit_autoencoder fit_bbvi "
        "fit_importance_weighted fit_mean_field_em fit_monte_carlo_em fit_reweighted_wake_sleep "
        "fit_semi_amortized fit_wake_sleep fixed_budget infer infer_minibatches "
        "maximum_a_posteriori maximum_likelihood normal_prior variational_bayes"
    ),
    "bbvi.models": (
        "AutoregressiveCategorical BernoulliLikelihood BernoulliPrior BlockCounts "
        "CategoricalLikelihood CategoricalPrior CholeskyGaussian DeepLatentModel "
        "DiagonalScaleGaussian FlippedBernoulli GaussianLikelihood GaussianMixture "
        "HiddenMarkovModel HierarchicalModel LearnedScaleGaussian LinearGaussian "
        "LinearGaussianStateSpace LinearRegression LogisticRegression MaskedBernoulli "
        "MixtureOfGaussians Posterior ScalarScaleGaussian SemiSupervised StandardNormal "
        "attach_labels transforms"
    ),
    "bbvi.nets": "Conv ConvNet Dense MLP TransposedConv",
    "bbvi.optimizers": "adam sgd",
    "bbvi.types": "Estimate Target",
}
"""Module -> its names in this package, which are imported when they are asked for."""

__all__ = [
    "MLP",
    "AutoregressiveCategorical",
    "Bernoulli",
    "BernoulliLikelihood",
    "BernoulliPrior",
    "Beta",
    "BlockCounts",
    "Categorical",
    "CategoricalLikelihood",
    "CategoricalPrior",
    "CholeskyGaussian",
    "Conv",
    "ConvNet",
    "DeepLatentModel",
    "Dense",
    "DiagonalGaussian",
    "DiagonalScaleGaussian",
    "Estimate",
    "Fit",
    "FlippedBernoulli",
    "FullCovarianceGaussian",
    "Gamma",
    "GaussianLikelihood",
    "GaussianMixture",
    "HiddenMarkovModel",
    "HierarchicalModel",
    "LabelAndGaussian",
    "Laplace",
    "LearnedScaleGaussian",
    "LinearGaussian",
    "LinearGaussianStateSpace",
    "LinearRegression",
    "LogisticRegression",
    "MaskedBernoulli",
    "MeanField",
    "MixtureOfGaussians",
    "NotConvergedWarning",
    "NotFiniteError",
    "Posterior",
    "QuadraticFlow",
    "ScalarScaleGaussian",
    "SemiSupervised",
    "SmoothMeanField",
    "StandardNormal",
    "Target",
    "TransposedConv",
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
    "draw",
    "elbo",
    "estimators",
    "evaluation",
    "fit_amortized",
    "fit_autoencoder",
    "fit_bbvi",
    "fit_importance_weighted",
    "fit_mean_field_em",
    "fit_monte_carlo_em",
    "fit_reweighted_wake_sleep",
    "fit_semi_amortized",
    "fit_wake_sleep",
    "fixed_budget",
    "importance_bounds",
    "importance_resample",
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
    "psis",
    "reparameterized",
    "reparameterized_kl",
    "reparameterized_mc",
    "score_function",
    "sgd",
    "sticking_the_landing",
    "summed_label",
    "to_arviz",
    "transforms",
    "variational_bayes",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """A name or a module of the package: ``import bbvi`` alone takes no time."""
        from importlib import import_module

        for module, names in _HOMES.items():
            if name in names.split():
                globals()[name] = getattr(import_module(module), name)
                return globals()[name]
        if not name.startswith("_"):
            try:
                return import_module(f"bbvi.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"bbvi.{name}":
                    raise
        raise AttributeError(f"module 'bbvi' has no attribute {name!r}")

    def __dir__() -> list[str]:
        """The names of the package, imported or not."""
        return sorted({*globals(), *__all__})
