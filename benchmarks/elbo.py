"""The batched ELBO and its gradients: this kernel, autograd, torch and jax, side by side.

    pip install -e ".[bench]"
    python benchmarks/elbo.py            # about 10 minutes
    python benchmarks/elbo.py --quick    # float32, two shapes, two minutes

Every contender computes the same numbers; each cell's results are compared with the float64
autograd reference before the cell is timed, and a disagreement stops the run.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl
from rivals import (
    WORKS,
    Problem,
    as_numpy,
    autograd_reference,
    jax_jit,
    make_problem,
    this_kernel,
    torch_compile,
    torch_eager,
)
from timing import interleaved, matrix_product, rate_of

from bbvi.environment import environment
from bbvi.experiments.csv_and_json import format_table, write_csv, write_json
from bbvi.nets import astype
from bbvi.plotting.style import COLORS, MARKERS, new_figure, save, styled

SHAPES = (
    (100, 16, 20, 200, 784),
    (128, 1, 2, 512, 784),
    (1000, 8, 10, 400, 784),
    (64, 10, 2, 64, 64),
    (1, 1000, 2, 64, 64),
)
CONTENDERS = {
    "kernel": this_kernel,
    "autograd": autograd_reference,
    "torch": torch_eager,
    "torch.compile": torch_compile,
    "jax.jit": jax_jit,
}
RIVALS = ("torch", "torch.compile", "jax.jit")
TICKS = (0.1, 0.2, 0.5, 1, 2, 3)
TOLERANCE = {"float32": 2e-3, "float64": 1e-8}


def main() -> int:
    args = parse()
    names = [name for name in CONTENDERS if name not in args.without]
    set_threads(args.threads, "torch" in names or "torch.compile" in names)
    shapes = [SHAPES[1], SHAPES[3]] if args.quick else list(SHAPES)
    dtypes = ["float32"] if args.quick else ["float32", "float64"]
    rows: list[dict[str, Any]] = []
    for dtype in dtypes:
        for shape in shapes:
            problem = make_problem(*shape, np.dtype(dtype), np.random.default_rng(args.seed))
            for work in WORKS:
                rows += cell(problem, shape, dtype, work, names, args)
                print(format_table([summary(rows, shape, dtype, work)], COLUMNS), flush=True)
    table = [summary(rows, s, d, w) for d in dtypes for s in shapes for w in WORKS]
    print("\n" + format_table(table, COLUMNS) + "\n")
    print("\n".join(conclusions(table)))
    args.out.mkdir(parents=True, exist_ok=True)
    write_csv(args.out / "elbo.csv", rows)
    write_json(args.out / "elbo.json", environment() | {"threads": args.threads})
    save(figure(table), args.figure)
    write_csv(args.figure.with_suffix(".csv"), rows)
    print(f"\nrows in {args.out / 'elbo.csv'}, figure and its rows in {args.figure.parent}")
    return 0


def set_threads(threads: int, with_torch: bool) -> None:
    """Threads of BLAS, which the kernel and the floor follow, and of torch."""
    threadpoolctl.threadpool_limits(threads, user_api="blas")
    if with_torch:
        import torch

        torch.set_num_threads(threads)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="float32 and two shapes only")
    parser.add_argument("--rounds", type=int, help="turns of each contender (default 7; quick 3)")
    parser.add_argument("--seconds", type=float, default=0.05, help="length of a turn (0.05)")
    parser.add_argument(
        "--threads", type=int, default=2, help="of all but jax, which takes every CPU (default 2)"
    )
    parser.add_argument(
        "--without", nargs="*", default=[], choices=RIVALS, metavar="RIVAL", help=", ".join(RIVALS)
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=Path("bbvi-out/benchmarks"), help="(bbvi-out/benchmarks)"
    )
    parser.add_argument(
        "--figure", type=Path, help="(figures/benchmark-elbo.png; quick: elbo.png in OUT)"
    )
    args = parser.parse_args()
    args.rounds = args.rounds or (3 if args.quick else 7)
    whole = Path("figures/benchmark-elbo.png")
    args.figure = args.figure or (args.out / "elbo.png" if args.quick else whole)
    return args


def cell(
    problem: Problem, shape: tuple[int, ...], dtype: str, work: str, names: list[str], args: Any
) -> list[dict[str, Any]]:
    """Compare, then time, one cell: one row for each contender."""
    contenders = {name: CONTENDERS[name](problem, work) for name in names}
    expected = as_numpy(autograd_reference(in_float64(problem), work)())
    for name, run in contenders.items():
        compare(name, as_numpy(run()), expected, dtype, (shape, work))
    contenders["matrix product"] = matrix_product(dtype)
    times = interleaved(contenders, args.rounds, args.seconds)
    floor = operations(shape, work) / rate_of(dtype, times.pop("matrix product"))
    about = {"dtype": dtype, **dict(zip(["N", "S", "D", "H", "Dx"], shape)), "work": work}
    return [{**about, "contender": n, "ms": ms} for n, ms in {**times, "floor": floor}.items()]


def in_float64(problem: Problem) -> Problem:
    """The same numbers in float64."""
    arrays = {name: getattr(problem, name).astype(np.float64) for name in ("x", "lam", "eps")}
    return problem._replace(theta=astype(problem.theta, np.float64), **arrays)


def compare(name: str, found: Any, expected: Any, dtype: str, where: Any) -> None:
    """Stop the benchmark unless every array agrees with the reference."""
    for a, b in zip(found, expected, strict=True):
        worst = np.abs(a - b).max() / np.abs(b).max()
        if a.shape != b.shape or a.dtype != dtype or not worst <= TOLERANCE[dtype]:
            sys.exit(
                f"{name} disagrees with the reference at {where} in {dtype}: relative difference "
                f"{worst:.1e}, {a.dtype} {a.shape}; the cell was not timed."
            )


def operations(shape: tuple[int, ...], work: str) -> float:
    """Additions and multiplications of the matrix products: one, two or three per weight."""
    N, S, D, H, Dx = shape
    return 2.0 * N * S * (D * H + H * Dx) * (1 + WORKS.index(work))


COLUMNS = (
    "dtype",
    "N,S,D,H,Dx",
    "work",
    *CONTENDERS,
    "floor",
    "best rival / kernel",
    "floor / kernel",
)


def summary(rows: list[dict[str, Any]], shape: Any, dtype: str, work: str) -> dict[str, Any]:
    """One line of the table, times in milliseconds."""
    where = dict(zip(["N", "S", "D", "H", "Dx"], shape), dtype=dtype, work=work)
    here = [row for row in rows if where.items() <= row.items()]
    times = {row["contender"]: row["ms"] for row in here}
    rivals = [times[name] for name in RIVALS if name in times]
    line = {"dtype": dtype, "N,S,D,H,Dx": ",".join(map(str, shape)), "work": work}
    line |= {name: f"{ms:.3g}" for name, ms in times.items()}
    if rivals:
        line["best rival / kernel"] = f"{min(rivals) / times['kernel']:.2f}"
    line["floor / kernel"] = f"{times['floor'] / times['kernel']:.2f}"
    return line


def conclusions(table: list[dict[str, Any]]) -> list[str]:
    """The figures that the README states."""
    lines = []
    ratios = [float(line["best rival / kernel"]) for line in table if "best rival / kernel" in line]
    if ratios:
        mean = float(np.exp(np.mean(np.log(ratios))))
        lines.append(
            f"fastest rival / kernel: geometric mean {mean:.2f}, worst cell {min(ratios):.2f}, "
            f"{sum(r < 1 for r in ratios)} of {len(ratios)} cells behind"
        )
    wide = [line for line in table if line["N,S,D,H,Dx"].endswith("784")]
    lines.append(
        "floor / kernel at 784 pixels: "
        + ", ".join(f"{line['work']} {line['floor / kernel']}" for line in wide)
    )
    cells = {(line["dtype"], line["N,S,D,H,Dx"], line["work"]): line for line in table}
    for kind in ("float32", "float64"):
        speed = [
            float(cells[kind, shape, work]["autograd"]) / float(line["kernel"])
            for (dtype, shape, work), line in cells.items()
            if dtype == "float32" and (kind, shape, work) in cells
        ]
        if speed:
            lines.append(f"{kind} autograd / float32 kernel: {min(speed):.1f} to {max(speed):.1f}")
    return lines


def figure(table: list[dict[str, Any]]) -> Any:
    """Time relative to this kernel, a dot for each contender in each cell."""
    names = [name for name in (*RIVALS, "floor") if any(name in line for line in table)]
    with styled():
        fig = new_figure(16, 4.5 * len({line["dtype"] for line in table}))
        dtypes = list(dict.fromkeys(line["dtype"] for line in table))
        for axes, dtype in zip(np.atleast_1d(fig.subplots(len(dtypes), 1)), dtypes):
            lines = [line for line in table if line["dtype"] == dtype]
            place = np.arange(len(lines))
            for i, name in enumerate(names):
                heights = [float(line[name]) / float(line["kernel"]) for line in lines]
                style = {"color": COLORS[i], "ms": 9, "ls": "none", "label": name}
                axes.plot(place + 0.15 * (i - 1.5), heights, MARKERS[i], **style)
            axes.axhline(1, color="black", linewidth=1.5)
            axes.set_xticks(place, [label(line) for line in lines], fontsize=9)
            axes.set_ylabel("time / this kernel's")
            axes.set_yscale("log")
            axes.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
            axes.set_yticks([], minor=True)
            axes.set_title(f"{dtype}: above 1 is slower than this kernel; the floor is BLAS alone")
            axes.legend(ncols=4)
    return fig


def label(line: dict[str, Any]) -> str:
    work = {"value": "value", "dlam": "+ d/dlam", "dlam_dtheta": "+ d/dtheta"}[line["work"]]
    N, S, D, H, Dx = line["N,S,D,H,Dx"].split(",")
    return f"{work}\n{N} x {S}\nD {D} H {H}\nDx {Dx}"


if __name__ == "__main__":
    sys.exit(main())
