"""The cheat sheet: all identities and estimators on two sheets of paper, by the print style."""

from bbvi.estimators import ESTIMATORS, contract_rows
from book.estimators import GROUPS, words
from book.problems import kind_for
from book.writing import Pages

IDENTITIES = (
    ("evidence", r"p_\theta(x) = \int p_\theta(x \mid z)\, p(z)\, dz"),
    ("ELBO", r"\log p(x) = E_q[\log p(x, z) - \log q(z)] + \mathrm{KL}(q \Vert p(z \mid x))"),
    ("entropy form", r"\mathrm{ELBO} = E_q[\log p(x, z)] + H[q]"),
    ("KL form", r"\mathrm{ELBO} = E_q[\log p(x \mid z)] - \mathrm{KL}(q \Vert p(z))"),
    ("score", r"E_q[\nabla_\lambda \log q_\lambda(z)] = 0"),
    ("theta gradient", r"\nabla_\theta \mathrm{ELBO} = E_q[\nabla_\theta \log p_\theta(x, z)]"),
    ("Gaussian KL", r"\tfrac12 \sum_d (\mu_d^2 + \sigma_d^2 - 1 - \log \sigma_d^2)"),
    ("Gaussian entropy", r"\sum_d \log \sigma_d + \tfrac D2 \log 2 \pi e"),
    ("encoder", r"\nabla_\phi = \nabla_\lambda \cdot \partial f_\phi(x) / \partial \phi"),
    ("bounds", r"\mathrm{ELBO} = L_1 \le L_S \le L_{S+1} \le \log p(x)"),
    ("importance sampling", r"p(x) = E_q[w], \quad w = p(x, z) / q(z)"),
    (
        "gaps",
        r"\log p(x) - \mathrm{ELBO}(f_\phi) = \text{approximation} + \text{amortization}",
    ),
)


def write(pages: Pages) -> None:
    """The page."""
    said, contracts = words(), {row["estimator"]: row for row in contract_rows()}
    parts = [
        "---\nhtml_theme.sidebar_secondary.remove: true\n---\n",
        "# Cheat sheet\n",
        ":::{div} screen-only\nPrint this page: two sheets, A4 or Letter, landscape. Each title "
        "leads to the derivation.\n:::\n",
        "::::{div} sheet\n",
        "**Identities**\n",
    ]
    parts += [_card(title, equation, "") for title, equation in IDENTITIES]
    for kind, heading in GROUPS.items():
        names = [name for name, its in ESTIMATORS.items() if kind_for(its) == kind]
        if names:
            parts.append(f"**{heading}**\n")
            parts += [
                _card(
                    f"[{said[name]['title']}](estimators/{name}.md)",
                    said[name]["equation"],
                    _facts(contracts[name]),
                )
                for name in names
            ]
    parts.append("::::\n")
    pages.put("cheatsheet.md", "\n".join(parts))


def _card(title: str, equation: str, facts: str) -> str:
    return f":::{{div}} entry\n{title} {facts}\n\n$\\displaystyle {equation}$\n:::\n"


def _facts(contract: dict[str, str]) -> str:
    bias = "unbiased" if contract["bias"] == "none" else f"bias {contract['bias']}"
    return f"({contract['model']}; {contract['evaluations']} evaluations; {bias})"
