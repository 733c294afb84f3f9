"""100,000 replicates of every Gaussian estimator on the digits model, and a loop with autograd.

    python benchmarks/variance.py            # about a minute on two cores
    python benchmarks/variance.py --quick    # 10,000 replicates

One lam ("mid"), S = 1 or the smallest that is legal, D = 2: mean and variance of the gradient,
replicates as rows; first in lam alone, then in lam and theta.  The loop calls the same estimator
on one row at a time, its target bound by autograd; it is timed on some replicates, and its
gradients are compared with the rows'.  In lam alone, estimators of the score-function kind need
no derivative of the model, so that their loop has no autograd in it.
"""

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.backends import autodiff
from bbvi.environment import environment
from bbvi.estimators.specification import draw_noise, prepared
from bbvi.estimators.table import ESTIMATORS
from bbvi.evaluation.gradients import gradient_statistics
from bbvi.experiments.csv_and_json import format_table, write_csv, write_json
from bbvi.experiments.trajectory import Trajectory, trajectory
from bbvi.targets import hold_theta

LOOP = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("bbvi-out/bench-variance"))
    args = parser.parse_args()
    replicates = 10_000 if args.quick else 100_000
    frozen = trajectory("digits", 2, np.random.default_rng(args.seed))
    rows: list[dict[str, Any]] = []
    for gradient in ("lam", "lam, theta"):
        names = usable(frozen)
        mine = [measure(name, gradient, frozen, replicates, args.seed) for name in names]
        fast, slow = (sum(row[key] for row in mine) for key in ("rows, s", "loop, s"))
        total = {"rows, s": fast, "loop, s": slow, "times faster": slow / fast}
        rows += [*mine, {"estimator": "all", "gradient": gradient, **total}]
    text = [
        {key: f"{value:.3g}" if isinstance(value, float) else value for key, value in row.items()}
        for row in rows
    ]
    print(f"{replicates} replicates each; seconds for all of them, the loop's from {LOOP}\n")
    print(format_table(text, rows[0]))
    write_csv(args.out / "variance.csv", rows)
    write_json(args.out / "manifest.json", {"arguments": vars(args), **environment()})


def usable(frozen: Trajectory) -> list[str]:
    return [name for name, its in ESTIMATORS.items() if isinstance(frozen.family, its.family)]


def measure(
    name: str, gradient: str, frozen: Trajectory, replicates: int, seed: int
) -> dict[str, Any]:
    held = gradient == "lam"
    record, family, lam = ESTIMATORS[name], frozen.family, frozen.points["mid"]
    S = record.min_samples
    noise = lambda rng, R: draw_noise(record, family, rng, S, R)  # noqa: E731

    def learn(target: Any, lam: Any, rng: np.random.Generator) -> Any:
        return prepared(
            record, family, hold_theta(target), lam, np.repeat(frozen.x, len(lam), axis=0), rng
        )

    start = time.perf_counter()
    found = gradient_statistics(
        record.elbo,
        family,
        lambda R: hold_theta(frozen.rows(R)) if held else frozen.rows_with_squares(R),
        lam,
        noise,
        np.random.default_rng(seed),
        replicates=replicates,
        prepare=None if record.prepare is None else learn,
        learning_rows=1 if record.prepare is None else record.prepare.rows,
    )
    seconds = time.perf_counter() - start
    loop = loop_seconds(record.elbo, held, frozen, noise(np.random.default_rng(seed), LOOP))
    return {
        "estimator": name,
        "gradient": gradient,
        "S": S,
        "variance": found.blocks[0].variance,
        "interval": " .. ".join(f"{end:.3g}" for end in found.blocks[0].interval[:2]),
        "rows, s": seconds,
        "loop, s": loop * replicates / LOOP,
        "times faster": loop * replicates / LOOP / seconds,
    }


def loop_seconds(estimator: Any, held: bool, frozen: Trajectory, eps: Any) -> float:
    """Seconds of LOOP calls on one row each, which must agree with one call on all rows."""
    model, theta, x = (frozen.rows.args[i] for i in range(3))  # type: ignore[attr-defined]
    one = autodiff.target(model, theta, x)
    one = hold_theta(one) if held else one
    call = partial(estimator, frozen.family)
    lam = frozen.points["mid"]
    start = time.perf_counter()
    looped = [call(one, lam, eps[:, [r]]).grad[0] for r in range(LOOP)]
    seconds = time.perf_counter() - start
    rows = call(hold_theta(frozen.rows(LOOP)), np.repeat(lam, LOOP, axis=0), eps).grad
    np.testing.assert_allclose(looped, rows, rtol=1e-8, atol=1e-10)
    return seconds


if __name__ == "__main__":
    main()
