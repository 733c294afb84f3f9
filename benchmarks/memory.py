"""log p(x) with S = 5000 importance samples for 1000 datapoints of 784 pixels, in constant memory.

    python benchmarks/memory.py            # about 10 s on two cores

Prints the peak resident size of the process and the rate of the matrix products, beside the rate
that BLAS reaches alone in the same run.  The logits alone would be 16 GB.
"""

import argparse
import resource
import time

import numpy as np
from rivals import make_problem
from timing import matrix_product, rate_of

import bbvi
from bbvi.evaluation import log_evidence_is


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--data", type=int, default=1000)
    args = parser.parse_args()
    shape = (args.data, 1, 20, 200, 784)
    model, family, theta, x, lam, _ = make_problem(
        *shape, np.dtype(np.float32), np.random.default_rng(0)
    )
    target = bbvi.backends.kernel.target(model, theta, x)
    before = peak()
    product = matrix_product(np.float32)
    alone = min(clock(product) for _ in range(20))
    seconds = clock(
        lambda: log_evidence_is(
            family, target, lam, np.random.default_rng(1), num_samples=args.samples
        )
    )
    alone = min(alone, *(clock(product) for _ in range(20)))
    operations = 2.0 * args.samples * args.data * (20 * 200 + 200 * 784)
    blas = rate_of(np.float32, 1e3 * alone) * 1e3
    print(f"peak resident size {peak():.0f} MB, of which before sampling {before:.0f} MB")
    print(f"{seconds:.1f} s, {operations / seconds / 1e9:.0f} GFLOP/s in matrix products alone")
    print(f"BLAS alone {blas / 1e9:.0f} GFLOP/s: {operations / seconds / blas:.0%} of it")


def peak() -> float:
    """Peak resident size of this process so far, in MB (Linux counts in KB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def clock(run: object) -> float:
    start = time.perf_counter()
    run()  # type: ignore[operator]
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
