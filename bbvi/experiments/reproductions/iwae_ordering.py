"""Variational and importance-weighted autoencoders in their order: VAE < IWAE < DReG.

    z ~ N(0, I_50),   x ~ Bernoulli(decoder, two hidden layers of 200, tanh),   k samples a step,
    Adam with the step size 0.001 * 10^(-i / 7) for 3^i epochs, i = 0, 1, ...

Digits are binarized anew at each visit.  The three objectives of a run start from the same
weights and see the same minibatches: their differences are paired.
"""

from typing import Any

import numpy as np
from scipy.special import logit

from bbvi import backends
from bbvi.datasets import mnist
from bbvi.estimators import dreg, iwae, reparameterized_mc
from bbvi.evaluation import log_evidence_is
from bbvi.experiments.reproductions.entries import Published, Reproduction
from bbvi.experiments.sweep import Cell
from bbvi.families import DiagonalGaussian
from bbvi.models import BernoulliLikelihood, DeepLatentModel, StandardNormal
from bbvi.nets import MLP, astype
from bbvi.optimizers import adam, advance, tree_map
from bbvi.threads import one_blas_thread
from bbvi.types import Array, Theta

OBJECTIVES = {"VAE": reparameterized_mc, "IWAE": iwae, "DReG": dreg}
BATCH, BLOCK = 20, 50

Networks = tuple[DeepLatentModel, MLP, DiagonalGaussian]


def networks(width: int, hidden: int, latents: int) -> Networks:
    """Model, encoder and family."""
    decoder = MLP((latents, hidden, hidden, width))
    model = DeepLatentModel(StandardNormal(latents), decoder, BernoulliLikelihood())
    return model, MLP((width, hidden, hidden, 2 * latents)), DiagonalGaussian(latents)


def rates(last: int) -> list[float]:
    """The step size of each epoch, for i = 0 ... last."""
    return [1e-3 * 10 ** (-i / 7) for i in range(last + 1) for _ in range(3**i)]


def binary(grey: Array, rng: np.random.Generator) -> Array:
    """Pixels on with the probability of their grey value."""
    return (rng.random(grey.shape, dtype=np.float32) < grey).astype(np.float32)


def begin(parts: Networks, grey: Array, rng: np.random.Generator) -> tuple[Theta, Theta]:
    """theta, whose output biases give the pixels' means, and phi."""
    model, encoder, _ = parts
    theta, phi = astype(model.init(rng), np.float32), astype(encoder.init(rng), np.float32)
    means = np.clip(grey.mean(axis=0, dtype=np.float64), 1e-3, 1 - 1e-3)
    theta[f"decoder.b{model.decoder.num_layers - 1}"] = logit(means).astype(np.float32)
    return theta, phi


def train(
    name: str, parts: Networks, grey: Array, cell: Cell, rng: np.random.Generator
) -> tuple[Theta, Theta]:
    """theta and phi after all epochs."""
    model, encoder, q = parts
    theta, phi = begin(parts, grey, rng)
    moments: list[Any] = [adam(1.0).init(theta), adam(1.0).init(phi)]
    for rate in rates(cell["last"]):
        optimizer, order = adam(rate, tiny=1e-4), rng.permutation(len(grey))
        for start in range(0, len(grey) - BATCH + 1, BATCH):
            x = binary(grey[order[start : start + BATCH]], rng)
            lam, pullback = backends.encode(encoder, phi, x, "kernel")
            target = backends.unchecked_target(model, theta, x, "kernel")
            estimate = OBJECTIVES[name](q, target, lam, q.noise(rng, cell["k"], BATCH, np.float32))
            slope = tree_map(lambda g: g / np.float32(BATCH), estimate.grad_theta)
            theta, moments[0] = advance(optimizer, slope, moments[0], theta)
            towards = pullback((estimate.grad / BATCH).astype(np.float32))
            phi, moments[1] = advance(optimizer, towards, moments[1], phi)
    return theta, phi


def mean_log_evidence(
    parts: Networks, theta: Theta, phi: Theta, x: Array, K: int, rng: np.random.Generator
) -> float:
    """Mean of log (1/K) sum_k p(x, z_k) / q(z_k | x); nats."""
    model, encoder, q = parts
    values = []
    for start in range(0, len(x), BLOCK):
        rows = x[start : start + BLOCK]
        target = backends.unchecked_target(model, theta, rows, "kernel")
        lam = encoder(phi, rows).astype(x.dtype)
        values.append(log_evidence_is(q, target, lam, rng, K).value)
    return float(np.concatenate(values).mean())


def measure(cell: Cell, rng: np.random.Generator) -> list[dict[str, Any]]:
    """log p of test digits after all epochs, for each objective; and the differences."""
    data = mnist()
    seed = int(rng.integers(2**32))
    held = binary(data.test.x[rng.permutation(len(data.test.x))[: cell["held"]]], rng)
    with one_blas_thread:
        return compare_objectives(data.train.x, held, cell, seed)


def compare_objectives(grey: Array, held: Array, cell: Cell, seed: int) -> list[dict[str, Any]]:
    """`measure` on given images."""
    parts = networks(grey.shape[1], cell["hidden"], cell["latents"])
    log_p = {}
    for name in OBJECTIVES:
        theta, phi = train(name, parts, grey, cell, np.random.Generator(np.random.PCG64(seed)))
        rng = np.random.Generator(np.random.PCG64(seed + 1))
        log_p[name] = mean_log_evidence(parts, theta, phi, held, cell["particles"], rng)
    rows = [{"quantity": f"log p, test, {name}", "value": value} for name, value in log_p.items()]
    return rows + [
        {"quantity": _difference(one, other), "value": log_p[one] - log_p[other]}
        for one, other in ORDER
    ]


def _difference(one: str, other: str) -> str:
    return f"{one} minus {other}, log p, test"


ORDER = (("IWAE", "VAE"), ("DReG", "IWAE"))
LAST = 2
EPOCHS = len(rates(LAST))
AFTER = "the number is that after 3280 epochs"
BURDA, NBIP = ("Burda et al.", "Table 1"), ("nbip/IWAE", "README")


PRINTED = {
    BURDA: {"VAE": ("-86.76", "-86.47", "-86.35"), "IWAE": ("-86.76", "-85.54", "-84.78")},
    NBIP: {
        "VAE": ("-86.35", "-86.10", "-86.06"),
        "IWAE": ("-86.35", "-85.18", "-84.59"),
        "DReG": ("-86.08", "-84.90", "-84.32"),
    },
}
"""Source -> objective -> log p of k = 1, 5 and 50 samples."""
FIXED = ("-88.71", "-87.63", "-87.10")
"""Fixed binarization, k = 1, 5 and 50."""


def _finals() -> list[Published]:
    """All of them belong to the whole schedule; ours has k = 5 and binarizes at each visit."""
    listed = []
    for whose, table in PRINTED.items():
        for name, numbers in table.items():
            for k, printed in zip((1, 5, 50), numbers):
                quantity = f"log p, test, {name}" + ("" if k == 5 else f", k = {k}")
                why = f"{AFTER}, ours {EPOCHS}" if k == 5 else "ours has k = 5"
                listed.append(Published(quantity, printed, *whose, obstacle=why))
    return listed + [
        Published(f"log p, test, fixed binarization, k = {k}", printed, *BURDA,
                  obstacle="ours binarizes at each visit")
        for k, printed in zip((1, 5, 50), FIXED)
    ]  # fmt: skip


ENTRY = Reproduction(
    title="VAE, IWAE and DReG with five samples: their order on test digits",
    source="Burda, Grosse and Salakhutdinov (2016), Importance weighted autoencoders, as in the "
    "READMEs of nbip/IWAE and xqding",
    setup="784-200-200-50 tanh, k = 5, minibatches of 20, binarized at each visit, Adam with guard "
    f"1e-4 and step 0.001 * 10^(-i/7) for 3^i epochs, i = 0 to {LAST} of their 0 to 7: {EPOCHS} "
    "epochs instead of 3280; log p of 500 test digits by 5000 samples; 3 runs, float32, kernel. "
    f"Their order is compared; their numbers belong to {3280 // EPOCHS} times more epochs.",
    assumptions=(
        "VAE: the mean of log w over the five samples; the same samples and network as IWAE's.",
        "The decoder's output biases start at the pixels' means, as in Burda's program.",
        "DReG moves the encoder; theta moves with IWAE's gradient in both.",
    ),
    measure=measure,
    cells=[
        {"hidden": 200, "latents": 50, "k": 5, "last": LAST, "particles": 5000, "held": 500}
    ],
    seeds=3,
    published=[
        Published(_difference("IWAE", "VAE"), "0", *BURDA, "above"),
        Published(_difference("DReG", "IWAE"), "0", *NBIP, "above"),
        *_finals(),
    ],
    time="half an hour",
    axes=("nats", ""),
)  # fmt: skip
