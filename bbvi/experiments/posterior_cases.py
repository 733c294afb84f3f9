"""Where posteriors come from: a folder, a Python file, or built in.

A reference posterior is a JSON file with ``model`` (a key of `MODELS`), ``data``, and
``reference``: ``names``, ``mean`` and ``sd`` of long, checked runs of MCMC on the scale of the
names, as made from posteriordb (Magnusson et al. 2022).
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bbvi.experiments.user_files import called, is_from_file, load_object
from bbvi.models.eight_schools import eight_schools, eight_schools_exact
from bbvi.models.posterior import Posterior
from bbvi.models.reference_posteriors import MODELS
from bbvi.types import Array

BUILT_IN = "eight_schools"


class Reference(NamedTuple):
    """True moments (R,) of what a posterior reports, and where they come from."""

    mean: Array
    sd: Array
    source: str


class Case(NamedTuple):
    """A named posterior, with its reference where there is one."""

    name: str
    posterior: Posterior
    reference: Reference | None


def built_in() -> Case:
    """Eight schools, with exact moments: runs without any data."""
    exact = eight_schools_exact()
    return Case(BUILT_IN, eight_schools(), Reference(exact.mean, exact.sd, "exact"))


def load_cases(what: Sequence[str], data: str | None = None) -> list[Case]:
    """The posteriors that the words name, in their order.

    Parameters
    ----------
    what : sequence of str
        Folders of JSON files, JSON files, ``FILE.py:NAME`` (a `Posterior`, or a function that makes
        one), or "eight_schools".  Without any: the folder ``posteriordb`` of ``data`` where there
        is one, else eight schools.
    data : str, optional
        The data folder, by default what the environment calls BBVI_DATA.

    Raises
    ------
    FileNotFoundError
        If a file or folder does not exist, or a folder holds no JSON file.
    TypeError, ValueError
        If a file does not hold a posterior, or one of an unknown model; if a Python file cannot be
        imported (its line is told).
    """
    if not what:
        data = os.environ.get("BBVI_DATA") if data is None else data
        if data and not Path(data).is_dir():
            raise FileNotFoundError(
                f"BBVI_DATA is {data}, which is no folder; "
                "expected the data folder, or no such variable."
            )
        folder = Path(data) / "posteriordb" if data else None
        what = [str(folder)] if folder is not None and folder.is_dir() else [BUILT_IN]
    return [case for word in what for case in _load(word)]


def _load(word: str) -> list[Case]:
    if word == BUILT_IN:
        return [built_in()]
    if is_from_file(word):
        return [_from_python(word)]
    path = Path(word)
    if path.is_dir():
        files = sorted(path.glob("*.json"))
        if not files:
            raise FileNotFoundError(f"{path} holds no .json file; expected reference posteriors.")
        return [_from_json(file) for file in files]
    if path.suffix == ".json":
        return [_from_json(path)]
    raise FileNotFoundError(
        f"{word!r} is no posterior; expected a folder of JSON files, a JSON file, FILE.py:NAME or "
        f"{BUILT_IN!r}."
    )


def _from_json(path: Path) -> Case:
    try:
        record = json.loads(path.read_text("utf-8"))
        posterior = _posterior(record)
        return Case(path.stem, posterior, _reference(posterior, record.get("reference")))
    except (LookupError, TypeError, ValueError) as error:
        # A message of ours says what is missing; of others the kind of error is half of it.
        ours = type(error) is ValueError
        reason = str(error) if ours else f"{type(error).__name__}: {error}"
        raise ValueError(
            f"{path.name} is not a reference posterior: {reason.rstrip('.')}; expected model, "
            "data, and reference with names, mean and sd."
        ) from error


def _posterior(record: Mapping[str, Any]) -> Posterior:
    missing = [key for key in ("model", "data") if key not in record]
    if missing:
        raise ValueError(f"it has no {', '.join(missing)}")
    if record["model"] not in MODELS:
        raise ValueError(
            f"it is of the model {record['model']!r}, whose density is not known; known are "
            f"{', '.join(MODELS)}. Write yours as a Posterior and name it as FILE.py:NAME"
        )
    return MODELS[record["model"]](record["data"])


def _reference(posterior: Posterior, entry: Mapping[str, Any] | None) -> Reference | None:
    if entry is None:
        return None
    places = {name: i for i, name in enumerate(entry["names"])}
    unknown = [name for name in posterior.names if name not in places]
    if unknown:
        raise ValueError(f"it has no reference for {', '.join(unknown)}")
    order = [places[name] for name in posterior.names]
    mean, sd = (np.asarray(entry[key], float)[order] for key in ("mean", "sd"))
    return Reference(mean, sd, "MCMC")


def _from_python(text: str) -> Case:
    """The posterior of FILE.py:NAME; the file is run."""
    value, name = load_object(text), text.rpartition(":")[2]
    if callable(value) and not isinstance(value, Posterior):
        value = called(text, value, "() -> bbvi.Posterior")
    if not isinstance(value, Posterior):
        raise TypeError(
            f"{text} is {type(value).__name__}; expected a bbvi.Posterior, or a function of no "
            "arguments that makes one."
        )
    return Case(name, value, None)
