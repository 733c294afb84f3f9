"""Public conformance checks: for the library, a researcher's estimator, a student's exercise.

Each check raises an AssertionError that says which property failed and the likely mistake; it
returns None when all hold.  All randomness comes from the rng that is passed in.

The checks of exercises (`bbvi.checks.exercises`) compare a student's function with the equation
and name the mistake; `check_answer` makes more of them.
"""

from bbvi.checks.backend import check_backends
from bbvi.checks.estimator import check_estimator
from bbvi.checks.exercises import (
    check_ancestral_sampling,
    check_answer,
    check_antithetic,
    check_bernoulli_log_likelihood,
    check_bernoulli_score,
    check_chosen_score,
    check_convolution_pullback,
    check_convolution_sizes,
    check_elbo,
    check_encoder_gradient,
    check_full_covariance_transform,
    check_gap_split,
    check_gaussian_kl,
    check_iwae_bound,
    check_kl_to_prior,
    check_leave_one_out,
    check_lecture_loss,
    check_log_evidence,
    check_log_mixture,
    check_log_normal,
    check_masked_log_likelihood,
    check_moving_average,
    check_optimal_baseline,
    check_paired_error,
    check_pathwise_gradient,
    check_posterior_mean,
    check_score,
    check_score_gradient,
    check_score_variance,
    check_seed_error,
    check_simultaneous_intervals,
    check_step_1,
    check_step_1_loop,
    check_theta_gradient,
)
from bbvi.checks.family import check_family
from bbvi.checks.mistakes import Suspect
from bbvi.checks.model import check_model
from bbvi.checks.problem import linear_gaussian_problem

__all__ = [
    "Suspect",
    "check_ancestral_sampling",
    "check_answer",
    "check_antithetic",
    "check_backends",
    "check_bernoulli_log_likelihood",
    "check_bernoulli_score",
    "check_chosen_score",
    "check_convolution_pullback",
    "check_convolution_sizes",
    "check_elbo",
    "check_encoder_gradient",
    "check_estimator",
    "check_family",
    "check_full_covariance_transform",
    "check_gap_split",
    "check_gaussian_kl",
    "check_iwae_bound",
    "check_kl_to_prior",
    "check_leave_one_out",
    "check_lecture_loss",
    "check_log_evidence",
    "check_log_mixture",
    "check_log_normal",
    "check_masked_log_likelihood",
    "check_model",
    "check_moving_average",
    "check_optimal_baseline",
    "check_paired_error",
    "check_pathwise_gradient",
    "check_posterior_mean",
    "check_score",
    "check_score_gradient",
    "check_score_variance",
    "check_seed_error",
    "check_simultaneous_intervals",
    "check_step_1",
    "check_step_1_loop",
    "check_theta_gradient",
    "linear_gaussian_problem",
]
