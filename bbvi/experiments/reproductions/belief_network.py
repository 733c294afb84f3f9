"""The linear sigmoid belief network on binarized MNIST (Tucker et al. 2017; Grathwohl et al. 2018).

    b ~ Bernoulli(prior), 200 of them;   x | b ~ Bernoulli(sigmoid(W (2 b - 1) + c));
    q(b | x) = Bernoulli(sigmoid(A (2 x - 1) + a)).

W (2 b - 1) + c = (2 W) b + (c - W 1), so that the kernel for 0/1 latents serves as it is, and its
gradients (dV, dv) come back as dW = 2 dV - 1 dv^T, dc = dv.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.special import logit

from bbvi import backends
from bbvi.datasets import mnist
from bbvi.estimators import ESTIMATORS, draw_noise, nvil, surrogates
from bbvi.estimators.baselines import constant
from bbvi.estimators.elbo import elbo_integrand
from bbvi.estimators.specification import Specification
from bbvi.experiments.reproductions.entries import Published, Reproduction
from bbvi.experiments.sweep import Cell
from bbvi.families import Bernoulli
from bbvi.models import BernoulliLikelihood, BernoulliPrior, DeepLatentModel
from bbvi.nets import MLP, astype
from bbvi.optimizers import Optimizer, adam, advance
from bbvi.threads import one_blas_thread
from bbvi.types import Array, Estimate, Target, Theta

LATENTS, BATCH = 200, 24
SAMPLES = {"leave-one-out": 2}
"""Two evaluations each: leave-one-out has two samples, DisARM one pair."""
Estimating = Callable[[Target, Array, Array, Array], Estimate]


def network(width: int) -> tuple[DeepLatentModel, MLP, Bernoulli]:
    """Model, encoder and family for so many pixels."""
    model = DeepLatentModel(BernoulliPrior(LATENTS), MLP((LATENTS, width)), BernoulliLikelihood())
    return model, MLP((width, LATENTS)), Bernoulli(LATENTS)


def centred(theta: Theta) -> Theta:
    """Gradients (dW, dc) at W (2 b - 1) + c from (dV, dv) at V b + v; dV is overwritten."""
    dV, dv = theta["decoder.W0"], theta["decoder.b0"]
    dV *= 2
    dV -= dv
    return {**theta, "decoder.W0": dV, "decoder.b0": dv}


def for_the_kernel(theta: Theta, V: Array | None = None) -> Theta:
    """V = 2 W, written into ``V`` if given, and v = c - W 1."""
    W, c = theta["decoder.W0"], theta["decoder.b0"]
    return {**theta, "decoder.W0": np.multiply(W, 2, out=V), "decoder.b0": c - W.sum(axis=0)}


def scaled(grads: Theta, by: float) -> Theta:
    """The same arrays, multiplied by a number in place."""
    for gradient in grads.values():
        gradient *= by
    return grads


def scale_alone(optimizer: Optimizer) -> Optimizer:
    """The optimizer of a surrogate whose network stays 0: only the scale moves."""

    def update(grads: Theta, state: Any, params: Theta) -> tuple[Theta, Any]:
        held = {key: np.zeros_like(value) for key, value in grads.items()}
        return optimizer.update({**held, "scale": grads["scale"]}, state, params)

    return optimizer._replace(update=update)


SURROGATES = {"relax": adam(0.01), "rebar-learned": scale_alone(adam(0.01))}
"""What moves c; RELAX without its network is REBAR with a learned scale (Tucker et al., 3.2)."""


def specification(name: str) -> Specification:
    """Of the estimator by its name in a cell."""
    return ESTIMATORS["relax" if name in SURROGATES else name]


def estimating(name: str, rng: np.random.Generator, family: Bernoulli, width: int) -> Estimating:
    """(target, lam, eps, x) -> Estimate; what learns as it goes keeps its state inside."""
    record = specification(name)
    if name == "nvil":
        state = nvil.begin(rng, MLP((width, 32, 1)))

        def with_baseline(target: Target, lam: Array, eps: Array, x: Array) -> Estimate:
            nonlocal state
            baseline = constant(nvil.predict(state, x))
            estimate = record.elbo(family, target, lam, eps, baseline=baseline)
            state = nvil.after(state, x, estimate.elbo)
            return estimate

        return with_baseline
    if name in SURROGATES:
        learned = surrogates.begin(rng, family.num_params, optimizer=SURROGATES[name])

        def with_surrogate(target: Target, lam: Array, eps: Array, x: Array) -> Estimate:
            nonlocal learned
            f = elbo_integrand(family, target, lam)
            estimate, learned = surrogates.estimate_and_learn(learned, family, f, lam, eps)
            return estimate

        return with_surrogate
    return lambda target, lam, eps, x: record.elbo(family, target, lam, eps)


def measure(cell: Cell, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Training ELBO of one estimator, the mean of an epoch, at some epochs."""
    x = mnist(binarize="larochelle").train.x
    # BLAS is held to one thread once, not in each of the many small products.
    with one_blas_thread:
        curve = dict(train(x, cell, rng))
    shown = [epoch for epoch in curve if epoch in EPOCHS or epoch == cell["epochs"]]
    return [_row(cell, epoch, curve[epoch]) for epoch in shown]


def train(x: Array, cell: Cell, rng: np.random.Generator) -> Iterator[tuple[int, float]]:
    """(epoch, mean ELBO of its minibatches) for every epoch."""
    name, width = cell["estimator"], x.shape[1]
    model, encoder, family = network(width)
    theta, phi = astype(model.init(rng), np.float32), astype(encoder.init(rng), np.float32)
    means = np.clip(x.mean(axis=0, dtype=np.float64), 1e-3, 1 - 1e-3)
    theta["decoder.b0"] = logit(means).astype(np.float32)
    optimizer = adam(cell["rate"], beta2=0.99999)
    moments = [optimizer.init(theta), optimizer.init(phi)]
    estimate_of, S = estimating(name, rng, family, width), SAMPLES.get(name, 1)
    inputs, V, steps = 2 * x - 1, np.empty_like(theta["decoder.W0"]), len(x) // BATCH
    for epoch in range(1, cell["epochs"] + 1):
        order, total = rng.permutation(len(x)), 0.0
        for step in range(steps):
            rows = order[step * BATCH : (step + 1) * BATCH]
            batch = x[rows]
            lam, pullback = backends.encode(encoder, phi, inputs[rows], "kernel")
            target = backends.unchecked_target(model, for_the_kernel(theta, V), batch, "kernel")
            eps = draw_noise(specification(name), family, rng, S, BATCH, np.float32)
            estimate = estimate_of(target, lam, eps, batch)
            slope = centred(scaled(estimate.grad_theta, 1 / BATCH))  # type: ignore[arg-type]
            theta, moments[0] = advance(optimizer, slope, moments[0], theta)
            towards = pullback((estimate.grad / BATCH).astype(np.float32))
            phi, moments[1] = advance(optimizer, towards, moments[1], phi)
            total += float(estimate.elbo.mean())
        yield epoch, total / steps


def _row(cell: Cell, epoch: int, elbo: float) -> dict[str, Any]:
    name = NAMES[cell["estimator"]]
    if cell["rate"] != RATE:
        name = f"{name} with step {cell['rate']:g}"
    return {
        "quantity": f"{name}, training ELBO, epoch {epoch}",
        "value": elbo,
        "panel": "training ELBO",
        "series": name,
        "x": epoch,
    }


NAMES = {
    "nvil": "NVIL",
    "rebar": "REBAR, scale 1",
    "rebar-learned": "REBAR",
    "relax": "RELAX",
    "disarm": "DisARM",
    "leave-one-out": "leave-one-out",
    "muprop": "MuProp",
}
EPOCHS = (1, 2, 4, 6, 10, 20, 40, 80, 120, 130, 210, 220, 300, 310, 480, 490, 950)
CURVES = {
    "REBAR": {130: "-116.84", 220: "-115.03", 310: "-114.12", 490: "-112.98", 950: "-111.63"},
    "RELAX": {120: "-116.56", 210: "-114.72", 300: "-113.65", 480: "-112.54", 950: "-111.23"},
}
FINAL = {"Concrete": "-111.3", "NVIL": "-112.5", "MuProp": "-111.7", "REBAR": "-111.6"}
TWO_LAYERS = {"Concrete": "-99.62", "NVIL": "-99.6", "MuProp": "-99.07", "REBAR": "-98.22",
              "RELAX": "-98.00"}  # fmt: skip
VALIDATION = {"REBAR": "-114.32", "RELAX": "-113.62"}
OF_THE_README = {2084: "-231.03", 4168: "-156.87", 6252: "-143.47", 8336: "-137.65"}
TABLE, LAST = "table 1", 950
FIGURE = "MNIST_L1.pdf of duvenaud/relax, coordinates; table 1 of both"
BY = {"REBAR": "Tucker et al.", "RELAX": "Grathwohl et al."}
RATE, OTHER_RATES, FEW_EPOCHS = 1e-3, (3e-3, 3e-4), 40


def _final(name: str, value: str, by: str = "Tucker et al.") -> Published:
    """After 2,000,000 steps; of estimators that ours does not have, listed only."""
    of_ours = name in NAMES.values()
    return Published(f"{name}, training ELBO, epoch {LAST}", value, by, TABLE, "within",
                     tolerance=1.0, place=("training ELBO", name, LAST),
                     obstacle="" if of_ours else "it was not trained")  # fmt: skip


def _listed_only() -> list[Published]:
    """What other networks and other data give."""
    two = "two layers of latents are not built"
    listed = [
        Published(f"{name}, two layers, training ELBO, epoch {LAST}", value,
                  BY.get(name, "Tucker et al."), TABLE, obstacle=two)
        for name, value in TWO_LAYERS.items()
    ]  # fmt: skip
    listed += [
        Published(f"{name}, validation ELBO, epoch {LAST}", value, BY[name], TABLE,
                  obstacle=f"it is that after {LAST} epochs, and ours measures training alone")
        for name, value in VALIDATION.items()
    ]  # fmt: skip
    return listed + [
        Published(f"REBAR, two layers, training ELBO, step {step}", value, "Tucker et al.",
                  "README, step size 3e-4", obstacle=two)
        for step, value in OF_THE_README.items()
    ]  # fmt: skip


def _cell(name: str, epochs: int, rate: float = RATE) -> Cell:
    return {"estimator": name, "rate": rate, "epochs": epochs}


ENTRY = Reproduction(
    title="The linear sigmoid belief network on binarized MNIST",
    source="Tucker et al. (2017), REBAR; Grathwohl et al. (2018), RELAX; " + FIGURE,
    setup="200 Bernoulli latents, linear decoder on 2 b - 1 and encoder on 2 x - 1, output bias "
    "from the pixel means, learned prior, Larochelle's binarization, batch 24, Adam with beta2 "
    f"0.99999 and step {RATE:g}; an epoch is 2083 steps; training ELBO, mean over an epoch. One "
    "seed, float32, kernel with 0/1 latents. Theirs: the best of several step sizes. A step takes "
    "1.9 ms (DisARM, leave-one-out) to 2.5 ms (RELAX) on one core; of REBAR's 2.2 ms the matrix "
    "products take 0.65, Adam 0.6.",
    assumptions=(
        "The step size of the published curves is the best of 0.005 to 0.00005, not told. The best "
        "after 6 epochs is not the best later. Training ELBO of REBAR with scale 1 after 6 and 40 "
        "epochs: -133.1 and -123.9 with 0.003; -144.0 and -123.1 with 0.001; -150.3 and -130.4 "
        f"with 0.0003. Ours is {RATE:g}.",
        "REBAR's scale is learned, as in the paper, its temperature 0.5 is held fixed; theirs is "
        "learned. How much depends on the scale: held at 1, REBAR ends 2.3 nats lower, and 1.4 "
        "below the published curve.",
        "RELAX's surrogate starts as REBAR's and adds one tanh layer of 16 units. How much these "
        "16 units and the temperature matter was not measured.",
        "'Within 1 nat' tells REBAR and RELAX from NVIL and from a fixed scale, not from each "
        "other: DisARM, leave-one-out, REBAR and RELAX end within 1.1 nats after 130 epochs.",
        "The picture draws values below -135 at -135.",
    ),
    measure=measure,
    cells=[
        *(_cell(name, 130) for name in NAMES),
        *(_cell("rebar", FEW_EPOCHS, rate) for rate in OTHER_RATES),
    ],
    published=[
        *(
            Published(f"{name}, training ELBO, epoch {epoch}", value, BY[name], FIGURE, "within",
                      tolerance=1.0, place=("training ELBO", name, epoch))
            for name, curve in CURVES.items()
            for epoch, value in curve.items()
        ),
        *(_final(name, value) for name, value in FINAL.items()),
        _final("RELAX", "-111.20", BY["RELAX"]),
        *_listed_only(),
    ],
    not_run="epochs 131 to 950; two layers of latents and the validation ELBO are not "
    "part of this reproduction.",
    time="an hour for 130 epochs of seven estimators, and 40 of two more step sizes",
    axes=("epoch", "training ELBO (nats)"),
    logarithmic="x",
    floor=-135.0,
)  # fmt: skip
