"""The gallery of estimators: a page each, from the table, the words and the measurements."""

import tomllib
from functools import partial
from pathlib import Path
from typing import Any

from bbvi.estimators import ESTIMATORS, contract_rows
from book import code, pictures
from book.measured import REPLICATES, measured
from book.problems import NAMES, SAMPLES, kind_for
from book.writing import Pages, numbered

WORDS = Path(__file__).parent.parent / "gallery" / "estimators.toml"
GROUPS = {
    "gaussian": "Continuous latents, and estimators for any family",
    "bernoulli": "Discrete latents",
    "label": "A label and a Gaussian",
}
LATENTS = {
    "gaussian": "a factorized Gaussian in the plane",
    "bernoulli": "three Bernoullis",
    "label": "a label of three values and a Gaussian",
}


def words() -> dict[str, Any]:
    """What the page of each estimator says in words."""
    return tomllib.loads(WORDS.read_text("utf-8"))


def write(pages: Pages) -> None:
    """All pages of the gallery and its index."""
    said = words()
    for name in ESTIMATORS:
        pages.put(f"estimators/{name}.png", pictures.bias_and_variance(name))
        pages.put(f"estimators/{name}.md", page(name, said[name]))
    pages.put("estimators/index.md", index(said))


def page(name: str, said: dict[str, Any]) -> str:
    """The page of one estimator."""
    specification = ESTIMATORS[name]
    contract = next(row for row in contract_rows() if row["estimator"] == name)
    cells = [f"| {key} | {value} |" for key, value in contract.items() if key != "source"]
    rows = "\n".join([cells[0], "|---|---|", *cells[1:]])
    return f"""# {said["title"]}

{{py:obj}}`{name} <{_reference(specification)}>` in `bbvi.estimators.ESTIMATORS["{name}"]`

$$
{said["equation"]}
$$

## When to use it

{said["when"]}

## Derivation

{numbered(said["derivation"])}

## Contract

{rows}

## Bias and variance

![Bias and variance of {name} on three problems]({name}.png)

Three problems with exact gradients, q is {LATENTS[kind_for(specification)]}, S = {SAMPLES},
{REPLICATES} gradients. Left: mean less exact gradient, as a share of the exact one; declared
bias: {specification.bias}. Right: variance over squared gradient, smaller is better.

{_noise_table(name)}

## Code as it stands

{_code(specification)}
## Source

{specification.source}
"""


def _reference(specification: Any) -> str:
    function = code.unwrapped(specification.estimator)
    return f"{function.__module__}.{function.__name__}"


def _noise_table(name: str) -> str:
    found = measured(name)
    cells = " | ".join(f"{each.noise:.3g}" for each in found)
    return f"| | {' | '.join(NAMES)} |\n|---|---|---|---|\n| variance / gradient² | {cells} |\n"


def _code(specification: Any) -> str:
    estimator = specification.estimator
    parts = [
        f"In `{code.place(estimator)}`; the docstring is in the reference.\n",
        code.fenced(estimator),
    ]
    options = estimator.keywords if isinstance(estimator, partial) else {}
    for option, value in options.items():
        if callable(value):
            parts += [f"With `{option}={value.__name__}`:\n", code.fenced(value)]
    if specification.prepare is not None:
        parts += [
            f"Learned beforehand, {specification.prepare.what}:\n",
            code.fenced(specification.prepare.learn),
        ]
    by = getattr(specification.elbo_by, "__name__", "")
    if by and by != "itself":
        parts.append(f"The ELBO's estimator is made of it by `bbvi.estimators.{by}`.\n")
    return "\n".join(parts)


def index(said: dict[str, Any]) -> str:
    """The list of all estimators, by what q they are for."""
    parts = [
        "# Estimators\n",
        "All have one signature, `(family, target, lam, eps) -> Estimate(elbo, grad, grad_theta)`. "
        "Each page has the equation, its derivation in five lines, the contract, a picture of bias "
        "and variance on the same three problems, and the code. All of them on two sheets of "
        "paper: the [cheat sheet](../cheatsheet.md). Which one to take: "
        "[which method when](../which.md).\n",
    ]
    tree = []
    for kind, heading in GROUPS.items():
        names = [name for name, its in ESTIMATORS.items() if kind_for(its) == kind]
        if names:
            parts.append(f"## {heading}\n")
            parts.append(
                "| estimator | name: what it estimates | needs | evaluations |\n|---|---|---|---|"
            )
            parts += [_row(name, said[name]) for name in names]
            parts.append("")
            tree += names
    listed = "\n".join(tree)
    parts.append(f"```{{toctree}}\n:hidden:\n:maxdepth: 1\n\n{listed}\n```\n")
    return "\n".join(parts)


def _row(name: str, said: dict[str, Any]) -> str:
    contract = next(row for row in contract_rows() if row["estimator"] == name)
    title = f"[{said['title']}]({name}.md)"
    needs = f"{contract['family']}; {contract['model']}"
    return f"| {title} | `{name}`: {contract['estimates']} | {needs} | {contract['evaluations']} |"
