"""Priors of discrete latents, linear in z, on a block of rows.

log p(z) = logits . z - A(logits), so that d/dz = logits and d/dlogits = z - E[z].
"""

import numpy as np

from bbvi.backends.kernel.priors.protocol import PriorKernel
from bbvi.models import BernoulliPrior, CategoricalPrior
from bbvi.types import Array, Theta

State = tuple[Array, Array, Array]
"""logits (D,), E[z] (D,) and the log-normalizer A."""


def _prepare_bernoulli(prior: BernoulliPrior, params: Theta) -> State:
    logits = params["logits"]
    return logits, 0.5 * (1 + np.tanh(0.5 * logits)), np.logaddexp(0, logits).sum()


def _prepare_categorical(prior: CategoricalPrior, params: Theta) -> State:
    logits = params["logits"]
    grouped = logits.reshape(prior.num_variables, prior.num_categories)
    log_normalizers = np.logaddexp.reduce(grouped, axis=1)
    mean = np.exp(grouped - log_normalizers[:, None]).reshape(-1)
    return logits, mean, log_normalizers.sum()


def _value(state: State, z: Array) -> Array:
    logits, _, log_normalizer = state
    value: Array = logits @ z
    value -= log_normalizer
    return value


def _value_and_grads(state: State, z: Array, weights: Array | None) -> tuple[Array, Array, Theta]:
    logits, mean, _ = state
    dz = np.repeat(logits[:, None], z.shape[1], axis=1)
    if weights is None:
        return _value(state, z), dz, {}
    return _value(state, z), dz, {"logits": z @ weights - mean * weights.sum()}


BERNOULLI_PRIOR = PriorKernel(_prepare_bernoulli, _value, _value_and_grads)
CATEGORICAL_PRIOR = PriorKernel(_prepare_categorical, _value, _value_and_grads)
