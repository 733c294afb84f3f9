"""All figures of the README and of the notebooks, each with the rows behind it."""

import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from bbvi import backends
from bbvi.datasets import Dataset, digits, train_test_split
from bbvi.estimators import sticking_the_landing
from bbvi.evaluation import inference_gap
from bbvi.experiments import methods, variance, variance_grid
from bbvi.experiments.catalogue import problem_of
from bbvi.experiments.compare_results import difference_rows
from bbvi.experiments.compare_seeds import compare_seeds
from bbvi.experiments.csv_and_json import write_csv
from bbvi.families import DiagonalGaussian
from bbvi.files import write_atomically
from bbvi.lectures import naive_evidence as naive
from bbvi.lectures import step_1_watched as watched
from bbvi.lectures.digits_decoder import digits_decoder
from bbvi.lectures.images import load_images
from bbvi.lectures.latent_maps import compare_codes
from bbvi.lectures.latent_space import manifold_grid, vae_pictures
from bbvi.lectures.networks import lecture_network
from bbvi.lectures.priors import compare_priors
from bbvi.lectures.vae import train_vae
from bbvi.models import LinearGaussian, MixtureOfGaussians
from bbvi.nets import part
from bbvi.plotting import compare as compare_plots
from bbvi.plotting import diagrams as drawings
from bbvi.plotting import lectures as plots
from bbvi.plotting import models as model_plots
from bbvi.plotting import vae as vae_plots
from bbvi.plotting import variance as variance_plots
from bbvi.plotting.moving import step_1_page
from bbvi.plotting.style import styled, with_palette
from bbvi.plotting.variance_rows import pictures

Rows = Sequence[Mapping[str, Any]]

SHOWN = (0, 5)
"""Digits whose posteriors are drawn."""


class Drawn(NamedTuple):
    """One name: a figure or an HTML page, and the rows behind it; None where another has them."""

    picture: Figure | str | None
    rows: Rows | None


def naive_evidence(rng: np.random.Generator, quick: bool) -> dict[str, Drawn]:
    """Why log p(x) is not estimated from the prior."""
    sizes: dict[str, Any] = {"samples": (1, 10, 100), "replicates": 40} if quick else {}
    rows = naive.naive_evidence(rng, **sizes)
    return {"naive_evidence": Drawn(plots.naive_figure(rows), rows)}


def elbo_gap(rng: np.random.Generator, quick: bool) -> dict[str, Drawn]:
    """log p(x) = ELBO + KL, where q can be exact and where it cannot."""
    decoder = digits_decoder(rng, 150 if quick else 1500)
    x, family = digits(binarize=False).x, DiagonalGaussian(2)
    model = LinearGaussian(2, x.shape[1])
    linear = watched.watch_step_1(
        model, family, model.fit_ml(x), x[:1], rng, estimator=sticking_the_landing, num_steps=150
    )
    # The digit whose posterior is furthest from every such q shows the gap best.
    some = digits().x[: 10 if quick else 60]
    start = family.init(len(some))
    gap = inference_gap(decoder.model, family, decoder.theta, start, some, rng, progress=False)
    one = some[[gap.approximation.argmax()]]
    deep = watched.watch_step_1(decoder.model, family, decoder.theta, one, rng, num_steps=150)
    courses = {
        "Linear decoder: the posterior is such a q": linear,
        "Decoder network: no such q is exact": deep,
    }
    rows = [
        {"model": name, **row}
        for name, course in courses.items()
        for row in watched.course_rows(family, course)
    ]
    picture = plots.gap_figure({name: (course, 0) for name, course in courses.items()})
    return {"elbo_gap": Drawn(picture, rows)}


def step_1(rng: np.random.Generator, quick: bool) -> dict[str, Drawn]:
    """Step 1 watched on two digits, as a still and as a moving picture."""
    decoder = digits_decoder(rng, 150 if quick else 1500)
    model, family, x = decoder.model, decoder.family, digits().x[list(SHOWN)]
    steps = (0, 5, 10, 20) if quick else (0, 5, 15, 60)
    course = watched.watch_step_1(model, family, decoder.theta, x, rng, num_steps=steps[-1])
    grids = watched.landscapes(model, decoder.theta, x)
    frames = steps if quick else None
    page = step_1_page(grids[0], family, course, x[0], (8, 8), frames=frames)
    return {
        "step_1": Drawn(
            plots.step_1_figure(grids, family, course, x, (8, 8), steps),
            watched.course_rows(family, course),
        ),
        "step_1_moving": Drawn(page, None),
    }


def compare(rng: np.random.Generator, quick: bool) -> dict[str, Drawn]:
    """The lectures' procedures side by side over seeds: what ``bbvi compare`` itself draws."""
    source = partial(problem_of, None, "digits", 0, 2, "float32")
    settings = methods.QUICK._replace(evaluations=20_000) if quick else methods.Settings()
    result = compare_seeds(source, num_seeds=2 if quick else 5, settings=settings)
    problem = source()
    slides = compare_plots.slides(
        result.rows,
        result.summary,
        result.curves,
        result.posteriors,
        problem.test.x,
        problem.image_shape,
        f"Ways to infer on digits, at equal evaluations, {result.summary[0]['seeds']} seeds",
    )
    return {
        **{name: Drawn(picture, None) for name, picture in slides.items()},
        "compare": Drawn(slides["compare"], result.summary),
        "compare_curves": Drawn(None, result.curves),
        "compare_differences": Drawn(None, difference_rows(result.differences)),
    }


def gradient_variance(rng: np.random.Generator, quick: bool) -> dict[str, Drawn]:
    """How noisy each gradient is: on digits, and where the pathwise one loses."""
    seed = int(rng.integers(2**31))
    grid = variance_grid.QUICK if quick else variance_grid.FULL
    drawn = {}
    for model, estimators in (
        ("digits", None),
        ("cosine", ("score-function", "leave-one-out", "reparameterized", "measure-valued")),
    ):
        chosen = grid._replace(models=(model,), estimators=estimators)
        if model == "cosine":
            chosen = chosen._replace(samples=(4,), dimensions=(1,), points=("start",))
        rows = variance.variance(chosen, seed=seed, progress=False).rows
        [*_, (_, block, mine)] = [p for p in pictures(rows) if p[1] == "mean"]
        figures = variance_plots.figures(model, block, mine)
        wanted = ("frequencies",) if model == "cosine" else ("curves", "ranking")
        for name in wanted:
            table = mine if name != "ranking" else None
            drawn[f"variance_{model}_{name}"] = Drawn(figures[name], table)
    return drawn


def mixture_prior(rng: np.random.Generator, quick: bool) -> dict[str, Drawn]:
    """The components that a trainable mixture prior has learned, over the digits' posteriors."""
    prior = MixtureOfGaussians(latent_dim=2, num_components=6)
    decoder = digits_decoder(rng, 150 if quick else 3000, prior)
    weights, means, covariances = prior.moments(part(decoder.theta, "prior"))
    x, labels = digits()
    lam, _ = backends.encode(decoder.encoder, decoder.phi, x)
    assert labels is not None
    picture = plots.mixture_figure(weights, means, covariances, lam[:, :2], labels)
    rows = [
        {
            "component": k,
            "weight": weights[k],
            **{f"mean_{d + 1}": means[k, d] for d in range(2)},
            **{f"cov_{i + 1}{j + 1}": covariances[k, i, j] for i in range(2) for j in range(2)},
        }
        for k in range(len(weights))
    ]
    return {"mixture_prior": Drawn(picture, rows)}


def priors(rng: np.random.Generator, quick: bool) -> dict[str, Drawn]:
    """What a mixture prior gains on held-out digits, and its components in the latent space."""
    train, test = (part._replace(x=part.x.astype(np.float32)) for part in split_digits(rng))
    options: dict[str, Any] = {"decoders": ((2, 64),), "num_steps": 60} if quick else {}
    comparison = compare_priors(train, test, rng, **options)
    assert test.labels is not None
    picture = model_plots.priors_figure(comparison.rows, comparison.fitted, test.labels)
    return {"priors": Drawn(picture, comparison.rows)}


def codes(rng: np.random.Generator, quick: bool) -> dict[str, Drawn]:
    """Principal components, a plain autoencoder and a variational one, side by side."""
    train, test = (part._replace(x=part.x.astype(np.float32)) for part in split_digits(rng))
    options = {"num_steps": 60, "evidence_rows": 5} if quick else {}
    comparison = compare_codes(train, test, rng, **options)
    assert test.labels is not None
    picture = model_plots.codes_figure(comparison.rows, comparison.codes, test.labels)
    return {"codes": Drawn(picture, comparison.rows)}


def split_digits(rng: np.random.Generator) -> tuple[Dataset, Dataset]:
    """The binary digits, one in five held out."""
    return train_test_split(rng, *digits())


def vae(rng: np.random.Generator, quick: bool) -> dict[str, Drawn]:
    """The latent space of the lecture's autoencoder on held-out digits, and its manifold."""
    data_rng, train_rng, picture_rng = rng.spawn(3)
    images = load_images("digits", data_rng)
    network = lecture_network(images.train.x.shape[1])
    trained = train_vae(
        network,
        images.train.x,
        train_rng,
        epochs=8 if quick else images.epochs,
        batch_size=images.batch_size,
        evaluation_samples=images.evaluation_samples,
        log_every=images.log_every,
        progress=False,
    )
    x, labels = images.test
    assert labels is not None
    shown = vae_pictures(network, trained.theta, trained.phi, x, labels, picture_rng)
    figures = vae_plots.vae_figures(shown, trained.iterations, trained.epochs)
    points = [
        {"label": int(label), **{f"mean_{d + 1}": value for d, value in enumerate(mean)}}
        for label, mean in zip(shown.labels, shown.means)
    ]
    epochs = [{key: row[key] for key in ("epoch", "objective")} for row in trained.epochs]
    pixels = [
        {f"z_{d + 1}": round(float(value), 4) for d, value in enumerate(z)}
        | {f"pixel_{j}": round(float(value), 2) for j, value in enumerate(image)}
        for z, image in zip(manifold_grid(network.model.latent_dim), shown.manifold)
    ]
    return {
        "vae_latent_space": Drawn(figures["latent_space"], points),
        "vae_manifold": Drawn(figures["manifold"], pixels),
        "vae_objective": Drawn(figures["objective"], epochs),
    }


def diagrams(rng: np.random.Generator, quick: bool) -> dict[str, Drawn]:
    """What needs no numbers: the model as plates, the two autoencoders, the ways of a gradient."""
    pictures = {
        "plate_model": drawings.plate_model(),
        "autoencoder_and_vae": drawings.autoencoder_and_vae(),
        "sampling_as_input": drawings.sampling_moved_to_the_input(),
        "two_gradients": drawings.two_gradients(),
    }
    return {f"diagram_{name}": Drawn(picture, None) for name, picture in pictures.items()}


FIGURES: dict[str, Callable[[np.random.Generator, bool], dict[str, Drawn]]] = {
    "compare": compare,
    "variance": gradient_variance,
    "naive-evidence": naive_evidence,
    "elbo-gap": elbo_gap,
    "step-1": step_1,
    "mixture-prior": mixture_prior,
    "priors": priors,
    "codes": codes,
    "vae": vae,
    "diagrams": diagrams,
}
"""Name -> (rng, quick) -> file name -> what to write there."""


def compact_png(figure: Figure, dpi: float | None = None, widest: int = 2000) -> bytes:
    """The figure as a small PNG, for version control.

    By default in 120 dots per inch, or fewer, so that it is at most ``widest`` pixels wide.
    """
    full = io.BytesIO()
    with styled():
        dpi = min(120.0, widest / figure.get_size_inches()[0]) if dpi is None else dpi
        figure.savefig(full, format="png", dpi=dpi)
    return with_palette(full.getvalue())


def write(folder: Path, drawn: Mapping[str, Drawn], dpi: float | None = None) -> list[Path]:
    """Write each figure as PNG, each page as HTML, and the rows as CSV; returns the paths."""
    paths = []
    for name, (picture, rows) in drawn.items():
        if isinstance(picture, str):
            paths.append(folder / f"{name}.html")
            write_atomically(paths[-1], picture.encode())
        elif picture is not None:
            paths.append(folder / f"{name}.png")
            write_atomically(paths[-1], compact_png(picture, dpi))
        if rows is not None:
            paths.append(folder / f"{name}.csv")
            write_csv(paths[-1], rows)
    return paths
