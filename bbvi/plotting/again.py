"""The figures of a results folder, drawn from its tables."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bbvi.experiments.compare_seeds import posterior_from
from bbvi.experiments.results import Results
from bbvi.plotting import compare, decomposition, posteriors, variance
from bbvi.plotting.variance_rows import pictures

DRAWN = "drawn.json"
"""What `bbvi compare` keeps for its picture beside the tables."""


def figures_of(results: Results) -> dict[str, Figure]:
    """Name -> figure; empty where the tables do not tell enough.

    Parameters
    ----------
    results : Results
        Of ``bbvi compare``, ``variance`` (``--decompose`` too) or ``posteriors``.
    """
    tables, drawn = results.tables, dict[str, Figure]()
    if tables.get("variance"):
        for name, block, rows in pictures(tables["variance"]):
            for kind, figure in variance.figures(name, block, rows).items():
                drawn[f"{name.rpartition(':')[2]}-{block}-{kind}"] = figure
    if tables.get("decompose"):
        name = str((results.command.get("model") or [""])[0])
        drawn |= decomposition.figures(tables["decompose"], name)
    if tables.get("posteriors"):
        drawn["posteriors"] = posteriors.posteriors_figure(tables["posteriors"])
    if tables.get("compare") and tables.get("curves") and tables.get("seeds"):
        drawn |= _compare_slides(results)
    return drawn


def _compare_slides(results: Results) -> dict[str, Figure]:
    tables, kept = results.tables, _kept(results.folder / DRAWN)
    posteriors_drawn = [posterior_from(parts) for parts in kept.get("posteriors", ())]
    x = {int(row): np.array(value) for row, value in kept.get("x", {}).items()}
    shape = kept.get("image_shape")
    return compare.slides(
        tables["seeds"],
        tables["compare"],
        tables["curves"],
        posteriors_drawn,
        x,
        None if shape is None else tuple(shape),
        kept.get("title", str(results.folder)),
        tables.get("curves_seconds"),
        kept.get("learning_title"),
    )


def _kept(path: Path) -> dict[str, Any]:
    """Nothing where a folder has none: it was made before there was such a file."""
    if not path.is_file():
        return {}
    try:
        kept = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} cannot be read ({type(error).__name__}: {error}).") from None
    return kept if isinstance(kept, dict) else {}
