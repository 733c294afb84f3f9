"""Asking the table: an estimator by name, its contract, and the table as text (floor 3)."""

from collections.abc import Mapping
from typing import Any

from bbvi.estimators.record import Record
from bbvi.estimators.table import ESTIMATORS
from bbvi.types import Family, Target


def find(name: str, table: Mapping[str, Record] = ESTIMATORS) -> Record:
    """The record of one estimator.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the legal ones.
    """
    if name not in table:
        raise ValueError(f"estimator is {name!r}; expected one of {', '.join(table)}.")
    return table[name]


def require(
    name: str,
    family: Any,
    target: Target,
    num_samples: int,
    table: Mapping[str, Record] = ESTIMATORS,
) -> Record:
    """The record of an estimator whose contract this family, target and S keep.

    Raises
    ------
    TypeError
        If the family is not what the estimator needs.
    ValueError
        If the name is unknown, S is too small or no closed-form KL is known.
    """
    record = find(name, table)
    if not isinstance(family, record.family):
        fit = [other for other, its in table.items() if isinstance(family, its.family)]
        raise TypeError(
            f"{name} got the family {type(family).__name__}; expected one that is "
            f"{_family_text(record)}. With this family use one of {', '.join(fit)}."
        )
    if record.normal_prior and not target.standard_normal_prior:
        raise ValueError(
            f"{name} got a model whose prior is not known to be N(0, I); expected one with a "
            "StandardNormal prior. Use reparameterized or reparameterized-mc."
        )
    if num_samples < record.min_samples:
        raise ValueError(
            f"{name} got S = {num_samples}; expected S >= {record.min_samples}. Draw more "
            "samples, or leave this estimator out where S is smaller."
        )
    return record


def contract_rows(table: Mapping[str, Record] = ESTIMATORS) -> list[dict[str, str]]:
    """One tidy row of text per estimator: the table of the README."""
    return [
        {
            "estimator": name,
            "estimates": record.bound,
            "bias": str(record.bias),
            "family": _family_text(record),
            "model": _model_text(record),
            "smallest S": str(record.min_samples),
            "evaluations": str(record.cost),
            "learns": _learned_text(record),
            "source": record.source,
        }
        for name, record in table.items()
    ]


def contract_markdown(table: Mapping[str, Record] = ESTIMATORS) -> str:
    """The same table in Markdown; the README holds it between its two ``estimators`` marks."""
    rows = contract_rows(table)
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns), *([row[c] for c in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _family_text(record: Record) -> str:
    kinds = record.family if isinstance(record.family, tuple) else (record.family,)
    return " or ".join("any" if kind is Family else kind.__name__ for kind in kinds)


def _learned_text(record: Record) -> str:
    parts = [f"as it goes: {record.as_it_goes}"] if record.as_it_goes else []
    if record.prepare is not None:
        parts.append(f"beforehand: {record.prepare.what}, {record.prepare.evaluations}")
    return "; ".join(parts) or "nothing"


def _model_text(record: Record) -> str:
    if record.normal_prior:
        return "d/dz, N(0, I) prior"
    return "d/dz" if record.differentiable else "values"
