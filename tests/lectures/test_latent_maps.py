"""The plain autoencoder beside the VAE and PCA, and mixture priors beside N(0, I)."""

import numpy as np
import pytest

from bbvi import MLP, BernoulliLikelihood, DeepLatentModel, StandardNormal
from bbvi.backends import autodiff
from bbvi.datasets import digits, train_test_split
from bbvi.inference import fit_autoencoder
from bbvi.lectures.latent_maps import compare_codes
from bbvi.lectures.priors import compare_priors
from bbvi.optimizers import sgd
from bbvi.plotting.models import codes_figure, priors_figure


def split():
    parts = train_test_split(np.random.default_rng(0), *digits())
    return [part._replace(x=part.x.astype(np.float32)) for part in parts]


class TestAutoencoder:
    def test_one_step_is_the_gradient_of_the_reconstruction(self):
        """theta moves by rate * d/dtheta mean log p(x | g(x)), and phi by the chain rule."""
        model = DeepLatentModel(StandardNormal(2), MLP((2, 4)), BernoulliLikelihood())
        encoder, x = MLP((4, 2)), (np.random.default_rng(0).random((3, 4)) < 0.5) * 1.0

        def run(num_steps, rate):
            return fit_autoencoder(
                model, x, np.random.default_rng(1), encoder=encoder, num_steps=num_steps,
                optimizer=sgd(rate), batch_size=3,
            )  # fmt: skip

        start, moved = run(1, 1e-9), run(1, 1e-3)

        def objective(theta, phi):
            z = encoder(phi, x)[None]
            log_p = autodiff.target(model, theta, x).value(z) - model.prior.log_prob({}, z)
            return log_p.mean()

        for which in ("theta", "phi"):
            for key, value in getattr(start, which).items():
                found = (getattr(moved, which)[key] - value) / 1e-3
                for index in np.ndindex(value.shape):
                    sides = []
                    for step in (1e-5, -1e-5):
                        changed = {**getattr(start, which), key: value.copy()}
                        changed[key][index] += step
                        both = {"theta": start.theta, "phi": start.phi, which: changed}
                        sides.append(objective(**both))
                    assert abs((sides[0] - sides[1]) / 2e-5 - found[index]) < 1e-4

    def test_bad_input(self):
        model = DeepLatentModel(StandardNormal(2), MLP((2, 4)), BernoulliLikelihood())
        with pytest.raises(ValueError, match=r"expected 4 inputs .* and 2 outputs"):
            fit_autoencoder(model, np.zeros((3, 4)), np.random.default_rng(0), encoder=MLP((4, 4)))


@pytest.mark.slow
def test_only_the_variational_codes_look_like_the_prior():
    train, test = split()
    found = compare_codes(train, test, np.random.default_rng(0), num_steps=1500, evidence_rows=30)
    rows = {row["method"]: row for row in found.rows}
    assert rows["autoencoder"]["squared_error"] < rows["PCA"]["squared_error"]
    assert rows["autoencoder"]["code_scale"] > 2
    assert 0.7 < rows["VAE"]["code_scale"] < 1.4
    assert rows["VAE"]["log_evidence"] > rows["autoencoder"]["log_evidence"] + 3
    figure = codes_figure(found.rows, found.codes, test.labels)
    assert len(figure.axes) == 6


@pytest.mark.slow
def test_the_mixture_prior_gains_on_held_out_digits():
    train, test = split()
    found = compare_priors(
        train, test, np.random.default_rng(0), decoders=((8, 64),), num_steps=1200
    )
    plain, mixture = found.rows
    assert mixture["gain"] > 5 * mixture["gain_se"] > 0
    assert mixture["gain"] == pytest.approx(mixture["test_elbo"] - plain["test_elbo"], abs=1e-4)
    figure = priors_figure(found.rows, found.fitted, test.labels)
    assert len(figure.axes) == 2
