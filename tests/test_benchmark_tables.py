"""The pages' benchmark tables are the rows that `benchmarks/elbo.py` wrote."""

import csv
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
WORKS = {"value": "value", "+ d/dlam": "dlam", "+ d/dtheta": "dlam_dtheta"}
DTYPES = ("float32", "float64")
OTHERS = ("torch", "torch.compile", "jax.jit")
FIRST = "100, 16, 20, 200, 784"


def rows(name):
    with (ROOT / "figures" / name).open() as file:
        return {
            (
                row["dtype"],
                ", ".join(row[k] for k in ("N", "S", "D", "H", "Dx")),
                row["work"],
                row["contender"],
            ): float(row["ms"])
            for row in csv.DictReader(file)
        }


DEFAULT, AVX512 = rows("benchmark-elbo.csv"), rows("benchmark-elbo-avx512.csv")


def table(page, first):
    """The lines of the table whose header begins with this name, as lists of cells."""
    lines = iter((ROOT / page).read_text().splitlines())
    while not next(lines).startswith(f"| {first} |"):
        pass
    next(lines)
    found = []
    while (line := next(lines)).startswith("|"):
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def ratios(times, shape):
    """Fastest of the others over the kernel, cell by cell."""
    return [
        min(times[dtype, shape, work, other] for other in OTHERS)
        / times[dtype, shape, work, "kernel"]
        for dtype in DTYPES
        for work in WORKS.values()
    ]


def mean(values):
    return np.exp(np.mean(np.log(values)))


def speed_up(times, shape):
    """Autograd in float64 over the kernel in float32, for each work."""
    return [
        times["float64", shape, work, "autograd"] / times["float32", shape, work, "kernel"]
        for work in WORKS.values()
    ]


SHAPES = tuple(dict.fromkeys(key[1] for key in DEFAULT))


def test_every_cell():
    lines = table("benchmarks/README.md", "dtype")
    assert len(lines) == 30
    for dtype, shape, work, *cells in lines:
        where = dtype, shape, WORKS[work]
        expected = [
            *(DEFAULT[*where, n] for n in ("kernel", "autograd", *OTHERS, "floor")),
            AVX512[*where, "kernel"],
            min(AVX512[*where, other] for other in OTHERS),
        ]
        np.testing.assert_allclose([float(cell) for cell in cells], expected, rtol=0.0051)


def test_geometric_means():
    *lines, (_, default, avx512, _) = table("benchmarks/README.md", "N, S, D, H, Dx")
    assert [line[0] for line in lines] == list(SHAPES)
    for shape, *cells, floor in lines:
        for cell, times in zip(cells, (DEFAULT, AVX512)):
            assert float(cell) == pytest.approx(mean(ratios(times, shape)), abs=0.0051)
        shares = [
            DEFAULT[d, shape, w, "floor"] / DEFAULT[d, shape, w, "kernel"]
            for d in DTYPES
            for w in WORKS.values()
        ]
        assert float(floor.rstrip(" %")) == pytest.approx(100 * mean(shares), abs=0.51)
    for cell, times in ((default, DEFAULT), (avx512, AVX512)):
        every = [ratio for shape in SHAPES for ratio in ratios(times, shape)]
        assert float(cell) == pytest.approx(mean(every), abs=0.0051)


def test_the_sentences_below_the_table():
    text = " ".join((ROOT / "benchmarks/README.md").read_text().split())
    default, avx512 = (
        np.array([r for shape in SHAPES for r in ratios(times, shape)])
        for times in (DEFAULT, AVX512)
    )
    behind, worst = (default < 1).sum(), default.min()
    assert (
        f"{behind} of 30 cells are behind the fastest of the three, the worst at {worst:.2f}"
        in text
    )
    assert f"AVX-512, {(avx512 < 1).sum()} are, {(avx512 < 0.95).sum()} of them by more" in text
    speeds = [speed for shape in SHAPES for speed in speed_up(DEFAULT, shape)]
    assert f"{min(speeds):.1f} to {max(speeds):.0f} times faster" in text
    assert f"and {speed_up(DEFAULT, FIRST)[-1]:.1f} for the value and all gradients" in text
    assert f"With AVX-512, {speed_up(AVX512, FIRST)[-1]:.0f} at the first shape" in text


def test_the_front_page():
    lines = table("README.md", "N, S, D, H, Dx")
    assert [line[0] for line in lines] == list(SHAPES)
    for shape, autograd, *cells in lines:
        assert autograd == f"{mean(speed_up(DEFAULT, shape)):.2g}"
        for cell, times in zip(cells, (DEFAULT, AVX512)):
            assert float(cell) == pytest.approx(mean(ratios(times, shape)), abs=0.0051)


def test_the_networks_on_mnist_are_in_the_order_that_the_page_tells():
    """The table's numbers are the CSV's, and both sentences hold in every seed."""
    with (ROOT / "figures" / "networks_mnist.csv").open() as file:
        runs = list(csv.DictReader(file))

    def column(network, budget, key):
        chosen = [run for run in runs if (run["network"], run["budget"]) == (network, budget)]
        return np.array([float(run[key]) for run in chosen])

    budgets = [("dense", "epochs"), ("conv", "seconds"), ("conv", "epochs")]
    told = table("benchmarks/README.md", "network | epochs | seconds")
    for (network, budget), cells in zip(budgets, told, strict=True):
        for cell, key, factor, accuracy in zip(
            cells[2:],
            ("seconds", "held_out_elbo", "log_evidence", "untrusted"),
            (1, 1, 1, 100),
            (0.5, 0.05, 0.05, 0.05),
        ):
            numbers = [float(number) for number in cell.removesuffix(" %").split(", ")]
            wanted = factor * column(network, budget, key)
            np.testing.assert_allclose(numbers, wanted, atol=1.01 * accuracy)
    dense, timed, counted = (column(*budget, "log_evidence") for budget in budgets)
    assert len(dense) == 3
    gain, loss = counted - dense, dense - timed
    assert (round(min(gain)), round(max(gain))) == (16, 34)
    assert (round(min(loss)), round(max(loss))) == (1, 24)
    assert (column("conv", "seconds", "seconds") <= column("dense", "epochs", "seconds")).all()
