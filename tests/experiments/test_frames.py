"""How many calls lie between a comparison and the arithmetic: few, so that it can be read."""

import sys
from collections import Counter
from functools import partial

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from bbvi import cli
from bbvi.backends.kernel import evaluate
from bbvi.experiments.budget import Settings
from bbvi.experiments.catalogue import problem_of
from bbvi.experiments.compare_seeds import run_cell
from bbvi.experiments.methods import METHODS

TINY = Settings(
    evaluations=20_000, test_rows=5, new_steps=2, optimum_steps=2, batch_size=100, inner_steps=1
)


@pytest.fixture
def stacks(monkeypatch):
    """Every chain of functions of the package that has led to a block of the kernel."""
    seen = Counter()
    real = evaluate._one_block

    def counted(*args):
        frame, names = sys._getframe(1), ["_one_block"]
        while frame is not None:
            if "bbvi" in frame.f_globals.get("__name__", ""):
                names.append(frame.f_code.co_name)
            frame = frame.f_back
        seen[tuple(reversed(names))] += 1
        return real(*args)

    monkeypatch.setattr(evaluate, "_one_block", counted)
    return seen


def deepest(stacks, procedure, inside, outside=()):
    """The longest chain through a procedure's step, printed."""
    chains = [
        stack
        for stack in stacks
        if procedure in stack and inside in stack and not set(outside) & set(stack)
    ]
    longest = max(chains, key=len)
    print(f"\n{len(longest)}: {' > '.join(longest)}")
    return len(longest)


def test_from_a_cell_to_the_block(stacks):
    source = partial(problem_of, None, "digits", 0, 2, "float32")
    rng = np.random.default_rng(0)
    with threadpool_limits(1):
        for name in ("bbvi-reparameterized", "amortized-reparameterized"):
            run_cell(source, METHODS, TINY, 0, None, {"method": name, "seed": 0}, rng)
    assert {stack[0] for stack in stacks} == {"run_cell"}
    assert deepest(stacks, "fit_amortized", "step") <= 12
    assert deepest(stacks, "fit_bbvi", "step", ["ascend"]) <= 12
    # Step 1 is one call further, and holds theta.
    assert deepest(stacks, "fit_bbvi", "ascend") <= 14


def test_from_the_command_to_the_block(stacks, tmp_path, capsys):
    arguments = ["compare", "--workers", "1", "--seeds", "1", "--evaluations", "20000", "--quick"]
    arguments += ["--methods", "amortized-reparameterized", "--out", str(tmp_path / "out")]
    assert cli.main(arguments) == 0
    assert {stack[0] for stack in stacks} == {"main"}
    # Five before the cell: the arguments (main), their command (run), the cells that it takes
    # (compare_seeds), those that are not stored yet (run_sweep), and the rows or the traceback of
    # one (_run_unit).
    assert deepest(stacks, "fit_amortized", "run_cell") <= 17
