"""Step 1's solvers: evaluations and seconds until within .01 nats of the optimum of each row.

    BBVI_DATA=... OMP_NUM_THREADS=1 python benchmarks/solvers.py      # MNIST and posteriordb
    python benchmarks/solvers.py --rows 300                  # digits of 8 x 8, and eight schools

A solver's runs are its settings from cheap to dear: the length of the stochastic one, whose rate
falls over all its steps; the held samples of the deterministic one; the tolerance of natural
gradients.  The first run that brings enough rows near counts, with its evaluations and seconds
alone: the stochastic solver is not charged for the search of its length.  In each seed the solvers
take turns, run by run.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bbvi import DiagonalGaussian, FullCovarianceGaussian, backends
from bbvi.datasets import binarize, digits, mnist
from bbvi.environment import environment
from bbvi.estimators.noise import quasi_monte_carlo
from bbvi.experiments.csv_and_json import format_table, write_csv, write_json
from bbvi.experiments.posterior_cases import load_cases
from bbvi.inference import NotFiniteError, deterministic, natural_gradient, step_1, stochastic
from bbvi.inference.solvers.quadratic import matched_noise
from bbvi.inference.verdict import by_course
from bbvi.lectures.uses import learn_binary
from bbvi.types import Array

NEAR = 0.01
SHARE = 0.95
"""Of the rows: the ELBO's Monte Carlo error and second optima move some over the line."""
LENGTHS = (60, 125, 250, 500, 1000, 2000, 4000)
SAMPLES = (64, 256, 1024, 4096)
FAMILIES = (DiagonalGaussian, FullCovarianceGaussian)
NATURAL, NOISY = "natural gradient", "stochastic"
Row = dict[str, Any]


class Task(NamedTuple):
    """A posterior for each row of x, the family of q, and noise (S, N, D) to score q by."""

    name: str
    model: Any
    family: Any
    theta: Any
    x: Array
    eps: Array

    def elbo(self, lam: Array) -> Array:
        """(N,) under the common noise, 64 rows at a time."""
        return np.concatenate(
            [
                self._some(lam, rows)
                for rows in np.array_split(np.arange(len(lam)), -(-len(lam) // 64))
            ]
        )

    def _some(self, lam: Array, rows: Array) -> Array:
        target = backends.target(self.model, self.theta, self.x[rows])
        z = self.family.transform(lam[rows], self.eps[:, rows].astype(target.dtype))
        with np.errstate(all="ignore"):
            log_p = target.value(z.astype(target.dtype)).mean(axis=0, dtype=np.float64)
        return log_p + self.family.entropy(lam[rows])


def ladders(family: Any, most: int) -> dict[str, list[tuple[str, Any]]]:
    """Each solver's runs, from cheap to dear, with at most so many held samples."""
    least = max(16, 4 * family.num_params // family.latent_dim - 4)
    held = [S for S in SAMPLES if least <= S <= most]
    return {
        NATURAL: [
            (f"{nats:g} nats", natural_gradient(tolerance=nats)) for nats in (0.01, 0.005, 0.003)
        ],
        "deterministic": [(f"S = {S}", deterministic(num_samples=S)) for S in held],
        "deterministic, QMC": [
            (f"S = {S}", deterministic(num_samples=S, noise=quasi_monte_carlo)) for S in held
        ],
        NOISY: [(f"{n} steps", stochastic(num_steps=n)) for n in LENGTHS],
    }


def run(task: Task, solver: Any, seed: int) -> tuple[Array, int, float]:
    """lam, evaluations and seconds of one run, its verdict's look not counted."""
    rng = np.random.default_rng(seed)
    start = time.perf_counter()
    fit = step_1(
        task.model, task.family, task.theta, task.x, rng,
        solver=solver, progress=False, judge=by_course,
    )  # fmt: skip
    return fit.lam, int(fit.trace.evaluations[-1]), time.perf_counter() - start


def optimum(task: Task, samples: int) -> Array:
    """The ELBO (N,) of the best of three starts of a long run, and of two such where rows are few.

    Requires ``samples`` of at least 2 D.
    """
    solver = natural_gradient(
        num_samples=samples, max_samples=4 * samples, tolerance=1e-3, num_starts=3
    )
    seeds = (1001, 1002) if len(task.x) == 1 else (1001,)
    return np.maximum.reduce([task.elbo(run(task, solver, seed)[0]) for seed in seeds])


def compare(task: Task, best: Array, seed: int, most: int) -> Iterator[Row]:
    """Rows of all runs: the solvers take turns, and each stops where enough rows are near."""
    waiting = {name: list(runs) for name, runs in ladders(task.family, most).items()}
    while any(waiting.values()):
        for name, runs in waiting.items():
            if not runs:
                continue
            setting, solver = runs.pop(0)
            row = {"task": task.name, "family": type(task.family).__name__, "seed": seed}
            row |= {"solver": name, "setting": setting}
            try:
                lam, evaluations, seconds = run(task, solver, seed)
            except NotFiniteError:
                yield row | {"share": 0.0, "lost": np.inf}
                continue
            lost = best - task.elbo(lam)
            near = float(np.mean(lost < NEAR))
            row |= {"evaluations": evaluations / len(task.x), "seconds": seconds, "share": near}
            yield row | {"lost": float(np.median(lost))}
            if near >= SHARE:
                runs.clear()


def summary(rows: list[Row]) -> list[Row]:
    """Medians over the seeds, and in pairs the part of what the stochastic solver takes."""
    table = []
    for task, family in dict.fromkeys((row["task"], row["family"]) for row in rows):
        of = [row for row in rows if (row["task"], row["family"]) == (task, family)]
        seeds = sorted({row["seed"] for row in of})
        for name in dict.fromkeys(row["solver"] for row in of):
            costs = {s: [_cost(of, solver, s) for solver in (name, NOISY)] for s in seeds}
            evaluations, seconds = np.median([costs[s][0] for s in seeds], axis=0)
            with np.errstate(invalid="ignore"):
                shares = np.median([costs[s][0] / costs[s][1] for s in seeds], axis=0)
            last = {row["seed"]: row for row in of if row["solver"] == name}
            table.append(
                {"posterior": task, "family": family, "solver": name}
                | {"setting": last[seeds[0]]["setting"], "evaluations": _show(evaluations)}
                | {"seconds": _show(seconds), "of stochastic's evaluations": _show(shares[0])}
                | {"of its seconds": _show(shares[1])}
                | {"rows near": f"{np.median([last[s]['share'] for s in seeds]):.1%}"}
            )
    return table


def _cost(rows: list[Row], solver: str, seed: int) -> Array:
    """Evaluations and seconds of the run that came near; infinite where none did."""
    near = [
        (row["evaluations"], row["seconds"])
        for row in rows
        if row["solver"] == solver and row["seed"] == seed and row["share"] >= SHARE
    ]
    return np.array(near[0] if near else (np.inf, np.inf))


def _show(value: float) -> str:
    return "not reached" if np.isinf(value) else "" if np.isnan(value) else f"{value:.3g}"


def verdict(table: list[Row], rows: list[Row]) -> str:
    """How often the claim of a third holds: task, family and seed by task, family and seed."""
    lines = []
    cells = dict.fromkeys((row["task"], row["family"], row["seed"]) for row in rows)
    for name in dict.fromkeys(row["solver"] for row in table if row["solver"] != NOISY):
        held = total = none = 0
        for task, family, seed in cells:
            of = [row for row in rows if (row["task"], row["family"]) == (task, family)]
            cost, noisy = _cost(of, name, seed), _cost(of, NOISY, seed)
            none += int(np.isinf(cost).all())
            held += int(np.isfinite(cost).all() and (3 * cost <= noisy).all())
            total += 1
        lines.append(
            f"{name}: at most a third of the evaluations and of the time of stochastic in {held} "
            f"of {total} (posterior, family, seed); not within {NEAR} nats in {none}."
        )
    return "\n".join(lines)


def images(num_rows: int, steps: int) -> list[Callable[[], Task]]:
    """Digits that the decoder (D = 10, 200 hidden units) has not seen, for both families."""
    rng = np.random.default_rng(0)
    try:
        data = mnist()
        name, train, test = "MNIST", data.train.x, data.test.x
        train, test = (binarize(x, "threshold") for x in (train, test))
    except FileNotFoundError:
        x = digits().x.astype(np.float32)[rng.permutation(1797)]
        num_rows = min(num_rows, 600)
        name, train, test = "digits", x[num_rows:], x[:num_rows]
    network, fit = learn_binary(
        train, np.random.default_rng(1), latent_dim=10, num_steps=steps, progress=False
    )
    x = test[rng.permutation(len(test))[:num_rows]]
    label = f"{name}, {len(x)} rows"
    return [
        partial(_task, label, network.model, family(10), fit.theta, x, 512) for family in FAMILIES
    ]


def references() -> list[Callable[[], Task]]:
    """The reference posteriors of BBVI_DATA, or eight schools alone, for both families."""
    data = os.environ.get("BBVI_DATA")
    cases = load_cases([], data)
    return [
        partial(_task, case.name, case.posterior, family(case.posterior.latent_dim), {},
                case.posterior.x, 2**14)
        for case in cases
        for family in FAMILIES
    ]  # fmt: skip


def _task(name: str, model: Any, family: Any, theta: Any, x: Array, samples: int) -> Task:
    eps = matched_noise(np.random.default_rng(2), samples, len(x), family.latent_dim)
    return Task(name, model, family, theta, x, eps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2000, help="of the decoder's learning")
    parser.add_argument("--held", type=int, default=SAMPLES[-1], help="most held samples")
    parser.add_argument("--only", choices=["images", "references"])
    parser.add_argument("--out", type=Path, default=Path("bbvi-out/solvers"))
    args = parser.parse_args()
    makers = [] if args.only == "references" else images(args.rows, args.steps)
    makers += [] if args.only == "images" else references()
    rows: list[Row] = []
    for make in makers:
        task = make()
        start = time.perf_counter()
        best = optimum(task, 2048 if len(task.x) == 1 else 512)
        seen = f"optimum {best.mean():.2f}, {time.perf_counter() - start:.0f} s"
        print(f"{task.name}, {type(task.family).__name__}: {seen}", flush=True)
        for seed in range(args.seeds):
            rows += compare(task, best, seed, args.held)
            write_csv(args.out / "runs.csv", rows)
    table = summary(rows)
    print(format_table(table, table[0]), verdict(table, rows), sep="\n\n")
    write_csv(args.out / "solvers.csv", table)
    write_json(args.out / "manifest.json", {"arguments": vars(args), "environment": environment()})


if __name__ == "__main__":
    main()
