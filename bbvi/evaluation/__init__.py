"""How good an answer is: evidence, gaps, and bias and variance of gradients."""

from bbvi.evaluation.elbo import MonteCarlo, elbo
from bbvi.evaluation.gaps import InferenceGap, inference_gap
from bbvi.evaluation.importance import ImportanceEvidence, log_evidence_is
from bbvi.evaluation.quadrature import QuadratureEvidence, log_evidence_quadrature

__all__ = [
    "ImportanceEvidence",
    "InferenceGap",
    "MonteCarlo",
    "QuadratureEvidence",
    "elbo",
    "inference_gap",
    "log_evidence_is",
    "log_evidence_quadrature",
]
