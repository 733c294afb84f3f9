"""Whole procedures: Step 1, and an epoch of the lecture's autoencoder, against torch and jax.

    pip install -e ".[bench]"
    python benchmarks/procedures.py            # about 5 minutes
    python benchmarks/procedures.py --quick    # a tenth of the steps

Step 1: 1000 datapoints, 100 Adam steps, S = 8, Bernoulli decoder 10 - 400 - 784, against a
jax.jit'ed lax.scan over all steps and a torch loop.  The epoch: batches of 128 images of 784
pixels, encoder 784 - 512 - 4, decoder 2 - 512 - 785 (logistic mean, one log-scale), relu, Adam at
1e-3, against a jitted step and a torch loop.  Pixels are random: the time does not depend on
them.  All are measured through the same calls that a user makes.

Compared before timing, a disagreement stops the run: for Step 1 the ELBO that each library reaches
with its own noise; for the epoch, whose first hundreds of steps are too noisy for that, the ELBO
and all gradients of one batch under the same noise.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import epoch
import numpy as np
import step_one
from elbo import set_threads
from timing import PAUSE

from bbvi.experiments.csv_and_json import environment, format_table, write_csv, write_json

COLUMNS = ("procedure", "contender", "seconds", "relative to bbvi", "ELBO")


def main() -> int:
    args = parse()
    set_threads(args.threads, with_torch=True)
    steps, batches = (10, 47) if args.quick else (100, 469)
    rows = measure("Step 1", step_one.contenders(steps, args.seed), step_one.TOLERANCE, args)
    rows += measure("MNIST epoch", epoch.contenders(batches, args.seed), np.inf, args)
    print(format_table(rows, COLUMNS))
    write_csv(args.out / "procedures.csv", rows)
    write_json(args.out / "procedures.json", environment() | {"threads": args.threads})
    print(f"\nrows in {args.out / 'procedures.csv'}")
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the steps")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contender (5)")
    parser.add_argument(
        "--threads", type=int, default=2, help="of all but jax, which takes every CPU (default 2)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("bbvi-out/benchmarks"))
    return parser.parse_args()


def measure(
    procedure: str,
    contenders: dict[str, Callable[[], tuple[float, float]]],
    tolerance: float,
    args: Any,
) -> list[dict[str, Any]]:
    """Compare the ELBOs reached, to a relative tolerance, then take turns.

    A contender returns the ELBO it reached and the seconds it took.
    """
    elbos = {name: run()[0] for name, run in contenders.items()}
    for name, elbo in elbos.items():
        if not abs(elbo - elbos["bbvi"]) <= tolerance * abs(elbos["bbvi"]):
            sys.exit(f"{procedure}: {name} reaches {elbo:.3f}, bbvi {elbos['bbvi']:.3f}; stopped.")
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(args.rounds):
        for name, run in contenders.items():
            time.sleep(PAUSE)
            times[name].append(run()[1])
    medians = {name: float(np.median(found)) for name, found in times.items()}
    return [
        {
            "procedure": procedure,
            "contender": name,
            "seconds": f"{seconds:.3f}",
            "relative to bbvi": f"{seconds / medians['bbvi']:.2f}",
            "ELBO": f"{elbos[name]:.2f}",
        }
        for name, seconds in medians.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
