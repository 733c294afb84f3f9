"""How good an answer is: evidence, gaps, and bias and variance of gradients."""

from bbvi.evaluation.ais import AisEvidence, log_evidence_ais
from bbvi.evaluation.bounds import ImportanceBounds, importance_bounds
from bbvi.evaluation.draws import (
    Draws,
    WeightedMoments,
    draw,
    heavier_draws,
    importance_resample,
    weighted_moments,
)
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
    log_evidence_enumeration,
    multi_sample_bound,
    support_nodes,
)
from bbvi.evaluation.gaps import InferenceGap, inference_gap
from bbvi.evaluation.gradients import GradientStatistics, gradient_statistics, parameter_blocks
from bbvi.evaluation.grid_sums import grid_expectation, grid_nodes, moments_of
from bbvi.evaluation.importance import ImportanceEvidence, log_evidence_is
from bbvi.evaluation.inference_data import to_arviz
from bbvi.evaluation.intervals import Interval, variance_interval
from bbvi.evaluation.linear_response import LinearResponse, linear_response
from bbvi.evaluation.moments import BlockStatistics, Moments
from bbvi.evaluation.monte_carlo import MonteCarlo, elbo
from bbvi.evaluation.psis_evidence import PsisEvidence, UnreliableWarning, log_evidence_psis
from bbvi.evaluation.quadrature import QuadratureEvidence, log_evidence_quadrature
from bbvi.evaluation.tail_index import InfiniteVarianceWarning, TailIndex
from bbvi.importance_weights import PSIS, psis

__all__ = [
    "PSIS",
    "AisEvidence",
    "BlockStatistics",
    "Draws",
    "GradientStatistics",
    "ImportanceBounds",
    "ImportanceEvidence",
    "InferenceGap",
    "InfiniteVarianceWarning",
    "Interval",
    "LinearResponse",
    "Moments",
    "MonteCarlo",
    "Nodes",
    "PsisEvidence",
    "QuadratureEvidence",
    "TailIndex",
    "UnreliableWarning",
    "WeightedMoments",
    "cosine_expectation",
    "draw",
    "elbo",
    "enumeration",
    "gauss_hermite",
    "gradient_statistics",
    "grid_expectation",
    "grid_nodes",
    "heavier_draws",
    "hermite_nodes",
    "importance_bounds",
    "importance_resample",
    "inference_gap",
    "linear_gaussian_elbo",
    "linear_response",
    "log_evidence_ais",
    "log_evidence_enumeration",
    "log_evidence_is",
    "log_evidence_psis",
    "log_evidence_quadrature",
    "moments_of",
    "multi_sample_bound",
    "parameter_blocks",
    "psis",
    "quadratic_expectation",
    "support_nodes",
    "to_arviz",
    "variance_interval",
    "weighted_moments",
]
