"""Checks of exercises: a student's function against the equation.

Each raises `bbvi.checks.mistakes.CheckFailedError`, an AssertionError, with the likely mistake.
"""

from bbvi.checks.exercises.answers import check_answer
from bbvi.checks.exercises.antithetic_pairs import check_antithetic
from bbvi.checks.exercises.baselines import (
    check_leave_one_out,
    check_moving_average,
    check_optimal_baseline,
)
from bbvi.checks.exercises.bernoulli import (
    check_bernoulli_log_likelihood,
    check_masked_log_likelihood,
)
from bbvi.checks.exercises.changes import (
    check_common_rate,
    check_covariance,
    check_frequency,
    check_proposal_scale,
)
from bbvi.checks.exercises.comparison_claims import (
    check_chosen_score,
    check_simultaneous_intervals,
)
from bbvi.checks.exercises.comparison_errors import check_paired_error, check_seed_error
from bbvi.checks.exercises.components import check_full_covariance_transform, check_log_mixture
from bbvi.checks.exercises.convolution_sizes import check_convolution_sizes
from bbvi.checks.exercises.convolutions import check_convolution_pullback
from bbvi.checks.exercises.diagnoses import check_averaging_bugs, check_fit_bugs, check_step_1_bugs
from bbvi.checks.exercises.elbo import check_elbo, check_gap_split
from bbvi.checks.exercises.evidence import (
    check_iwae_bound,
    check_log_evidence,
    check_posterior_mean,
)
from bbvi.checks.exercises.gradients import (
    check_pathwise_gradient,
    check_score_gradient,
    check_score_variance,
)
from bbvi.checks.exercises.kl import check_gaussian_kl, check_kl_to_prior
from bbvi.checks.exercises.lecture_loss import check_lecture_loss
from bbvi.checks.exercises.log_normal import check_log_normal
from bbvi.checks.exercises.predictions import (
    check_mean_field,
    check_minibatch_variance,
    check_samples_needed,
    check_variance_ratio,
)
from bbvi.checks.exercises.readings import check_crossing, check_samples_by_eye, check_two_rates
from bbvi.checks.exercises.sampling import check_ancestral_sampling
from bbvi.checks.exercises.scores import check_bernoulli_score, check_score
from bbvi.checks.exercises.step_1_loop import check_step_1_loop
from bbvi.checks.exercises.updates import (
    check_encoder_gradient,
    check_step_1,
    check_theta_gradient,
)

__all__ = [
    "check_ancestral_sampling",
    "check_answer",
    "check_antithetic",
    "check_averaging_bugs",
    "check_bernoulli_log_likelihood",
    "check_bernoulli_score",
    "check_chosen_score",
    "check_common_rate",
    "check_convolution_pullback",
    "check_convolution_sizes",
    "check_covariance",
    "check_crossing",
    "check_elbo",
    "check_encoder_gradient",
    "check_fit_bugs",
    "check_frequency",
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
    "check_mean_field",
    "check_minibatch_variance",
    "check_moving_average",
    "check_optimal_baseline",
    "check_paired_error",
    "check_pathwise_gradient",
    "check_posterior_mean",
    "check_proposal_scale",
    "check_samples_by_eye",
    "check_samples_needed",
    "check_score",
    "check_score_gradient",
    "check_score_variance",
    "check_seed_error",
    "check_simultaneous_intervals",
    "check_step_1",
    "check_step_1_bugs",
    "check_step_1_loop",
    "check_theta_gradient",
    "check_two_rates",
    "check_variance_ratio",
]
