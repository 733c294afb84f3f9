"""What the checks cost: hot paths with them and without, in turns.

    python benchmarks/checks.py [--rounds 40]

Without: `check_rows`, `check_pair`, `check_finite`, `check_table`, `check_arguments` and
`check_gradient` are replaced, wherever they were imported, by functions that do nothing.  A turn
is some 20 ms of calls; the ratio is the median over pairs of turns, with its quartiles.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np
from threadpoolctl import threadpool_limits

import bbvi

NAMES = ("check_rows", "check_pair", "check_finite", "check_table", "check_arguments")
NAMES += ("check_gradient",)
SHAPES = {
    "5 rows, 3 samples, Dx 4": (5, 3, 2, 8, 4),
    "64 rows, 10 samples, Dx 64": (64, 10, 2, 64, 64),
    "100 rows, 16 samples, Dx 784": (100, 16, 20, 200, 784),
}


def nothing(*_: Any, **__: Any) -> None:
    return None


@contextmanager
def unchecked() -> Iterator[None]:
    """The package without its checks of shapes and numbers."""
    with ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            for check in NAMES if name.startswith("bbvi") else ():
                if hasattr(module, check):
                    stack.enter_context(mock.patch.object(module, check, nothing))
        yield


def paths() -> dict[str, Callable[[], Any]]:
    """Name -> a hot path."""
    found: dict[str, Callable[[], Any]] = {}
    for name, (N, S, D, H, Dx) in SHAPES.items():
        rng = np.random.default_rng(0)
        network = bbvi.MLP((D, H, Dx))
        model = bbvi.DeepLatentModel(bbvi.StandardNormal(D), network, bbvi.BernoulliLikelihood())
        q, theta = bbvi.DiagonalGaussian(D), model.init(rng)
        x, _ = model.sample(rng, theta, N)
        target = bbvi.backends.kernel.target(model, theta, x)
        lam, eps = q.init(N), q.noise(rng, S, N)
        z = q.transform(lam, eps)

        def infer(model: Any = model, q: Any = q, theta: Any = theta, x: Any = x) -> Any:
            with bbvi.fixed_budget():
                settings = {"estimator": bbvi.reparameterized, "num_steps": 100, "num_samples": 4}
                rng = np.random.default_rng(0)
                return bbvi.infer(model, q, theta, x, rng, progress=False, **settings)

        found[f"estimator, {name}"] = lambda a=(q, target, lam, eps): bbvi.reparameterized(*a)
        found[f"log_joint, {name}"] = lambda m=model, a=(theta, x, z): m.log_joint(*a)
        found[f"log_prob, {name}"] = lambda q=q, a=(lam, z): q.log_prob(*a)
        if N < 100:
            found[f"100 steps of Step 1, {name}"] = infer
    return found


def seconds(run: Callable[[], Any], calls: int) -> float:
    start = time.process_time()
    for _ in range(calls):
        run()
    return (time.process_time() - start) / calls


def compared(run: Callable[[], Any], rounds: int) -> tuple[float, float, np.ndarray]:
    """Seconds with and without the checks, and quartiles of the ratio of turns side by side."""
    run()
    calls = max(1, int(0.02 / max(seconds(run, 3), 1e-6)))
    times = []
    for i in range(rounds):
        turns = [0.0, 0.0]
        for checked in (True, False) if i % 2 else (False, True):
            if checked:
                turns[0] = seconds(run, calls)
            else:
                with unchecked():
                    turns[1] = seconds(run, calls)
        times.append(turns)
    table = np.array(times)
    ratio = table[:, 0] / table[:, 1]
    return *np.median(table, axis=0), np.quantile(ratio, (0.25, 0.5, 0.75))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    warnings.simplefilter("ignore")  # 100 steps are a budget
    print(f"{'path':52} {'with, us':>10} {'checks, us':>10}  ratio (quartiles)")
    # One thread: the clock is that of the process, whose idle threads would count.
    with threadpool_limits(1):
        for name, run in paths().items():
            checked, bare, (low, middle, high) = compared(run, rounds)
            told = f"{middle:.4f} ({low:.4f} to {high:.4f})"
            print(f"{name:52} {1e6 * checked:10.1f} {1e6 * (checked - bare):10.2f}  {told}")
