"""The galleries of families, likelihoods and procedures: a page for each public one."""

import inspect
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bbvi
from bbvi import families, inference, models, protocols, types
from book import code, names, shown
from book.writing import Pages, numbered

GALLERY = Path(__file__).parent.parent / "gallery"


def of_families() -> list[str]:
    """Families: what `bbvi.families` exports as classes."""
    return [name for name in families.__all__ if inspect.isclass(getattr(families, name))]


def of_likelihoods() -> list[str]:
    """Likelihoods: the classes of `bbvi.models.likelihoods` that `bbvi` exports."""
    package = models.likelihoods
    return [
        name
        for name in bbvi.__all__
        if inspect.isclass(vars(package).get(name))
        and vars(package)[name].__module__.startswith(package.__name__)
    ]


def of_procedures() -> list[str]:
    """Procedures: what fits or infers."""
    return [name for name in inference.__all__ if name.startswith(("fit_", "infer"))]


KINDS: dict[str, tuple[str, Callable[[], list[str]], str]] = {
    "families": (
        "Families",
        of_families,
        "What q can be. The picture shows draws at one lam. Your own: "
        "[how to](../howto/family.md).",
    ),
    "likelihoods": (
        "Likelihoods",
        of_likelihoods,
        "What a decoder's outputs mean. The picture shows data drawn along a line of z. Your own: "
        "[how to](../howto/likelihood.md).",
    ),
    "procedures": (
        "Procedures",
        of_procedures,
        "Where lam comes from. The picture shows a run on a small problem. Which one to take: "
        "[which method when](../which.md).",
    ),
}


def words(kind: str) -> dict[str, Any]:
    """What the pages of a kind say in words."""
    return tomllib.loads((GALLERY / f"{kind}.toml").read_text("utf-8"))


def write(pages: Pages) -> None:
    """All pages of the three galleries and their indices."""
    for kind, (title, listed, about) in KINDS.items():
        said = words(kind)
        for name in listed():
            pages.put(f"{kind}/{name}.png", shown.PICTURES[kind](name))
            pages.put(f"{kind}/{name}.md", page(kind, name, said[name]))
        rows = "\n".join(f"| [{name}]({name}.md) | {said[name]['when']} |" for name in listed())
        tree = "\n".join(listed())
        pages.put(
            f"{kind}/index.md",
            f"# {title}\n\n{about}\n\n| | when to use it |\n|---|---|\n{rows}\n\n"
            f"```{{toctree}}\n:hidden:\n:maxdepth: 1\n\n{tree}\n```\n",
        )


def page(kind: str, name: str, said: dict[str, Any]) -> str:
    """The page of one family, likelihood or procedure."""
    value = getattr({"families": families, "likelihoods": models}.get(kind, inference), name)
    full_name = names.homes()[id(value)]
    cells = [f"| {key} | {text} |" for key, text in contract(kind, name, value)]
    rows = "\n".join([cells[0], "|---|---|", *cells[1:]])
    return f"""# {name}

{{py:obj}}`{full_name}`: {names.summary(value)}

$$
{said["equation"]}
$$

## When to use it

{said["when"]}

## Derivation

{numbered(said["derivation"])}

## Contract

{rows}

## Picture

![{name}]({name}.png)

{shown.CAPTIONS[kind]}

## Code as it stands

In `{code.place(value)}`; the docstrings are in the reference.

{code.fenced(value)}
## Source

{source(value)}
"""


def source(value: Any) -> str:
    """The docstring's ``Notes``."""
    text = inspect.cleandoc(value.__doc__ or "")
    _, _, notes = text.partition("Notes\n-----\n")
    lines = notes.split("\n")
    end = next((at for at, line in enumerate(lines) if set(line) == {"-"}), None)
    kept = lines if end is None else lines[: end - 1]
    return " ".join(line for line in kept if line.strip()) or "The equation above."


def contract(kind: str, name: str, value: Any) -> list[tuple[str, str]]:
    """What it asks for and what it offers."""
    if kind == "families":
        family = shown.family_of(name)
        offers = [
            protocol.__name__
            for protocol in (
                types.Reparameterizable,
                types.ClosedFormKL,
                types.Factorized,
                types.Relaxable,
                protocols.Gaussian,
                protocols.HasMoments,
            )
            if isinstance(family, protocol)
        ]
        return [
            ("shown", f"`{family!r}`"),
            ("D, P", f"{family.latent_dim}, {family.num_params}"),
            ("offers", ", ".join(offers) or "what every family has"),
        ]
    if kind == "likelihoods":
        return [
            ("init", "its own parameters, {} where there are none"),
            ("log_prob(params, x, outputs)", "(S, N), nats"),
            ("sample(rng, params, outputs)", "(num, Dx)"),
            ("outputs in the picture", str(shown.likelihood_of(name)[1])),
        ]
    asked = inspect.signature(value).parameters
    return [
        ("arguments", ", ".join(f"`{key}`" for key in asked)),
        ("returns", "`bbvi.Fit`: theta, phi, lam (of each datapoint), trace, state, verdict"),
    ]
