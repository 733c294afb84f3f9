"""How good an answer is: evidence, gaps, and bias and variance of gradients."""

from bbvi.evaluation.elbo import MonteCarlo, elbo
from bbvi.evaluation.exact import (
    cosine_expectation,
    linear_gaussian_elbo,
    quadratic_expectation,
)
from bbvi.evaluation.exact_sums import (
    Nodes,
    enumeration,
    gauss_hermite,
    hermite_nodes,
    multi_sample_bound,
    support_nodes,
)
from bbvi.evaluation.gaps import InferenceGap, inference_gap
from bbvi.evaluation.importance import ImportanceEvidence, log_evidence_is
from bbvi.evaluation.quadrature import QuadratureEvidence, log_evidence_quadrature

__all__ = [
    "ImportanceEvidence",
    "InferenceGap",
    "MonteCarlo",
    "Nodes",
    "QuadratureEvidence",
    "cosine_expectation",
    "elbo",
    "enumeration",
    "gauss_hermite",
    "hermite_nodes",
    "inference_gap",
    "linear_gaussian_elbo",
    "log_evidence_is",
    "log_evidence_quadrature",
    "multi_sample_bound",
    "quadratic_expectation",
    "support_nodes",
]
