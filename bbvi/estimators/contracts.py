"""Asking the table: an estimator by name, its contract, and the table as text."""

from collections.abc import Mapping
from typing import Any

from bbvi.estimators.specification import Specification
from bbvi.estimators.table import ESTIMATORS
from bbvi.suggestions import did_you_mean
from bbvi.types import Family, Target


def find(name: str, table: Mapping[str, Specification] = ESTIMATORS) -> Specification:
    """The specification of one estimator.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the legal ones.
    """
    if name not in table:
        raise ValueError(
            f"estimator is {name!r}; expected one of {', '.join(table)}.{did_you_mean(name, table)}"
        )
    return table[name]


def require(
    name: str,
    family: Any,
    target: Target,
    num_samples: int,
    table: Mapping[str, Specification] = ESTIMATORS,
) -> Specification:
    """The specification of an estimator whose contract this family, target and S keep.

    Raises
    ------
    TypeError
        If the family lacks a member, or is not what the estimator needs.
    ValueError
        If the name is unknown, S is too small or no closed-form KL is known.
    """
    specification = find(name, table)
    if not isinstance(family, Family):
        members = [member for member in vars(Family) if not member.startswith("_")]
        missing = [member for member in members if member not in dir(family)]
        raise TypeError(
            f"family is {type(family).__name__}, which has no {', '.join(missing)}; expected "
            f"{', '.join(members)}. bbvi.check_family tells what each must give."
        )
    if not isinstance(family, specification.family):
        fit = [other for other, its in table.items() if isinstance(family, its.family)]
        raise TypeError(
            f"{name} got the family {type(family).__name__}; expected one that is "
            f"{_family_text(specification)}. With this family use one of {', '.join(fit)}."
        )
    if specification.normal_prior and not target.standard_normal_prior:
        raise ValueError(
            f"{name} got a model whose prior is not known to be N(0, I); expected one with a "
            "StandardNormal prior. Use reparameterized or reparameterized-mc."
        )
    if num_samples < specification.min_samples:
        raise ValueError(
            f"{name} got S = {num_samples}; expected S >= {specification.min_samples}. Draw more "
            "samples, or leave this estimator out where S is smaller."
        )
    return specification


def contract_rows(table: Mapping[str, Specification] = ESTIMATORS) -> list[dict[str, str]]:
    """One tidy row of text per estimator: the table of the README."""
    return [
        {
            "estimator": name,
            "estimates": specification.bound,
            "bias": str(specification.bias),
            "family": _family_text(specification),
            "model": _model_text(specification),
            "smallest S": str(specification.min_samples),
            "evaluations": str(specification.cost),
            "learns": _learned_text(specification),
            "source": specification.source,
        }
        for name, specification in table.items()
    ]


def contract_markdown(table: Mapping[str, Specification] = ESTIMATORS) -> str:
    """The same table in Markdown; the README holds it between its two ``estimators`` marks."""
    rows = contract_rows(table)
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns), *([row[c] for c in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _family_text(specification: Specification) -> str:
    kinds = (
        specification.family if isinstance(specification.family, tuple) else (specification.family,)
    )
    return " or ".join("any" if kind is Family else kind.__name__ for kind in kinds)


def _learned_text(specification: Specification) -> str:
    parts = [f"as it goes: {specification.as_it_goes}"] if specification.as_it_goes else []
    if specification.prepare is not None:
        parts.append(
            f"beforehand: {specification.prepare.what}, {specification.prepare.evaluations}"
        )
    return "; ".join(parts) or "nothing"


def _model_text(specification: Specification) -> str:
    if specification.normal_prior:
        return "d/dz, N(0, I) prior"
    return "d/dz" if specification.differentiable else "values"
