"""A comparison that loses a process or a worker gives the same table; equal methods stay equal."""

import csv
import os
import signal
import subprocess
import sys
import threading
from functools import partial

import numpy as np
import pytest
from scipy import stats
from waiting import wait_until

from bbvi import backends
from bbvi.evaluation import elbo
from bbvi.evaluation.paired import paired_differences
from bbvi.experiments.catalogue import problem_of
from bbvi.experiments.cluster import cluster
from bbvi.experiments.compare_seeds import compare_seeds
from bbvi.experiments.methods import Settings
from bbvi.experiments.same_numbers import of_a_clock

OPTIONS = ["compare", "--dataset", "iris", "--quick", "--evaluations", "20000", "--seeds", "4"]
OPTIONS += ["--methods", "amortized-reparameterized", "semi-amortized", "--workers", "1"]


def without_clock(rows):
    return [{k: v for k, v in row.items() if not of_a_clock(k)} for row in rows]


def table(folder):
    """seeds.csv without times."""
    with open(folder / "seeds.csv", newline="") as file:
        return without_clock(csv.DictReader(file))


def command(out):
    code = "from bbvi.cli import main; import sys; sys.exit(main())"
    return [sys.executable, "-c", code, *OPTIONS, "--out", str(out)]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_comparison_goes_on_to_the_same_table(tmp_path):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    out, cells = tmp_path / "killed", tmp_path / "killed" / "runs" / "cells"
    with subprocess.Popen(command(out), **quiet) as process:
        wait_until(lambda: cells.is_dir() and len(list(cells.glob("*.json"))) >= 2)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    finished = {path: path.stat().st_mtime_ns for path in cells.glob("*.json")}
    assert 2 <= len(finished) < 8
    assert not (out / "seeds.csv").exists()
    assert subprocess.run(command(out), **quiet).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert subprocess.run(command(tmp_path / "whole"), **quiet).returncode == 0
    assert len(table(out)) == 8
    assert table(out) == table(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_dask_worker_lost_in_the_middle_leaves_the_table_as_it_is(tmp_path, scheduler):
    tiny = Settings(evaluations=20_000, new_steps=10, optimum_steps=5, test_rows=15)
    source = partial(problem_of, None, "iris", 0, 2, "float32")
    common = {"methods": ("amortized-reparameterized", "semi-amortized"), "settings": tiny}
    line = [sys.executable, "-m", "dask", "worker", scheduler, "--nthreads", "1"]
    line += ["--no-dashboard", "--no-nanny", "--name", "doomed"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    with cluster(scheduler, 300) as executor, subprocess.Popen(line, **quiet) as doomed:

        def cells_of_the_doomed():
            workers = executor.client.scheduler_info(n_workers=-1)["workers"]
            address = [key for key, worker in workers.items() if worker["name"] == "doomed"]
            return address and executor.client.processing(address)[address[0]]

        def kill():
            lost.extend(wait_until(cells_of_the_doomed, seconds=300))
            doomed.kill()

        wait_until(lambda: len(executor.client.nthreads()) == 3, seconds=300)
        lost = []
        killer = threading.Thread(target=kill)
        killer.start()
        without = compare_seeds(
            source, num_seeds=4, executor=executor, folder=tmp_path / "runs", **common
        )
        killer.join()
    assert doomed.returncode == -signal.SIGKILL
    assert lost, "the worker had nothing to lose"
    whole = compare_seeds(source, num_seeds=4, workers=1, progress=False, **common)
    assert without.failures == whole.failures == []
    assert len(without.rows) == 8
    assert without_clock(without.rows) == without_clock(whole.rows)
    for run, fit in whole.fits.items():
        assert all(np.array_equal(without.fits[run].theta[k], v) for k, v in fit.theta.items())


@pytest.mark.slow
def test_two_names_of_one_method_are_seldom_called_different():
    """200 comparisons of real fits of one method at other seeds, at the stated level of 5 %."""
    tiny = Settings(evaluations=2_000, new_steps=10, optimum_steps=5, test_rows=15)
    source = partial(problem_of, None, "iris", 0, 2, "float64")
    name = "amortized-reparameterized"
    runs = compare_seeds(
        source, num_seeds=60, methods=(name,), settings=tiny, workers=1, progress=False
    )
    scores = np.array([_held_out_elbo(source(), runs.fits[name, k], k) for k in range(60)])
    rng = np.random.default_rng(0)
    called, wrong = 0, 0
    for _ in range(200):
        rows = rng.choice(60, 10, replace=False)
        pair = {"one": scores[rows[:5]], "other": scores[rows[5:]]}
        called += paired_differences(pair)[0].decided
        # Negative control: what is worse by five standard deviations is told from the other.
        worse = {**pair, "other": pair["other"] - 5 * scores.mean(axis=1).std()}
        wrong += paired_differences(worse)[0].decided
    # A rate of 5 % gives more than this in one of a thousand tests.
    assert called <= stats.binom.ppf(0.999, 200, 0.05)
    assert wrong > 150


def _held_out_elbo(problem, fit, seed):
    rng = np.random.default_rng(seed)
    lam = backends.encode(problem.encoder, fit.phi, problem.test.x)[0]
    target = backends.target(problem.model, fit.theta, problem.test.x)
    return elbo(problem.family, target, lam, rng, num_samples=50).value
