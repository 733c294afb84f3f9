"""Hard posteriors: how often does `bbvi.infer`, with its defaults, end wrong without a word?

    OMP_NUM_THREADS=1 python benchmarks/hard_posteriors.py                # all of them, three seeds
    python benchmarks/hard_posteriors.py --only modes --seeds 1

A result is *right* where every reported mean is within 0.1 standard deviations of the exact one and
every standard deviation within 10 per cent, by quadrature or a formula.  It is *told* where `infer`
raises an error or warns, or where its verdict flags the row.  What is neither is SILENT.  What is
both is a false alarm.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import autograd.numpy as anp
import numpy as np

import bbvi
from bbvi.experiments.csv_and_json import format_table, write_csv
from bbvi.inference import deterministic, stochastic
from bbvi.models import transforms
from bbvi.types import Array

Row = dict[str, Any]
NO_MOMENTS = np.array([np.nan]), np.array([np.nan])
"""Of a density without a mean or a variance, or without an integral: a result has to be told."""
OFF = 0.1


class Case(NamedTuple):
    """A posterior, made anew by ``make``, and the exact mean and sd (R,) of what it reports."""

    name: str
    make: Callable[[], bbvi.Posterior]
    truth: tuple[Array, Array]
    families: tuple[str, ...] = ()
    """Those that can be asked; all where there are none."""


def by_quadrature(posterior: bbvi.Posterior, box: Any, points: int) -> tuple[Array, Array]:
    """Mean and sd (R,) by a sum over a grid in z: box is (low, high) for each axis."""
    axes = [np.linspace(low, high, points) for low, high in box]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 1, len(box))
    with np.errstate(all="ignore"):
        log_p = posterior.log_joint({}, posterior.x, grid)[:, 0]
        reported = posterior.constrain(grid)[:, 0]
    log_p = np.where(np.isfinite(log_p), log_p, -np.inf)
    w = np.exp(log_p - log_p.max())
    w /= w.sum()
    kept = w > 0
    mean = w[kept] @ reported[kept]
    return mean, np.sqrt(w[kept] @ (reported[kept] - mean) ** 2)


def line(name: str, log_p: Any, low: float, high: float, transform: Any = None) -> Case:
    """One latent; log_p of u, the box of z."""

    def make() -> bbvi.Posterior:
        return bbvi.Posterior(lambda u: log_p(u[..., 0]), 1, transform)

    return Case(name, make, by_quadrature(make(), [(low, high)], 400_001))


def plane(name: str, log_p: Any, *box: tuple[float, float]) -> Case:
    """Two latents; log_p of their two numbers."""

    def make() -> bbvi.Posterior:
        return bbvi.Posterior(lambda u: log_p(u[..., 0], u[..., 1]), 2)

    return Case(name, make, by_quadrature(make(), box, 2001))


def told_only(name: str, log_p: Any, D: int, transform: Any = None) -> Case:
    """What has no moments, or cannot be fitted: nothing may be right."""
    return Case(name, lambda: bbvi.Posterior(log_p, D, transform), NO_MOMENTS)


def gaussian(name: str, mean: Array, covariance: Array, families: tuple[str, ...] = ()) -> Case:
    """N(mean, covariance), its precision applied as it is."""
    precision = np.linalg.inv(covariance)
    precision = 0.5 * (precision + precision.T)

    def log_p(z: Array) -> Array:
        return -0.5 * anp.sum(anp.dot(z - mean, precision) * (z - mean), -1)

    truth = mean, np.sqrt(np.diag(covariance))
    return Case(name, lambda: bbvi.Posterior(log_p, len(mean)), truth, families)


def mixture(name: str, means: Any, shares: Any, scale: float = 1.0, constant: float = 0.0) -> Case:
    """sum_k shares_k N(scale means_k, scale^2 I): means (K, D)."""
    means, shares = np.asarray(means, dtype=float), np.asarray(shares, dtype=float)

    def log_p(z: Array) -> Array:
        parts = [
            np.log(share) - 0.5 * anp.sum((z / scale - mean) ** 2, -1)
            for mean, share in zip(means, shares)
        ]
        highest = parts[0]
        for part in parts[1:]:
            highest = anp.logaddexp(highest, part)
        return highest + constant

    mean = shares @ means
    sd = np.sqrt(1 + shares @ (means - mean) ** 2)
    return Case(name, lambda: bbvi.Posterior(log_p, means.shape[1]), (scale * mean, scale * sd))


def turned(D: int, seed: int, values: Array) -> Array:
    """A covariance with these eigenvalues and axes at random."""
    axes = np.linalg.qr(np.random.default_rng(seed).standard_normal((D, D)))[0]
    covariance: Array = axes * values @ axes.T
    return 0.5 * (covariance + covariance.T)


def correlated(rho: float) -> Array:
    return np.array([[1, rho], [rho, 1]])


def modes() -> list[Case]:
    far, near = [[-4.0], [4.0]], [[-2.0], [2.0]]
    return [
        mixture("modes at -4 and 4", far, [0.5, 0.5]),
        mixture("modes, unequal masses", far, [0.7, 0.3]),
        mixture("modes, one of 5 per cent", far, [0.95, 0.05]),
        mixture("modes, scale 1e6", far, [0.5, 0.5], 1e6),
        mixture("modes, unequal, scale 1e6", far, [0.7, 0.3], 1e6),
        mixture("modes, scale 1e3", far, [0.5, 0.5], 1e3),
        mixture("modes, scale 1e-3", far, [0.5, 0.5], 1e-3),
        mixture("modes at -2 and 2", near, [0.5, 0.5]),
        mixture("modes at -10 and 10", [[-10.0], [10.0]], [0.5, 0.5]),
        mixture("modes at 3 and 11", [[3.0], [11.0]], [0.5, 0.5]),
        mixture("three modes", [[-7.0], [0.0], [7.0]], [0.3, 0.4, 0.3]),
        mixture("modes, constant 1e12", far, [0.5, 0.5], 1.0, 1e12),
        mixture("modes, D = 2", [[-4.0, -4.0], [4.0, 4.0]], [0.5, 0.5]),
        mixture("four modes, D = 2", [[4, 4], [4, -4], [-4, 4], [-4, -4]], [0.25] * 4),
        mixture("modes, D = 5", [[-3.0] * 5, [3.0] * 5], [0.5, 0.5]),
        mixture("modes along one axis, D = 5", [[-5.0] + [0] * 4, [5.0] + [0] * 4], [0.6, 0.4]),
    ]


def easy() -> list[Case]:
    rng = np.random.default_rng(3)
    loadings = rng.standard_normal((20, 20)) / np.sqrt(20)
    most = "DiagonalGaussian", "FullCovarianceGaussian"
    return [
        gaussian("N(0, 1)", np.zeros(1), np.eye(1)),
        gaussian("N(80, 1/5)", np.array([80.0]), 0.2 * np.eye(1)),
        gaussian("N(1e6, 1)", np.array([1e6]), np.eye(1)),
        gaussian("N(0, 1e-16)", np.zeros(1), 1e-16 * np.eye(1)),
        gaussian("N(0, 1e12)", np.zeros(1), 1e12 * np.eye(1)),
        gaussian("N(3, I), D = 5", np.full(5, 3.0), np.eye(5)),
        gaussian("correlation 0.5", np.zeros(2), correlated(0.5)),
        gaussian("correlation 0.9", np.zeros(2), correlated(0.9)),
        gaussian("correlation 0.999", np.zeros(2), correlated(0.999)),
        gaussian("condition 1e10, D = 2", np.zeros(2), np.diag([1.0, 1e10])),
        gaussian("condition 1e10, turned, D = 5", np.ones(5), turned(5, 0, np.logspace(-10, 0, 5))),
        gaussian("D = 20", rng.standard_normal(20), loadings @ loadings.T + 0.3 * np.eye(20), most),
        gaussian("D = 200", np.ones(200), turned(200, 1, np.linspace(0.3, 3, 200)), most),
        Case(
            "N(0, 1), constant 1e12",
            lambda: bbvi.Posterior(lambda z: 1e12 - 0.5 * z[..., 0] ** 2, 1),
            (np.zeros(1), np.ones(1)),
        ),
    ]


def skewed() -> list[Case]:
    positive, unit = transforms.positive(), transforms.unit_interval()
    return [
        line("half-normal, positive", lambda u: -0.5 * u**2, -25, 5, positive),
        line("exponential, positive", lambda u: -u, -30, 6, positive),
        line("Gamma(5), positive", lambda u: 4 * anp.log(u) - u, -15, 6, positive),
        line("log-normal, positive", lambda u: -0.5 * anp.log(u) ** 2 - anp.log(u), -9, 9,
             positive),
        told_only("half-Cauchy, positive", lambda u: -anp.log1p(u[..., 0] ** 2), 1, positive),
        line("uniform, unit interval", lambda u: 0 * u, -40, 40, unit),
        line("Beta(20, 5), unit interval", lambda u: 19 * anp.log(u) + 4 * anp.log1p(-u), -5, 9,
             unit),
        line("Gumbel", lambda z: -z - anp.exp(-z), -6, 40),
        line("quartic", lambda z: -(z**4), -4, 4),
        line("Laplace", lambda z: -anp.abs(z), -40, 40),
        line("logistic", lambda z: -z - 2 * anp.log1p(anp.exp(-z)), -45, 45),
        line("N(0, 0.01^2) and N(0, 1)", lambda z: anp.logaddexp(
            -0.5 * (z / 0.01) ** 2 - np.log(0.01), -0.5 * z**2), -10, 10),
        line("Student t, 10 degrees", lambda z: -5.5 * anp.log1p(z**2 / 10), -400, 400),
        line("Student t, 4 degrees", lambda z: -2.5 * anp.log1p(z**2 / 4), -4000, 4000),
        told_only("Student t, 2 degrees", lambda z: -1.5 * anp.log1p(z[..., 0] ** 2 / 2), 1),
        told_only("Cauchy", lambda z: -anp.log1p(z[..., 0] ** 2), 1),
        heavy(5, 2.5),
        heavy(10, 3.0),
    ]  # fmt: skip


def walls() -> list[Case]:
    wall = anp.where
    return [
        line("exponential wall", lambda z: wall(z > -1, -z, -anp.inf), -1, 40),
        line("half-normal wall", lambda z: wall(z > -0.5, -0.5 * z**2, -anp.inf), -0.5, 9),
        line("a wall 6 sd away", lambda z: wall(z > -6, -0.5 * z**2, -anp.inf), -6, 9),
        line(
            "uniform on (-1, 1)", lambda z: wall(anp.abs(z) < 1, 0 * z - 1e-9 * z, -anp.inf), -1, 1
        ),
        line("NaN beyond 2", lambda z: -0.5 * z**2 + 0 * anp.sqrt(2 - z), -9, 2),
    ]


def heavy(D: int, degrees: float) -> Case:
    """Student's t in D dimensions, of variance degrees / (degrees - 2)."""

    def log_p(z: Array) -> Array:
        return -0.5 * (degrees + D) * anp.log1p(anp.sum(z**2, -1) / degrees)

    truth = np.zeros(D), np.full(D, np.sqrt(degrees / (degrees - 2)))
    name = f"Student t, {degrees} degrees, D = {D}"
    return Case(name, lambda: bbvi.Posterior(log_p, D), truth)


def funnel(name: str, sd: float) -> Case:
    """a ~ N(0, sd^2), b ~ N(0, e^a): the variance of b is E[e^a] = e^(sd^2 / 2)."""

    def log_p(z: Array) -> Array:
        a, b = z[..., 0], z[..., 1]
        return -0.5 * (a / sd) ** 2 - 0.5 * (a + b**2 * anp.exp(-a))

    truth = np.zeros(2), np.array([sd, np.exp(sd**2 / 4)])
    return Case(name, lambda: bbvi.Posterior(log_p, 2), truth)


def curved() -> list[Case]:
    def radius(a: Array, b: Array) -> Array:
        return anp.sqrt(a**2 + b**2 + 1e-12)

    return [
        plane("ring of 5, width 0.5", lambda a, b: -2 * (radius(a, b) - 5) ** 2, (-9, 9), (-9, 9)),
        plane("ring of 2, width 1", lambda a, b: -0.5 * (radius(a, b) - 2) ** 2, (-9, 9), (-9, 9)),
        plane("banana", lambda a, b: -0.5 * a**2 - 2 * (b - a**2) ** 2, (-6, 6), (-5, 30)),
        plane("slight banana", lambda a, b: -0.5 * a**2 - 0.5 * (b - 0.2 * a**2) ** 2,
              (-7, 7), (-7, 14)),
        plane("Rosenbrock", lambda a, b: -0.05 * (a - 1) ** 2 - 5 * (b - a**2) ** 2,
              (-14, 16), (-3, 200)),
        funnel("funnel", 3.0),
        funnel("slight funnel", 1.0),
        plane("a cross", lambda a, b: anp.logaddexp(
            -0.5 * a**2 - 50 * b**2, -50 * a**2 - 0.5 * b**2), (-8, 8), (-8, 8)),
    ]  # fmt: skip


def improper() -> list[Case]:
    x = np.array([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0])
    y = (x > 0).astype(float)

    def separable(z: Array) -> Array:
        logits = z[..., 0, None] + z[..., 1, None] * x
        return anp.sum(y * logits - anp.logaddexp(0 * logits, logits), -1)

    wide = plane(
        "separable, prior sd 10",
        lambda a, b: separable(anp.stack([a, b], -1)) - (a**2 + b**2) / 200, (-60, 60), (-5, 70),
    )  # fmt: skip
    return [
        told_only("separable logistic regression", separable, 2),
        wide,
        told_only("flat in one direction", lambda z: -0.5 * (z[..., 0] + z[..., 1]) ** 2, 2),
        told_only("a constant", lambda z: 0 * z[..., 0], 1),
        told_only("NaN at the start", lambda z: anp.log(z[..., 0] - 1), 1),
        told_only("rising", lambda z: z[..., 0], 1),
        told_only("|z|^-1/2", lambda z: -0.25 * anp.log1p(z[..., 0] ** 2), 1),
        told_only("half-flat, positive", lambda u: -anp.log(u[..., 0]), 1, transforms.positive()),
    ]


KINDS = {f.__name__: f for f in (modes, easy, skewed, walls, curved, improper)}
FAMILIES = {
    "DiagonalGaussian": (bbvi.DiagonalGaussian, None),
    "FullCovarianceGaussian": (bbvi.FullCovarianceGaussian, None),
    "Laplace": (bbvi.Laplace, None),
    "QuadraticFlow": (bbvi.QuadraticFlow, None),
    "diagonal, stochastic": (bbvi.DiagonalGaussian, stochastic),
    "diagonal, deterministic": (bbvi.DiagonalGaussian, deterministic),
}


def judge(case: Case, label: str, seed: int) -> Row:
    """One run with defaults, held against the truth."""
    make_family, solver = FAMILIES[label]
    row: Row = {"posterior": case.name, "family": label, "seed": seed}
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            posterior = case.make()
            family = make_family(posterior.latent_dim)
            fit = bbvi.infer(
                posterior, family, rng=np.random.default_rng(seed),
                solver=solver and solver(), progress=False,
            )  # fmt: skip
        except (ValueError, ArithmeticError) as error:
            return row | {"end": "told", "how": type(error).__name__}
    seconds = time.perf_counter() - start
    assert fit.verdict is not None
    warned = any(issubclass(w.category, bbvi.NotConvergedWarning) for w in caught)
    how = "warning" if warned else "flag" if fit.verdict.flagged[0] else ""
    error, low, high = distance(case, posterior, family, fit.lam)
    right = error < OFF and low > 1 - OFF and high < 1 + OFF
    end = {(True, True): "false alarm", (True, False): "right"}.get(
        (right, how != ""), "told" if how else "SILENT"
    )
    return row | {
        "end": end,
        "how": how,
        "mean off": error,
        "sd ratio": low if 1 - low > high - 1 else high,
        "k-hat": float(fit.verdict.khat[0]),
        "seconds": seconds,
    }


def distance(case: Case, posterior: Any, family: Any, lam: Array) -> tuple[float, float, float]:
    """Largest error of a mean in sd, and extreme ratios of sd, of 200,000 draws of q."""
    rng = np.random.default_rng(7)
    size = 200_000 if posterior.latent_dim <= 20 else 20_000
    with np.errstate(all="ignore"):
        u = posterior.constrain(family.transform(lam, family.noise(rng, size, 1)))[:, 0]
        mean, sd = case.truth
        ratio = u.std(axis=0) / sd
        error = np.abs(u.mean(axis=0) - mean) / sd
    return float(np.max(error)), float(np.min(ratio)), float(np.max(ratio))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("bbvi-out/hard-posteriors"))
    args = parser.parse_args()
    rows: list[Row] = []
    for kind in args.only:
        for case in KINDS[kind]():
            for label in args.families:
                if case.families and label not in case.families:
                    continue
                new = [judge(case, label, seed) for seed in range(args.seeds)]
                rows += [{"kind": kind} | row for row in new]
                ends = ", ".join(sorted({f"{row['end']} ({row['how']})" for row in new}))
                worst = max(new, key=lambda row: row.get("mean off", 0.0))
                numbers = "".join(
                    f"  {key} {worst[key]:.3g}" for key in ("mean off", "sd ratio", "k-hat")
                    if key in worst
                )  # fmt: skip
                print(f"{case.name:32} {label:24} {ends}{numbers}", flush=True)
    write_csv(args.out / "runs.csv", rows)
    table = []
    for kind in args.only:
        for label in args.families:
            ends = [r["end"] for r in rows if (r["kind"], r["family"]) == (kind, label)]
            counts = {end: ends.count(end) for end in ("right", "told", "false alarm", "SILENT")}
            table.append({"kind": kind, "family": label} | counts)
    print(format_table(table, table[0]))


if __name__ == "__main__":
    main()
