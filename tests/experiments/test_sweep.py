import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from waiting import wait_until

from bbvi.experiments.cluster import cluster
from bbvi.experiments.csv_and_json import write_csv
from bbvi.experiments.identity import cell_rng, digest
from bbvi.experiments.store import claim
from bbvi.experiments.sweep import run_sweep
from bbvi.experiments.sweep_files import cell_path

CELLS = [{"scale": scale, "size": size} for scale in (0.1, 1.0, 3.0) for size in (5, 40)]


def sums(cell, rng):
    """BLAS and random numbers: what could differ between machines, orders and threads."""
    draws = cell["scale"] * rng.standard_normal((cell["size"], cell["size"]))
    return [{"statistic": "trace", "value": np.trace(draws @ draws)}, {"value": rng.random()}]


def sums_but_one_fails(cell, rng):
    if cell["scale"] == 1.0 and cell["size"] == 5:
        raise ArithmeticError("this cell cannot be computed")
    return sums(cell, rng)


def sums_but_one_dies(cell, rng):
    if cell["scale"] == 1.0 and cell["size"] == 5:
        os._exit(3)
    return sums(cell, rng)


def slow_sums(cell, rng):
    time.sleep(0.25)
    return sums(cell, rng)


def count_calls(cell, rng):
    with open(cell["log"], "a") as file:
        file.write(f"{cell['i']}\n")
    return [{"value": rng.random()}]


def blas_threads(cell, rng):
    import threadpoolctl

    infos = threadpoolctl.threadpool_info()
    return [{"threads": max(i["num_threads"] for i in infos if i["user_api"] == "blas")}]


def serial(function=sums, cells=CELLS, **settings):
    settings = {"experiment": "sums", "seed": 7, "workers": 1, "progress": False, **settings}
    return run_sweep(function, cells, **settings)


def table_bytes(folder, sweep):
    write_csv(folder / "table.csv", sweep.rows)
    return (folder / "table.csv").read_bytes()


def test_rows_come_in_grid_order_with_parameters_and_replicates():
    rows = serial(replicates=2).rows
    keys = [(row["scale"], row["size"], row["replicate"]) for row in rows[::2]]
    assert keys == [(c["scale"], c["size"], r) for c in CELLS for r in (0, 1)]
    values = [row["value"] for row in rows]
    assert len(set(values)) == len(values)


def test_random_numbers_depend_on_the_cell_alone():
    forwards, backwards = serial().rows, serial(cells=CELLS[::-1]).rows
    assert sorted(map(str, forwards)) == sorted(map(str, backwards))
    alone = serial(cells=[{"size": 40, "scale": 3.0}]).rows
    assert [row["value"] for row in alone] == [row["value"] for row in forwards[-2:]]


@pytest.mark.parametrize("other", [(8, CELLS[0], 0), (7, CELLS[1], 0), (7, CELLS[0], 1)])
def test_seed_cell_and_replicate_each_change_the_random_numbers(other):
    assert cell_rng(7, CELLS[0], 0).random() != cell_rng(*other).random()


def test_threads_and_processes_agree_with_serial_to_the_bit(tmp_path):
    expected = table_bytes(tmp_path, serial())
    assert table_bytes(tmp_path, serial(workers=2)) == expected
    with ThreadPoolExecutor(3) as pool:
        assert table_bytes(tmp_path, serial(executor=pool)) == expected
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context) as pool:
        assert table_bytes(tmp_path, serial(executor=pool)) == expected


def test_blas_has_one_thread_in_every_cell_and_its_old_number_afterwards():
    before = blas_threads({}, None)
    for workers in (1, 2):
        rows = serial(blas_threads, [{"i": 0}, {"i": 1}], workers=workers).rows
        assert [row["threads"] for row in rows] == [1, 1]
    assert blas_threads({}, None) == before


def test_a_finished_sweep_is_read_and_not_computed_again(tmp_path):
    cells = [{"i": i, "log": str(tmp_path / "log")} for i in range(3)]
    first = serial(count_calls, cells, folder=tmp_path / "out")
    again = serial(count_calls, cells, folder=tmp_path / "out")
    assert again == first
    assert (tmp_path / "log").read_text() == "0\n1\n2\n"


def test_an_interrupted_sweep_resumes_with_the_same_table(tmp_path):
    calls = []

    def interrupted(cell, rng):
        calls.append(cell)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return sums(cell, rng)

    with pytest.raises(KeyboardInterrupt):
        serial(interrupted, folder=tmp_path / "out")
    assert len(list((tmp_path / "out" / "cells").iterdir())) == 3
    resumed = serial(folder=tmp_path / "out")
    assert table_bytes(tmp_path, resumed) == table_bytes(tmp_path, serial())


@pytest.mark.slow
def test_a_killed_pool_resumes_with_the_same_table_and_leaves_no_process(tmp_path):
    script = (
        "from test_sweep import serial, slow_sums\n"
        "if __name__ == '__main__':\n"
        f"    serial(slow_sums, workers=2, folder={str(tmp_path / 'out')!r})\n"
    )
    (tmp_path / "run.py").write_text(script)
    paths = map(str, (Path(__file__).parent, Path(__file__).parents[1]))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    process = subprocess.Popen([sys.executable, str(tmp_path / "run.py")], env=environment)
    cells = tmp_path / "out" / "cells"
    finished = wait_until(lambda: list(cells.glob("[!.]*")) if cells.is_dir() else [])
    children = _children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0 < len(finished) < len(CELLS)
    assert children
    assert wait_until(lambda: not any(_is_running(child) for child in children))
    resumed = serial(slow_sums, folder=tmp_path / "out", workers=2)
    assert table_bytes(tmp_path, resumed) == table_bytes(tmp_path, serial())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failed_cell_keeps_its_traceback_and_does_not_stop_the_others(tmp_path, workers):
    sweep = serial(sums_but_one_fails, folder=tmp_path, workers=workers)
    expected = [row for row in serial().rows if (row["scale"], row["size"]) != (1.0, 5)]
    assert sweep.rows == expected
    (failure,) = sweep.failures
    assert (failure["scale"], failure["size"]) == (1.0, 5)
    assert "sums_but_one_fails" in failure["error"]
    assert failure["error"].endswith("ArithmeticError: this cell cannot be computed\n")
    kept = json.loads(cell_path(tmp_path, {"scale": 1.0, "size": 5}, 0).read_text())
    assert kept["error"] == failure["error"]
    repaired = serial(folder=tmp_path)
    assert repaired == serial()


def test_a_dying_worker_costs_its_own_cell_only():
    sweep = serial(sums_but_one_dies, workers=2)
    assert len(sweep.rows) == 2 * (len(CELLS) - 1)
    (failure,) = sweep.failures
    assert (failure["scale"], failure["size"]) == (1.0, 5)
    assert "BrokenProcessPool" in failure["error"]


def test_a_corrupt_cell_file_is_computed_again_and_said_so(tmp_path, capsys):
    expected = serial(folder=tmp_path)
    cut, changed, empty = (cell_path(tmp_path, cell, 0) for cell in CELLS[:3])
    cut.write_text(cut.read_text()[:50])
    changed.write_text(changed.read_text().replace('"value": ', '"value": 1'))
    empty.write_text("[]")
    sweep = serial(folder=tmp_path)
    assert sweep.rows == expected.rows
    assert len(sweep.notes) == 3
    said = capsys.readouterr().err
    for path in (cut, changed, empty):
        assert f"{path} is corrupt" in said
    assert json.loads(changed.read_text())["rows"]
    assert serial(folder=tmp_path).notes == []


def test_the_file_of_another_cell_is_not_taken_for_this_one(tmp_path):
    expected = serial(folder=tmp_path)
    one, other = (cell_path(tmp_path, cell, 0) for cell in CELLS[:2])
    one.write_bytes(other.read_bytes())
    sweep = serial(folder=tmp_path)
    assert sweep.rows == expected.rows
    assert "holds another cell" in sweep.notes[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 8}, "its seed is 7, here it is 8"),
        ({"experiment": "other"}, 'its experiment is "sums", here it is "other"'),
        ({"cells": CELLS[:2]}, "its cells is"),
        ({"replicates": 2}, "its replicates is 1, here it is 2"),
    ],
)
def test_the_folder_of_another_experiment_is_refused_and_kept(tmp_path, change, message):
    serial(folder=tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(ValueError, match=message):
        serial(folder=tmp_path, **change)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match=r"holds files but no manifest\.json"):
        serial(folder=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_unreadable_manifest_and_a_file_are_refused(tmp_path):
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ValueError, match="cannot be read"):
        claim(tmp_path, {})
    with pytest.raises(ValueError, match="which is a file"):
        claim(tmp_path / "manifest.json", {})


def test_bad_grids_are_refused():
    with pytest.raises(ValueError, match="cells is empty"):
        serial(cells=[])
    with pytest.raises(ValueError, match=r"cells\[1\] equals cells\[0\]"):
        serial(cells=[{"a": 1}, {"a": 1}])
    with pytest.raises(TypeError, match="which is not plain"):
        serial(cells=[{"a": sums}])
    with pytest.raises(TypeError, match="which is not plain"):
        serial(cells=[{"a": float("nan")}])
    with pytest.raises(TypeError, match="expected a dict of plain parameters"):
        serial(cells=[3])
    with pytest.raises(ValueError, match="seed is -1"):
        serial(seed=-1)
    with pytest.raises(ValueError, match="workers is 0"):
        serial(workers=0)
    with pytest.raises(ValueError, match="replicates is 0"):
        serial(replicates=0)
    with pytest.raises(TypeError, match="cannot be sent to worker processes"):
        serial(lambda cell, rng: [], workers=2)


def test_rows_that_are_not_plain_fail_their_cell():
    sweep = serial(lambda cell, rng: [{"value": object()}], CELLS[:1])
    assert sweep.rows == []
    assert "expected plain values" in sweep.failures[0]["error"]


def test_a_file_has_the_same_numbers_in_every_folder():
    one, other, another = (
        cell_rng(0, {"model": f"{path}:pca", "S": 1}).random()
        for path in ("a/mine.py", "/b/c/mine.py", "yours.py")
    )
    assert one == other != another


def test_the_digest_is_the_same_in_every_version():
    # A changed digest would change every experiment's random numbers.
    assert digest({"S": 1, "estimator": "pathwise"})[:16] == "754500919208b90f"


def test_a_cluster_agrees_with_serial_to_the_bit_and_keeps_failures(scheduler, tmp_path):
    with cluster(scheduler) as executor:
        sweep = serial(executor=executor, folder=tmp_path / "out")
        failed = serial(sums_but_one_fails, executor=executor)
    assert sweep.failures == []
    assert table_bytes(tmp_path, sweep) == table_bytes(tmp_path, serial())
    assert failed.failures == serial(sums_but_one_fails).failures


def test_a_cluster_without_a_scheduler_is_said_so():
    pytest.importorskip("distributed")
    address = "tcp://127.0.0.1:9"
    with (
        pytest.raises(OSError, match="no scheduler answers at tcp"),
        cluster(address, 1),
    ):
        pytest.fail("connected to nothing")


def _children(pid):
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True
    )
    return [int(line) for line in listed.stdout.split()]


def _is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
