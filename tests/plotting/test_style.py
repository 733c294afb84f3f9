"""The style does not depend on what the user's Matplotlib was told."""

import matplotlib
import pytest

from bbvi.plotting.style import few_log_labels, line_look, new_figure, save, styled


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_picture_needs_no_latex(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("PATH", str(tmp_path))  # no latex in it
    pictures = []
    for asked in (False, True):
        with matplotlib.rc_context({"text.usetex": asked}):
            with styled():
                figure = new_figure(3, 2)
                axes = figure.subplots()
                axes.loglog([1, 10, 100], [1, 2, 3])
                axes.set_title(r"$\lambda$")
            save(figure, tmp_path / f"{asked}.{kind}")
        pictures.append((tmp_path / f"{asked}.{kind}").read_bytes())
    assert pictures[0] == pictures[1]
    # Negative control: Matplotlib itself would look for it.
    with matplotlib.rc_context({"text.usetex": True}):
        figure = new_figure(3, 2)
        figure.subplots().set_title(r"$\lambda$")
        with pytest.raises(RuntimeError, match="latex"):
            figure.savefig(tmp_path / f"no.{kind}")


def test_lines_differ_in_colour_and_dashes():
    looks = [(line_look(n)["color"], line_look(n)["linestyle"]) for n in range(20)]
    assert len(set(looks)) == 20


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.25, 9.0, ["0.3", "1", "3"]),
        (2e-7, 9e-7, [r"2\times10^{-7}", r"5\times10^{-7}"]),
        (12.0, 13.5, ["12", "12.4", "12.8", "13.2"]),
    ],
)
def test_a_short_logarithmic_axis_has_labels(low, high, labels):
    figure = new_figure(4, 2)
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    few_log_labels(axes.xaxis)
    figure.draw_without_rendering()
    texts = [label.get_text() for label in axes.get_xticklabels()]
    assert [text.removeprefix("$\\mathdefault{").removesuffix("}$") for text in texts] == labels
