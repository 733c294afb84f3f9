"""The style does not depend on what the user's Matplotlib was told."""

import matplotlib
import pytest

from bbvi.plotting.style import new_figure, save, styled


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
