"""Tables of mistakes for the checks of `bounds`, continued."""

from typing import Any

import numpy as np

from bbvi.checks.mistakes import Suspect


def wrong_precisions_more(
    cov_q: Any,
    kl: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of wrong precisions, part 3."""
    return [
        Suspect("the inverse of cov_q where that of cov_p is meant", kl(np.linalg.inv(cov_q))),
    ]


def iwae_bound_first(
    log_joint: Any,
    log_mean_exp: Any,
    log_q: Any,
    log_w: Any,
    mean_slips: Any,
    N: Any,
    NOT_ADDED: Any,
    right: Any,
    S: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of iwae bound, part 1."""
    return [
        Suspect("log S is missing: the mean weight is their sum divided by S", right + np.log(S)),
        Suspect(NOT_ADDED, right - log_w.max(axis=0)),
        Suspect("log S was subtracted twice", right - np.log(S)),
        Suspect(
            "the mean of the logs is the ELBO: the logarithm belongs outside the mean",
            log_w.mean(axis=0),
        ),
        Suspect("the weights are p / q: log q has the wrong sign", log_mean_exp(log_joint + log_q)),
        Suspect("log q is missing", log_mean_exp(log_joint)),
        Suspect("the mean over the wrong axis: samples are axis 0", log_mean_exp(log_w.T)),
        Suspect("log N where log S is meant: samples are axis 0", right + np.log(S) - np.log(N)),
        Suspect("q where log q is meant", log_mean_exp(log_joint - np.exp(log_q))),
        Suspect(
            "the quotient of the logs, where their difference is meant",
            log_mean_exp(log_joint / log_q),
        ),
        Suspect(
            "the log of a quotient of means, where the mean of the quotients is meant",
            log_mean_exp(log_joint) - log_mean_exp(log_q),
        ),
        Suspect("weighted by q once more: the samples come from q", log_mean_exp(log_w + log_q)),
        *mean_slips(log_w),
    ]


def gap_split_first(
    elbo: Any,
    log_evidence: Any,
    N: Any,
    optimum: Any,
    other: Any,
    own: Any,
    right: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of gap split, part 1."""
    return [
        Suspect("the sign: a gap is what is lost, and not negative", -own),
        Suspect("the two gaps are exchanged", other),
        Suspect("that is the whole gap, log p(x) - ELBO", log_evidence - elbo),
        Suspect("that is an ELBO or the evidence itself, not a gap", elbo),
        Suspect("that is an ELBO or the evidence itself, not a gap", optimum),
        Suspect("that is an ELBO or the evidence itself, not a gap", log_evidence),
        Suspect("the sign: that is ELBO - log p(x), the whole gap", elbo - log_evidence),
        Suspect("the sign, and the two gaps are exchanged", -other),
        Suspect("a quotient, where a difference is meant", log_evidence / optimum),
        Suspect("a quotient, where a difference is meant", optimum / elbo),
        Suspect("a fraction of the whole gap: in nats, it is not divided", own / sum(right)),
        Suspect("exp of the gap: in nats, it is the difference alone", np.exp(own)),
        Suspect("a sum, where a difference is meant", log_evidence + optimum),
        Suspect("a sum, where a difference is meant", optimum + elbo),
        Suspect("averaged over the datapoints: each has its own gap", own.mean()),
        Suspect("summed over the datapoints: each has its own gap", own.sum()),
        Suspect("averaged over the datapoints: each has its own gap", np.full(N, own.mean())),
    ]


def posterior_mean_first(
    heaviest: Any,
    weighted: Any,
    bare: Any,
    log_w: Any,
    right: Any,
    S: Any,
    shifted: Any,
    together: Any,
    values: Any,
    w: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of posterior mean, part 1."""
    return [
        Suspect("the weights are not used", values.mean(axis=0)),
        *(Suspect(bare, (v * values).sum(axis=0)) for v in (w, shifted)),
        *(Suspect(bare, (v * values).mean(axis=0)) for v in (w, shifted)),
        Suspect(
            "normalized over the datapoints: samples are axis 0",
            (w * values / w.sum(axis=1, keepdims=True)).sum(axis=0),
        ),
        *(Suspect(together, (v * values).sum(axis=0) / v.sum()) for v in (w, shifted)),
        Suspect("log weights used as weights", weighted(log_w[..., None], values)),
        Suspect("1 / w: the sign of log_w is wrong", weighted(1 / w, values)),
        Suspect("the squared weights", weighted(w**2, values)),
        Suspect("the square root of the weights", weighted(np.sqrt(w), values)),
        *(
            Suspect("summed over the datapoints too: each has its own image", wrong)
            for wrong in (
                (w * values).sum(axis=(0, 1)) / w.sum(),
                (w * values).sum(axis=(0, 1)),
                right.sum(axis=0),
            )
        ),
        Suspect("divided by S: divide by the sum of the weights", right / S),
        Suspect("divided by S a second time", right * S),
        Suspect(
            "the mean of the weights, where their sum is meant (or a sum, where a mean is meant)",
            (w * values).mean(axis=0) / w.sum(axis=0),
        ),
        Suspect("the values of the largest weight alone", heaviest(log_w, values)),
        Suspect("the median, where the weighted mean is meant", np.median(values, axis=0)),
        Suspect("divided by the sum of the squares", (w * values).sum(axis=0) / (w**2).sum(axis=0)),
        Suspect("divided by the largest weight: divide by the sum", (w * values).sum(0) / w.max(0)),
        Suspect("divided by the sum of the values", (w * values).sum(axis=0) / values.sum(axis=0)),
        Suspect("a mean over the pixels too: one value for each", right.mean(axis=-1)),
        Suspect("a mean over the datapoints too: one image for each", right.mean(axis=0)),
        Suspect("no sum over the samples (axis 0)", w * values / w.sum(axis=0)),
        Suspect(
            "one set of weights for all datapoints", weighted(w.mean(1, keepdims=True), values)
        ),
        Suspect("one set of weights for all datapoints", weighted(w[:, :1], values)),
    ]


def posterior_mean_further(
    right: Any,
    values: Any,
    w: Any,
) -> list[Suspect]:
    """Mistakes in the exercise of posterior mean, part 2."""
    return [
        Suspect("that is the log of the weighted mean", np.log(np.abs(right))),
        Suspect(
            "softmax over the wrong axis: samples are axis 0",
            (w / w.sum(axis=1, keepdims=True) * values).mean(axis=0),
        ),
    ]
