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
    ("unconscious statistician", r"E_{q_\lambda}[f(z)] = E_\epsilon[f(z(\lambda, \epsilon))]"),
    (
        "change of variables",
        r"\log q_\lambda(z) = \log p(\epsilon) - \log |\det \partial z / \partial \epsilon|",
    ),
    ("location-scale", r"z = \mu + L \epsilon, \quad \log |\det L| = \sum_d \log L_{dd}"),
    ("theta gradient", r"\nabla_\theta \mathrm{ELBO} = E_q[\nabla_\theta \log p_\theta(x, z)]"),
    ("Gaussian KL", r"\tfrac12 \sum_d (\mu_d^2 + \sigma_d^2 - 1 - \log \sigma_d^2)"),
    (
        "KL of two Gaussians",
        r"\tfrac12 \big[\mathrm{tr}(C_p^{-1} C_q) + (m_q - m_p)^\top C_p^{-1} (m_q - m_p) - D"
        r" + \log \det C_p - \log \det C_q\big]",
    ),
    ("Gaussian entropy", r"\sum_d \log \sigma_d + \tfrac D2 \log 2 \pi e"),
    ("Fisher", r"\nabla_\theta \log p(x) = E_{p(z \mid x)}[\nabla_\theta \log p(x, z)]"),
    ("minibatch", r"\sum_{i=1}^N \mathrm{ELBO}_i \approx \tfrac NB \sum_{i \in B} \mathrm{ELBO}_i"),
    ("encoder", r"\nabla_\phi = \nabla_\lambda \cdot \partial f_\phi(x) / \partial \phi"),
    ("bounds", r"\mathrm{ELBO} = L_1 \le L_S \le L_{S+1} \le \log p(x)"),
    ("importance sampling", r"p(x) = E_q[w], \quad w = p(x, z) / q(z)"),
    (
        "Renyi",
        r"L_\alpha = \tfrac{1}{1 - \alpha} \log E_q[w^{1 - \alpha}], \quad L_1 = \mathrm{ELBO}",
    ),
    (
        "annealed path",
        r"f_t = q^{1 - \beta_t}\, p(x, z)^{\beta_t}, \quad 0 = \beta_0 < \dots < \beta_T = 1",
    ),
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
