"""The lecture's MNIST run, against the clock: 20 epochs, 469 minibatches of 128 each.

    BBVI_DATA=... python benchmarks/vae.py

The lecture prints -831.01 after 20 epochs and 206.54 s on its author's machine.
"""

import argparse

import numpy as np

from bbvi.datasets import mnist
from bbvi.lectures.networks import lecture_network
from bbvi.lectures.vae import train_vae


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    args = parser.parse_args()
    x = mnist().train.x
    for seed in args.seeds:
        # Without the stop rule, which may end a run before the lecture's 20 epochs.
        run = train_vae(
            lecture_network(784),
            x,
            np.random.default_rng(seed),
            epochs=args.epochs,
            tolerance=np.inf,
            progress=False,
        )
        for row in run.epochs:
            print(
                f"seed {seed}  epoch {row['epoch']:2d}  objective {row['objective']:8.2f}  "
                f"{row['seconds']:6.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
