import numpy as np
import pytest
from autograd import grad

from bbvi import checks
from bbvi.families import Bernoulli, Categorical
from bbvi.models import (
    BernoulliLikelihood,
    BernoulliPrior,
    CategoricalPrior,
    DeepLatentModel,
)
from bbvi.nets import MLP

PRIORS = [(BernoulliPrior(3), Bernoulli(3)), (CategoricalPrior(2, 3), Categorical(2, 3))]


def params(prior):
    return {"logits": np.random.default_rng(0).standard_normal(prior.latent_dim)}


@pytest.mark.parametrize(("prior", "family"), PRIORS)
def test_it_is_the_family_with_its_logits_as_lam(prior, family):
    theta, z = params(prior), family.support()
    expected = family.log_prob(theta["logits"][None], z[:, None, :])[:, 0]
    np.testing.assert_allclose(prior.log_prob(theta, z), expected, rtol=1e-12)
    np.testing.assert_allclose(np.exp(prior.log_prob(theta, z)).sum(), 1, rtol=1e-12)


@pytest.mark.parametrize(("prior", "family"), PRIORS)
def test_samples_have_its_probabilities(prior, family):
    theta, R = params(prior), 50_000
    z = prior.sample(np.random.default_rng(1), theta, R)
    values = family.support()
    counts = np.array([(z == value).all(axis=1).sum() for value in values])
    p = np.exp(prior.log_prob(theta, values))
    assert np.abs((counts - R * p) / np.sqrt(R * p * (1 - p))).max() < 5


@pytest.mark.parametrize(("prior", "family"), PRIORS)
def test_the_logits_are_learned(prior, family):
    theta, z = params(prior), family.support()[1]
    slope = grad(lambda theta: prior.log_prob(theta, z))(theta)["logits"]
    score = family.score(theta["logits"][None], z[None, None])[0, 0]
    np.testing.assert_allclose(slope, score, rtol=1e-10)


@pytest.mark.parametrize(("prior", "family"), PRIORS)
def test_a_deep_latent_model_with_it_conforms(prior, family):
    decoder = MLP((prior.latent_dim, 4, 5))
    model = DeepLatentModel(prior, decoder, BernoulliLikelihood())
    assert checks.check_model(model, np.random.default_rng(0)) is None
    assert not model.standard_normal_prior


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="latent_dim is 0"):
        BernoulliPrior(0)
    with pytest.raises(ValueError, match="num_variables is 0"):
        CategoricalPrior(0, 3)
    with pytest.raises(ValueError, match="num_categories is 1"):
        CategoricalPrior(1, 1)
