"""Hostile campaigns against the package: everything ends in one message, or to the bit.

    python benchmarks/faults.py [--quick] [--seed 0] [--share 1.0] [--only NAME ...]

A case fails if it ends in an undocumented exception, without a message or without end, is accepted
with another result, or loses a run.  The table of counts has the failures first; the exit status
is 1 if there are any.  Everything is drawn from the seed.  Each kind has a negative control: a
target that is broken on purpose, of which the campaign must count failures.

The campaigns stand in ``faults_files`` (mutated files), ``faults_arguments`` (bad arguments),
``faults_lines`` (command lines, outputs and environments), ``faults_runs`` (kills, failing disks)
and ``faults_cluster``.  Files are written in memory, and memory and time are bounded.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Iterable
from typing import Any

import broken_runs
import faults_arguments
import faults_cluster
import faults_files
import faults_lines
import faults_runs
import numpy as np
from fault_endings import bounded

GIGABYTES = 6.0
CAMPAIGNS = {
    "files": (faults_files.files, 1_500, 100_000),
    "arguments": (faults_arguments.arguments, 150, 10_000),
    "lines": (faults_lines.lines, 25, 100),
    "surroundings": (faults_lines.surroundings, 0, 60),
    "interrupted": (faults_lines.interrupted, 0, 8),
    "injected": (faults_runs.injected, 15, 300),
    "kills": (faults_runs.kills, 6, 150),
    "processes": (faults_runs.processes, 0, 4),
    "clusters": (faults_cluster.clusters, 2, 6),
}
"""Name -> campaign, and its number of cases with and without --quick."""
CONTROLS = {
    "files": faults_files.CONTROLS,
    "arguments": faults_arguments.CONTROLS,
    "lines": faults_lines.CONTROLS,
    "kills": broken_runs.CONTROLS,
    "clusters": faults_cluster.CONTROLS,
}
"""Name of a campaign -> the controls of its module."""

Counts = dict[str, list[int]]


def counted(campaign: Any, seed: int, cases: int) -> tuple[Counts, dict[str, str]]:
    """Kind -> its cases and failures, and the first failure of each kind."""
    counts: Counts = {}
    examples: dict[str, str] = {}
    for kind, trouble in campaign(np.random.default_rng(seed), cases):
        counts.setdefault(kind, [0, 0])[0] += 1
        if trouble:
            counts[kind][1] += 1
            examples.setdefault(kind, trouble[:300])
    return counts, examples


def controlled(name: str, seed: int) -> tuple[Counts, dict[str, str]]:
    """The controls of a campaign: one that no case sees is a failure."""
    counts: Counts = {}
    examples: dict[str, str] = {}
    for control, (broken, campaign, cases, kind) in CONTROLS.get(name, {}).items():
        with broken():
            found, _ = counted(campaign, seed, cases)
        seen = found[kind][1]
        counts[f"control: {control}"] = [found[kind][0], int(seen == 0)]
        if seen == 0:
            examples[f"control: {control}"] = "the broken target was not seen"
    return counts, examples


def report(names: Iterable[str], quick: bool, seed: int, share: float = 1.0) -> tuple[str, int]:
    """Run campaigns: the table, failures first, and the number of failures."""
    counts: Counts = {}
    examples: dict[str, str] = {}
    start = time.monotonic()
    for name in names:
        print(f"{time.monotonic() - start:6.0f} s  {name}", file=sys.stderr, flush=True)
        campaign, few, many = CAMPAIGNS[name]
        cases = few if quick else round(share * many)
        for part in (counted(campaign, seed, cases), controlled(name, seed)):
            counts |= part[0]
            examples |= part[1]
    told = [f"{'campaign':40} {'cases':>7} {'failed':>7}"]
    for kind, (cases, failed) in sorted(counts.items(), key=lambda item: -item[1][1]):
        told += [f"{kind:40} {cases:7} {failed:7}"]
        told += [f"    {examples[kind]}"] if kind in examples else []
    total = sum(failed for _, failed in counts.values())
    cases = sum(cases for cases, _ in counts.values())
    told.append(f"seed {seed}, {cases} cases, {time.monotonic() - start:.0f} s, {total} failures")
    return "\n".join(told), total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of the long form's cases")
    parser.add_argument("--only", nargs="+", choices=CAMPAIGNS, default=list(CAMPAIGNS))
    asked = parser.parse_args()
    bounded(GIGABYTES)
    warnings.simplefilter("ignore")
    table, failures = report(asked.only, asked.quick, asked.seed, asked.share)
    print(table)
    sys.exit(1 if failures else 0)
