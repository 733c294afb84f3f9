"""Diagrams of the lectures: graphical models, networks and the paths of two gradients.

One style for all: a circle is a random variable, grey if it is observed; a square is a number that
follows from others; a trapezoid is a network; a black arrow computes or draws, a dashed red arrow
carries a derivative backwards.
"""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Polygon, Rectangle

from bbvi.plotting.style import COLORS, new_figure, styled

Place = tuple[float, float]

INK, BACKWARD, GIVEN, NETWORK = "black", COLORS[3], "#D0D0D0", "#CFE3F3"
RADIUS = 0.36
"""Of a circle; a square has twice that side."""


def plate_model() -> Figure:
    """The model, a q for each datapoint, and a q by an encoder, as plates of N datapoints."""
    with styled():
        fig = new_figure(12, 4.3)
        model, table, encoder = (_canvas(axes, 4.6, 4.1) for axes in fig.subplots(1, 3))
    z, x, shared = (2.9, 2.9), (2.9, 1.3), (0.7, 1.3)
    _plate(model, (1.75, 0.25), (2.55, 3.4))
    _random(model, z, "$z_i$")
    _random(model, x, "$x_i$", given=True)
    _number(model, shared, r"$\theta$")
    _arrow(model, z, x, r"$p_\theta(x_i \mid z_i)$")
    _arrow(model, shared, x)
    model.set_title(r"model: $z_i \sim p(z)$, then $x_i$")
    _plate(table, (1.75, 0.25), (2.55, 3.4))
    _number(table, x, r"$\lambda_i$")
    _random(table, z, "$z_i$")
    _arrow(table, x, z, r"$q_{\lambda_i}(z_i)$")
    table.set_title(r"per datapoint: $\lambda_i$ from a table")
    _plate(encoder, (1.75, 0.25), (2.55, 3.4))
    _random(encoder, (2.9, 0.75), "$x_i$", given=True)
    _number(encoder, (2.9, 1.95), r"$\lambda_i$")
    _random(encoder, (2.9, 3.15), "$z_i$")
    _number(encoder, (0.7, 1.95), r"$\phi$")
    _arrow(encoder, (2.9, 0.75), (2.9, 1.95), r"$f_\phi(x_i)$")
    _arrow(encoder, (0.7, 1.95), (2.9, 1.95))
    _arrow(encoder, (2.9, 1.95), (2.9, 3.15), r"$q_{\lambda_i}(z_i)$")
    encoder.set_title(r"amortized: $\lambda_i = f_\phi(x_i)$")
    return fig


def autoencoder_and_vae() -> Figure:
    """Above the code as a point, below the code as a distribution (Lecture 12, Figures 1 and 2)."""
    with styled():
        fig = new_figure(12, 5.6)
        plain, variational = (_canvas(axes, 12, 2.7) for axes in fig.subplots(2, 1))
    y = 1.3
    for axes in (plain, variational):
        _random(axes, (0.7, y), "$x$", given=True)
        _network(axes, (2.6, y), "encoder\n" + r"$\phi$", narrows=True)
        _network(axes, (8.9, y), "decoder\n" + r"$\theta$", narrows=False)
        _arrow(axes, (0.7, y), (1.8, y), room=(RADIUS, 0))
        _arrow(axes, (9.7, y), (11.0, y), room=(0, RADIUS))
    _number(plain, (5.75, y), "$z$")
    _arrow(plain, (3.4, y), (5.75, y), r"$z = g_\phi(x)$", room=(0, RADIUS), above=True)
    _arrow(plain, (5.75, y), (8.1, y), room=(RADIUS, 0))
    _number(plain, (11.0, y), r"$\tilde x$")
    plain.set_title("Autoencoder: a point for each x, judged by how well it is copied")
    for at, name in ((y + 0.55, r"$\mu$"), (y - 0.55, r"$\sigma$")):
        _number(variational, (4.6, at), name)
        _arrow(variational, (3.4, y + (at - y) / 4), (4.6, at), room=(0, RADIUS))
        _arrow(variational, (4.6, at), (6.6, y))
    _random(variational, (6.6, y), "$z$")
    _arrow(variational, (6.6, y), (8.1, y), room=(RADIUS, 0))
    _random(variational, (11.0, y), "$x$", given=True)
    _words(variational, (5.75, 2.42), r"$z \sim q_\lambda = N(\mu, \sigma^2)$, kept near $p(z)$")
    _words(variational, (10.35, y + 0.62), r"$p_\theta(x \mid z)$")
    variational.set_title("Variational autoencoder: a distribution for each x, judged by the ELBO")
    return fig


def sampling_moved_to_the_input() -> Figure:
    """A VAE with a sampling block in the way, and with noise as an input (Lecture 12, Figure 3)."""
    with styled():
        fig = new_figure(12, 7.2)
        stopped, passed = (_canvas(axes, 6.4, 7.2) for axes in fig.subplots(1, 2))
    for axes in (stopped, passed):
        _random(axes, (2.4, 0.5), "$x$", given=True)
        _network(axes, (2.4, 1.6), r"encoder $\phi$", narrows=True, upright=True)
        _number(axes, (1.5, 2.8), "$g(x)$")
        _number(axes, (3.3, 2.8), "$h(x)$")
        _network(axes, (2.4, 5.2), r"decoder $\theta$", narrows=False, upright=True)
        _number(axes, (2.4, 6.6), r"$\tilde x$")
        _arrow(axes, (2.4, 5.6), (2.4, 6.6), room=(0, RADIUS))
        _arrow(axes, (2.4, 0.5), (2.4, 1.2), room=(RADIUS, 0))
        for at in (1.5, 3.3):
            _arrow(axes, (2.4 + (at - 2.4) / 3, 2.0), (at, 2.8), room=(0, 1.25 * RADIUS))
            _arrow(axes, (at, 2.8), (2.4, 4.0), room=(RADIUS, 1.25 * RADIUS))
        _arrow(axes, (2.4, 4.0), (2.4, 4.8), room=(RADIUS, 0))
        _backward(axes, (4.35, 6.7), (4.35, 4.25))
    _random(stopped, (2.4, 4.0), "$z$")
    _words(stopped, (0.35, 4.0), "a draw:\n" r"$z \sim N(g, h^2)$", left=True)
    stopped.plot(4.35, 4.0, "x", color=BACKWARD, markersize=16, markeredgewidth=4)
    _words(stopped, (4.65, 4.0), "no derivative\nof a draw", left=True)
    stopped.set_title("Sampling inside the network")
    _number(passed, (2.4, 4.0), "$z$")
    _random(passed, (0.6, 4.0), r"$\epsilon$")
    _arrow(passed, (0.6, 4.0), (2.4, 4.0))
    _words(passed, (0.05, 4.65), r"$\epsilon \sim N(0, I)$", left=True)
    _backward(passed, (4.35, 4.0), (4.35, 0.5))
    _words(passed, (4.6, 4.0), r"$z = g(x) + h(x)\,\epsilon$", left=True)
    _words(passed, (4.6, 2.3), "the derivative goes\nthrough z to " r"$\phi$", left=True)
    passed.set_title("Sampling as an input")
    return fig


def two_gradients() -> Figure:
    """The way of a derivative: around a random z by the score, or through z."""
    with styled():
        fig = new_figure(12, 4.6)
        score, path = (_canvas(axes, 6, 4.2) for axes in fig.subplots(1, 2))
    lam, z, f = (0.8, 2.6), (2.9, 2.6), (5.1, 2.6)
    for axes in (score, path):
        _number(axes, lam, r"$\lambda$")
        _number(axes, f, "$f(z)$")
        _arrow(axes, lam, z)
        _arrow(axes, z, f)
    _random(score, z, "$z$")
    _number(score, (2.9, 0.9), r"$\log q$")
    _arrow(score, lam, (2.9, 0.9), room=(RADIUS, 1.3 * RADIUS))
    _arrow(score, z, (2.9, 0.9))
    _backward(score, (2.4, 0.55), (0.55, 2.1))
    _words(score, (0.85, 0.95), r"$\nabla_\lambda \log q_\lambda(z)$", color=BACKWARD)
    _backward(score, (5.0, 2.1), (3.4, 0.85), curved=-0.25)
    _words(score, (4.75, 0.75), "as a number,\nnot as a slope", color=BACKWARD)
    _words(score, (2.9, 3.5), r"drawn: $z \sim q_\lambda$")
    score.set_title(r"Score function: $f(z)\, \nabla_\lambda \log q_\lambda(z)$")
    _number(path, z, "$z$")
    _random(path, (2.9, 0.9), r"$\epsilon$")
    _arrow(path, (2.9, 0.9), z)
    _backward(path, (4.9, 3.15), (3.1, 3.15))
    _backward(path, (2.7, 3.15), (1.0, 3.15))
    _words(path, (4.0, 3.55), r"$\partial f / \partial z$", color=BACKWARD)
    _words(path, (1.85, 3.55), r"$\partial z / \partial \lambda$", color=BACKWARD)
    _words(path, (4.35, 0.9), r"drawn: $\epsilon$, without $\lambda$")
    path.set_title(
        r"Reparameterization: $\partial f / \partial z \cdot \partial z / \partial\lambda$"
    )
    return fig


def _canvas(axes: Axes, width: float, height: float) -> Axes:
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.axis("off")
    return axes


def _random(axes: Axes, at: Place, name: str, given: bool = False) -> None:
    fill = GIVEN if given else "white"
    axes.add_patch(Circle(at, RADIUS, facecolor=fill, edgecolor=INK, linewidth=1.6, zorder=3))
    axes.text(*at, name, ha="center", va="center", fontsize=15, zorder=4)


def _number(axes: Axes, at: Place, name: str) -> None:
    corner = (at[0] - RADIUS, at[1] - RADIUS)
    style: Any = {"facecolor": "white", "edgecolor": INK, "linewidth": 1.6, "zorder": 3}
    axes.add_patch(Rectangle(corner, 2 * RADIUS, 2 * RADIUS, **style))
    axes.text(*at, name, ha="center", va="center", fontsize=15, zorder=4)


def _network(axes: Axes, at: Place, name: str, narrows: bool, upright: bool = False) -> None:
    """A trapezoid whose short side is where the code is."""
    long, short, depth = (1.1, 0.7, 0.4) if upright else (0.95, 0.5, 0.8)
    first, last = (long, short) if narrows else (short, long)
    corners = [(-depth, -first), (-depth, first), (depth, last), (depth, -last)]
    places = [(at[0] + (y if upright else x), at[1] + (x if upright else y)) for x, y in corners]
    axes.add_patch(Polygon(places, facecolor=NETWORK, edgecolor=INK, linewidth=1.6, zorder=3))
    axes.text(*at, name, ha="center", va="center", fontsize=12, zorder=4)


def _plate(axes: Axes, corner: Place, size: Place) -> None:
    box = FancyBboxPatch(corner, *size, boxstyle="round,pad=0,rounding_size=0.2", fill=False)
    axes.add_patch(box)
    axes.text(corner[0] + size[0] - 0.12, corner[1] + 0.12, "N", ha="right", fontsize=13)


def _arrow(
    axes: Axes,
    start: Place,
    end: Place,
    name: str = "",
    room: Place = (RADIUS, RADIUS),
    above: bool = False,
) -> None:
    """From one node to another, leaving ``room`` for each of them, with words beside it."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = (dx**2 + dy**2) ** 0.5
    begin = (start[0] + dx * room[0] / length, start[1] + dy * room[0] / length)
    stop = (end[0] - dx * room[1] / length, end[1] - dy * room[1] / length)
    style = {"arrowstyle": "-|>", "color": INK, "lw": 1.6, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", stop, begin, arrowprops=style, zorder=2)
    middle = ((begin[0] + stop[0]) / 2, (begin[1] + stop[1]) / 2)
    if name and above:
        axes.text(middle[0], middle[1] + 0.2, name, ha="center", fontsize=13)
    elif name:
        axes.text(middle[0] + 0.1, middle[1], name, va="center", fontsize=12)


def _backward(axes: Axes, start: Place, end: Place, curved: float = 0.0) -> None:
    style = {"arrowstyle": "-|>", "color": BACKWARD, "lw": 2.4, "ls": (0, (3, 2))}
    style |= {"shrinkA": 0, "shrinkB": 0, "connectionstyle": f"arc3,rad={curved}"}
    axes.annotate("", end, start, arrowprops=style)


def _words(axes: Axes, at: Place, text: str, left: bool = False, color: str = INK) -> None:
    side = "left" if left else "center"
    axes.text(*at, text, ha=side, va="center", fontsize=12.5, color=color)
