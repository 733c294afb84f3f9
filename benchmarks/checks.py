"""What the checks cost: a hot path, and its own calls of the checks repeated alone.

    python benchmarks/checks.py [--rounds 40]

The calls of `check_rows`, `check_pair`, `check_finite`, `check_table`, `check_arguments` and
`check_gradient` in one run of a path are recorded, with their arguments, and then made again
without the path.  Times are the least of many rounds, of the process's clock: a busy machine
makes rounds longer, never shorter.  Differences of whole runs drown in its noise.
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


Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


@contextmanager
def recorded(calls: list[Call]) -> Iterator[None]:
    """Append every call of a check, but for those inside another check, to ``calls``."""
    inside: list[int] = []

    def recording(check: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **named: Any) -> Any:
            if not inside:
                calls.append((check, args, named))
            inside.append(1)
            try:
                return check(*args, **named)
            finally:
                inside.pop()

        return called

    with ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            for check in NAMES if name.startswith("bbvi") else ():
                if hasattr(module, check):
                    new = recording(getattr(module, check))
                    stack.enter_context(mock.patch.object(module, check, new))
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
        found[f"100 steps of Step 1, {name}"] = infer
    return found


def least(run: Callable[[], Any], rounds: int) -> float:
    """Seconds of a call: the least of rounds of some 2 ms."""
    run()
    times, calls = [], 1
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(calls):
            run()
        times.append((time.process_time() - start) / calls)
        calls = max(1, int(0.002 / max(min(times), 1e-7)))
    return min(times)


def cost(run: Callable[[], Any], rounds: int) -> tuple[float, float, int]:
    """Seconds of a path and of its checks, and the number of these."""
    calls: list[Call] = []
    run()  # imports what has checks
    with recorded(calls):
        run()

    def again() -> None:
        for check, args, named in calls:
            check(*args, **named)

    return least(run, rounds), least(again, rounds), len(calls)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    warnings.simplefilter("ignore")  # 100 steps are a budget
    print(f"{'path':44} {'us':>10} {'checks':>7} {'us':>8}  of the rest")
    # One thread: the clock is that of the process, whose idle threads would count.
    with threadpool_limits(1):
        for name, run in paths().items():
            whole, checks, number = cost(run, rounds)
            told = f"{1e6 * whole:10.1f} {number:7} {1e6 * checks:8.2f}"
            print(f"{name:44} {told}  {checks / (whole - checks):.2%}", flush=True)
