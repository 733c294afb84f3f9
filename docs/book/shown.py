"""What the pages of families, likelihoods and procedures show: instances and pictures."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import bbvi
from bbvi import families, inference, models
from bbvi.datasets import breast_cancer, iris
from bbvi.nets import MLP
from bbvi.optimizers import adam
from book.pictures import BLUE, RED, new_figure, png

CAPTIONS = {
    "families": "Two thousand draws at a lam chosen by a fixed seed; a discrete q with the "
    "frequency of each value.",
    "likelihoods": "Rows: 60 values of z from -2 to 2, each decoded by the same small network, and "
    "one draw of x. Columns: the entries of x.",
    "procedures": "The estimated objective of each step, nats per datapoint; dashed, where it is "
    "known, the largest log p(x).",
}

FAMILIES: dict[str, Callable[[], Any]] = {
    "Bernoulli": lambda: families.Bernoulli(3),
    "Categorical": lambda: families.Categorical(2, 3),
    "LabelAndGaussian": lambda: families.LabelAndGaussian(3, 1),
    "MeanField": lambda: families.MeanField((families.Bernoulli(1), families.DiagonalGaussian(1))),
    "SmoothMeanField": lambda: families.SmoothMeanField(
        (families.Gamma(1), families.DiagonalGaussian(1))
    ),
}
"""Name -> an instance, where it is not the family with D = 2 as its one argument."""

LIKELIHOODS: dict[str, tuple[Callable[[], Any], int]] = {
    "CategoricalLikelihood": (lambda: models.CategoricalLikelihood(4), 32),
    "AutoregressiveCategorical": (lambda: models.AutoregressiveCategorical(8, 4, 12), 12),
    "GaussianLikelihood": (lambda: models.GaussianLikelihood(0.3), 8),
    "ScalarScaleGaussian": (models.ScalarScaleGaussian, 9),
    "DiagonalScaleGaussian": (models.DiagonalScaleGaussian, 16),
    "CholeskyGaussian": (models.CholeskyGaussian, 14),
    "FlippedBernoulli": (lambda: models.FlippedBernoulli(0.1), 8),
    "BlockCounts": (lambda: models.BlockCounts(4, 2), 16),
}
"""Name -> an instance, and the number of decoder outputs that it reads, where these are not the
likelihood without arguments and 8."""


def generator(name: str) -> np.random.Generator:
    """A generator that depends on the name alone."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(name.encode(), "little") % 2**32))


def family_of(name: str) -> Any:
    """The family that is shown."""
    return FAMILIES[name]() if name in FAMILIES else getattr(families, name)(2)


def likelihood_of(name: str) -> tuple[Any, int]:
    """The likelihood that is shown, and the decoder outputs that it reads."""
    make, outputs = LIKELIHOODS.get(name) or (getattr(models.likelihoods, name), 8)
    return make(), outputs


def draws_of(name: str) -> tuple[Any, Any]:
    """A family's instance and 2000 draws (2000, D)."""
    family, rng = family_of(name), generator(name)
    lam = family.init(1) + 0.6 * rng.standard_normal((1, family.num_params))
    return family, family.transform(lam, family.noise(rng, 2000, 1))[:, 0]


def families_picture(name: str) -> bytes:
    """Draws in the plane, or how often each value comes."""
    _, z = draws_of(name)
    figure, (axes,) = new_figure(1, 5.6, 3.6)
    continuous = [d for d in range(z.shape[1]) if not np.isin(z[:, d], (0, 1)).all()]
    if len(continuous) >= 2:
        axes.plot(z[:, 0], z[:, 1], ".", ms=2.5, color=BLUE, alpha=0.5)
        axes.set(xlabel="$z_1$", ylabel="$z_2$")
    elif continuous:
        d = continuous[0]
        labels = z[:, :d] @ np.arange(1, d + 1)
        for value in np.unique(labels):
            part = z[labels == value, d]
            axes.hist(part, bins=40, histtype="step", label=f"discrete part {value:g}")
        axes.set(xlabel=f"$z_{{{d + 1}}}$", ylabel="draws")
        axes.legend(frameon=False, fontsize=8)
    else:
        values, counts = np.unique(z.astype(int), axis=0, return_counts=True)
        axes.bar(["".join(map(str, row)) for row in values], counts / len(z), color=BLUE)
        axes.set(xlabel="z", ylabel="frequency")
    axes.spines[["top", "right"]].set_visible(False)
    return png(figure)


def likelihoods_picture(name: str) -> bytes:
    """Data drawn along a line of z."""
    (likelihood, outputs), rng = likelihood_of(name), generator(name)
    decoder = MLP((1, 8, outputs))
    params = {key: 2 * value for key, value in decoder.init(rng).items()}
    z = np.linspace(-2, 2, 60)[:, None]
    x = likelihood.sample(rng, likelihood.init(rng), decoder(params, z))
    figure, (axes,) = new_figure(1, 5.6, 3.6)
    image = axes.imshow(x, aspect="auto", extent=(0.5, x.shape[1] + 0.5, 2, -2), cmap="cividis")
    axes.set(xlabel="entry of x", ylabel="z")
    figure.colorbar(image, label="x")
    return png(figure)


def procedures_picture(name: str) -> bytes:
    """The objective along a run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit, best = run(name)
    figure, (axes,) = new_figure(1, 5.6, 3.4)
    axes.plot(fit.trace.step, fit.trace.elbo, color=BLUE, lw=1)
    if best is not None:
        axes.axhline(best, color=RED, ls="--", lw=1)
    high = max(fit.trace.elbo.max(), fit.trace.elbo.max() if best is None else best)
    low = np.quantile(fit.trace.elbo, 0.1)
    axes.set_ylim(low - 0.2 * (high - low), high + 0.1 * (high - low))
    axes.set(xlabel="step", ylabel="nats per datapoint")
    axes.spines[["top", "right"]].set_visible(False)
    return png(figure)


def run(name: str) -> tuple[Any, float | None]:
    """A short run of a procedure, and the largest log p(x) where it is known."""
    rng = generator(name)
    x = iris().x
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    q, linear = families.DiagonalGaussian(2), models.LinearGaussian(2, 4)
    encoder = MLP((4, 16, 4))
    theta = linear.fit_ml(x)
    best = float(linear.log_evidence(theta, x).mean())
    if name == "infer":
        return bbvi.infer(linear, q, theta, x, rng, num_steps=100, progress=False), best
    if name == "infer_minibatches":
        return _minibatches(rng), None
    if name == "fit_autoencoder":
        decoder = models.DeepLatentModel(
            models.StandardNormal(2), MLP((2, 16, 4)), models.LearnedScaleGaussian()
        )
        return bbvi.fit_autoencoder(
            decoder, x, rng, encoder=MLP((4, 16, 2)), num_steps=300, progress=False
        ), None
    settings: dict[str, Any] = {"num_steps": 300, "optimizer": adam(0.02), "progress": False}
    if name in ("fit_mean_field_em", "fit_monte_carlo_em", "fit_bbvi"):
        settings = {**settings, "num_steps": 60 if name == "fit_mean_field_em" else 300}
    else:
        settings["encoder"] = encoder
    if name == "fit_mean_field_em":
        settings.pop("optimizer")
    return getattr(inference, name)(linear, q, x, rng, **settings), best


def _minibatches(rng: np.random.Generator) -> Any:
    """Bayesian logistic regression, 64 of 569 rows at a step."""
    features, labels = breast_cancer()
    model = models.LogisticRegression(num_features=30, num_rows=len(features))
    data = model.pack(features, labels)
    rows = (rng.choice(len(features), 64, replace=False) for _ in range(300))
    batches = (model.minibatch(data, chosen) for chosen in rows)
    q = families.DiagonalGaussian(31)
    return bbvi.infer_minibatches(batches, q, model.init(rng), rng)


PICTURES: dict[str, Callable[[str], bytes]] = {
    "families": families_picture,
    "likelihoods": likelihoods_picture,
    "procedures": procedures_picture,
}
