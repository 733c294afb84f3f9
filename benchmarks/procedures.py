"""Whole procedures: Step 1, and an epoch of the lecture's autoencoder, against torch and jax.

    pip install -e ".[bench]"
    python benchmarks/procedures.py            # about 5 minutes
    python benchmarks/procedures.py --quick    # a tenth of the steps

Step 1: 1000 datapoints, 100 Adam steps, S = 8, Bernoulli decoder 10 - 400 - 784, against a
jax.jit'ed lax.scan over all steps and a torch loop; "bbvi and verdict" is `bbvi.infer`, which then
looks at every row.  The epoch: batches of 128 images of 784 pixels, encoder 784 - 512 - 4, decoder
2 - 512 - 785 (logistic mean, one log-scale), relu, Adam at 1e-3, against a jitted step and a torch
loop.  Pixels are random: the time does not depend on them.

Each turn is a process of its own, with a run untimed before the timed one: in one process the
threads that torch and jax keep cost bbvi a tenth and more, and nobody has all three at work.

Compared before timing, a disagreement stops the run: for Step 1 the ELBO that each library reaches
with its own noise; for the epoch, whose first hundreds of steps are too noisy for that, the ELBO
and all gradients of one batch under the same noise.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import epoch
import numpy as np
import step_one
from elbo import set_threads

from bbvi.environment import environment
from bbvi.experiments.csv_and_json import format_table, write_csv, write_json

COLUMNS = ("procedure", "contender", "seconds", "relative to bbvi", "ELBO")
PROCEDURES = {"Step 1": (step_one, 100), "MNIST epoch": (epoch, 469)}


def main() -> int:
    args = parse()
    if args.turn:
        return turn(*args.turn, args)
    rows = measure("Step 1", step_one.TOLERANCE, args) + measure("MNIST epoch", np.inf, args)
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
    parser.add_argument("--turn", nargs=2, metavar=("PROCEDURE", "CONTENDER"), help="one, alone")
    parser.add_argument("--out", type=Path, default=Path("bbvi-out/benchmarks"))
    return parser.parse_args()


def turn(procedure: str, contender: str, args: argparse.Namespace) -> int:
    """One contender's turn: print the ELBO it reached and the seconds it took."""
    set_threads(args.threads, with_torch=contender == "torch")
    module, steps = PROCEDURES[procedure]
    run = module.contender(contender, steps // 10 if args.quick else steps, args.seed)
    run()
    print(json.dumps(run()))
    return 0


def measure(procedure: str, tolerance: float, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Turns in their order, round by round; ELBOs are compared to a relative tolerance."""
    results: dict[str, list[list[float]]] = {n: [] for n in PROCEDURES[procedure][0].CONTENDERS}
    for _ in range(args.rounds):
        for name, turns in results.items():
            command = [sys.executable, __file__, *sys.argv[1:], "--turn", procedure, name]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if done.returncode:
                sys.exit(f"{procedure}: {name} failed; its message is above.")
            turns.append(json.loads(done.stdout.splitlines()[-1]))
            elbo, first = turns[-1][0], results["bbvi"][0][0]
            if not abs(elbo - first) <= tolerance * abs(first):
                sys.exit(f"{procedure}: {name} reaches {elbo:.3f}, bbvi {first:.3f}; stopped.")
    medians = {name: float(np.median([s for _, s in turns])) for name, turns in results.items()}
    return [
        {
            "procedure": procedure,
            "contender": name,
            "seconds": f"{seconds:.3f}",
            "relative to bbvi": f"{seconds / medians['bbvi']:.2f}",
            "ELBO": f"{results[name][0][0]:.2f}",
        }
        for name, seconds in medians.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
