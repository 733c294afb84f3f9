"""log p(x) of all 10,000 Larochelle-binarized test images, by IS, PSIS and AIS.

    BBVI_DATA=... python benchmarks/evidence.py      # about 5 minutes on two cores

Learns an autoencoder of 200 hidden units on the 50,000 training images first.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.datasets import mnist
from bbvi.environment import environment
from bbvi.experiments.csv_and_json import format_table, write_csv, write_json
from bbvi.lectures.evidence import evidence_report
from bbvi.lectures.uses import learn_binary


def show(rows: list[dict[str, Any]]) -> None:
    lines = [
        {key: f"{value:.3f}" if isinstance(value, float) else value for key, value in row.items()}
        for row in rows
    ]
    print(format_table(lines, lines[0]), end="\n\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--latent-dim", type=int, default=20)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path("bbvi-out/evidence"))
    args = parser.parse_args()
    learn_rng, rng = np.random.default_rng(0).spawn(2)
    data = mnist(binarize="larochelle")
    start = time.perf_counter()
    network, fit = learn_binary(
        data.train.x, learn_rng, latent_dim=args.latent_dim, num_steps=500 * args.epochs
    )
    print(f"learnt {args.epochs} epochs in {time.perf_counter() - start:.0f} s", flush=True)
    # The test set is sorted by class.
    test = data.test.x[rng.permutation(len(data.test.x))[: args.images]]
    found = evidence_report(network, fit.theta, fit.phi, test, rng, num_samples=args.samples)
    show(found.rows)
    show(found.bounds)
    write_csv(args.out / "evidence.csv", found.rows)
    write_csv(args.out / "bounds.csv", found.bounds)
    write_json(args.out / "manifest.json", {"arguments": vars(args), "environment": environment()})


if __name__ == "__main__":
    main()
