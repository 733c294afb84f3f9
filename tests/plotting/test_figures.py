"""bbvi figures: what is drawn, that it is the same twice, and the numbers behind it."""

import os
import re
from pathlib import Path

import matplotlib.colors
import numpy as np
import pytest
from PIL import Image

from bbvi import DiagonalGaussian, LinearGaussian, sticking_the_landing
from bbvi.cli import figures as command
from bbvi.cli import main
from bbvi.experiments.compare import PosteriorOnGrid
from bbvi.experiments.csv_and_json import read_csv
from bbvi.lectures import naive_evidence, step_1_watched
from bbvi.models import BernoulliLikelihood, DeepLatentModel, StandardNormal
from bbvi.nets import MLP
from bbvi.plotting import figures, style, variance_ranking
from bbvi.plotting.compare import posterior_panel, slides
from bbvi.plotting.lectures import draw_components, gap_figure, step_1_figure
from bbvi.plotting.moving import step_1_page
from bbvi.plotting.notebooks import drawn_numbers
from bbvi.plotting.style import new_figure
from bbvi.plotting.vae import draw_latent_space


@pytest.fixture(scope="module")
def watched():
    """Step 1 on two datapoints of a linear-Gaussian model with an exact diagonal posterior."""
    model, family = LinearGaussian(2, 4), DiagonalGaussian(2)
    theta = {"W": np.eye(4)[:, :2] * 1.5, "b": np.zeros(4), "log_sigma": np.array(-0.3)}
    x = np.array([[1.0, -2.0, 0.3, 0.0], [0.0, 1.5, 0.0, -0.4]])
    rng = np.random.default_rng(0)
    course = step_1_watched.watch_step_1(
        model, family, theta, x, rng, estimator=sticking_the_landing, num_steps=80, rate=0.2
    )
    return model, family, theta, x, course


def test_elbo_and_gap_add_up_to_the_evidence_at_every_step(watched):
    _, family, _, _, course = watched
    assert course.lam.shape == (81, 2, 4)
    assert np.abs(course.elbo + course.kl - course.log_evidence).max() < 1e-6
    assert course.kl[0].min() > 0.5
    assert course.kl[-1].max() < 1e-2
    rows = step_1_watched.course_rows(family, course)
    assert len(rows) == 2 * 81
    assert rows[-1]["log_evidence"] == course.log_evidence[1]


def test_kl_to_posterior_against_the_closed_form_of_two_gaussians():
    model, family = LinearGaussian(2, 3), DiagonalGaussian(2)
    rng = np.random.default_rng(1)
    theta = model.init(rng)
    x, _ = model.sample(rng, theta, 2)
    lam = np.array([[0.1, -0.2, -0.3, 0.2], [0.4, 0.0, -0.5, -0.5]])
    mean, covariance = model.posterior(theta, x)
    q_mean, q_covariance = family.moments(lam)
    precision = np.linalg.inv(covariance)
    gap = q_mean - mean
    exact = 0.5 * (
        np.trace(precision @ q_covariance, axis1=1, axis2=2)
        + np.einsum("ni,ij,nj->n", gap, precision, gap)
        - 2
        + np.linalg.slogdet(covariance)[1]
        - np.linalg.slogdet(q_covariance)[1]
    )
    target = step_1_watched.backends.autodiff.target(model, theta, x)
    found = step_1_watched.kl_to_posterior(family, target, lam, model.log_evidence(theta, x))
    np.testing.assert_allclose(found, exact, rtol=1e-8)


def test_the_exact_variance_of_naive_monte_carlo():
    model = LinearGaussian(1, 2)
    theta = {"W": np.array([[1.0], [0.5]]), "b": np.zeros(2), "log_sigma": np.array(-0.2)}
    x = np.array([[0.8, -0.3]])
    predicted = np.exp(naive_evidence.log_relative_variance(model, theta, x)[0])
    z = np.random.default_rng(0).standard_normal((400_000, 1, 1))
    target = step_1_watched.backends.autodiff.target(model, theta, x)
    log_p = target.value(z)[:, 0] - StandardNormal(1).log_prob({}, z)[:, 0]
    ratio = np.exp(log_p - model.log_evidence(theta, x))
    squares = (ratio - 1) ** 2
    assert abs(squares.mean() - predicted) < 5 * squares.std() / np.sqrt(len(squares))


def test_naive_evidence_rises_to_the_exact_value():
    rng = np.random.default_rng(0)
    rows = naive_evidence.naive_evidence(rng, dimensions=(1, 4), samples=(1, 300), replicates=30)
    one, many = (
        next(r for r in rows if r["dimension"] == 1 and r["samples"] == S) for S in (1, 300)
    )
    assert one["median"] < many["median"]
    assert abs(many["median"]) < 0.2
    assert rows[-1]["samples_for_ten_percent"] > 10 * rows[0]["samples_for_ten_percent"]
    with pytest.raises(ValueError, match=r"replicates is 1; expected"):
        naive_evidence.naive_evidence(rng, replicates=1)


def test_watching_needs_a_gaussian_in_the_plane():
    model, family = LinearGaussian(3, 4), DiagonalGaussian(3)
    rng = np.random.default_rng(0)
    theta = model.init(rng)
    with pytest.raises(ValueError, match=r"latent_dim 3"):
        step_1_watched.watch_step_1(model, family, theta, np.ones((1, 4)), rng, num_steps=2)


def test_a_landscape_holds_the_posterior():
    model = DeepLatentModel(StandardNormal(2), MLP((2, 8, 16)), BernoulliLikelihood())
    rng = np.random.default_rng(0)
    theta = model.init(rng)
    x, _ = model.sample(rng, theta, 2)
    for landscape in step_1_watched.landscapes(model, theta, x, nodes=60):
        density = np.exp(landscape.log_joint - landscape.log_joint.max())
        edge = np.concatenate([density[0], density[-1], density[:, 0], density[:, -1]])
        assert edge.max() < 0.05
        assert landscape.z1.shape == (60, 60)


def test_step_1_moves_in_a_page_that_needs_no_network(watched):
    model, family, theta, x, course = watched
    grids = step_1_watched.landscapes(model, theta, x, nodes=30)
    pages = [step_1_page(grids[0], family, course, x[0], (2, 2), frames=(0, 80)) for _ in range(2)]
    assert pages[0] == pages[1]
    assert len(re.findall(r"data:image/png;base64", pages[0])) == 2
    assert "http" not in pages[0].replace("http://www.w3.org", "")
    assert 'type="range"' in pages[0]
    assert len(pages[0]) < 1e5


def test_axes_of_the_lectures_are_labelled_with_units(watched):
    model, family, theta, x, course = watched
    grids = step_1_watched.landscapes(model, theta, x, nodes=30)
    figure = gap_figure({"a title": (course, 0)})
    assert figure.axes[0].get_ylabel() == "nats"
    assert figure.axes[0].get_xlabel() == "steps of Step 1"
    still = step_1_figure(grids, family, course, x, (2, 2), steps=(0, 80))
    assert len(still.axes) == 2 * 4
    assert {axes.get_xlabel() for axes in still.axes[4:]} >= {"$z_1$", "steps of Step 1"}


def test_q_stands_out_from_a_dark_posterior_in_grey():
    axes = new_figure(3, 3).subplots()
    z1, z2 = np.meshgrid(np.linspace(-3, 3, 20), np.linspace(-3, 3, 20))
    log_joint = -0.5 * (z1**2 + z2**2)
    posterior_panel(axes, PosteriorOnGrid("", 0, z1, z2, log_joint, np.zeros(2), np.eye(2)))
    drawn = [*axes.patches, *axes.lines]
    assert len(drawn) == 3
    for artist in drawn:
        [halo] = artist.get_path_effects()
        assert halo._gc["foreground"] == "white"


def test_marks_of_the_ranking_differ_in_shape_as_well():
    (blue, one), (orange, other) = variance_ranking.USES.values()
    assert one != other
    assert blue != orange


def test_colours_differ_in_grey():
    grey = [
        float(np.dot(matplotlib.colors.to_rgb(color), (0.299, 0.587, 0.114)))
        for color in style.COLORS
    ]
    # Neighbours in a legend must be told apart on a black-and-white projector.
    assert np.abs(np.diff(grey[:5])).min() > 0.1


def test_same_seed_same_bytes_and_a_rerun_says_so(tmp_path, capsys):
    one = str(tmp_path / "one")
    assert main(["figures", "naive-evidence", "--quick", "--out", one]) == 0
    assert main(["rerun", one, "--out", str(tmp_path / "two")]) == 0
    assert "naive_evidence.csv: the same numbers in 12 rows" in capsys.readouterr().out
    for name in ("naive_evidence.png", "naive_evidence.csv"):
        one, two = ((tmp_path / run / name).read_bytes() for run in ("one", "two"))
        assert one == two
    assert len((tmp_path / "one" / "naive_evidence.png").read_bytes()) < 200_000
    rows = read_csv(tmp_path / "one" / "naive_evidence.csv")
    assert len(rows) == 12
    other = figures.naive_evidence(np.random.default_rng(1), True)["naive_evidence"].rows
    assert float(rows[0]["median"]) != other[0]["median"]


def test_without_names_no_file_of_the_working_folder_runs(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_hostile.py").write_text("import os\nos.mkdir('ran')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "FIGURES", {})
    assert main(["figures", "--quick", "--out", "out"]) == 0
    assert not (tmp_path / "ran").exists()
    assert main(["figures", "notebooks/01_hostile.py", "--out", "out"]) == 0
    assert (tmp_path / "ran").exists()  # what is named does


def test_dots_per_inch_are_those_asked_for(tmp_path, monkeypatch):
    blank = {"blank": figures.Drawn(new_figure(3, 1), None)}
    monkeypatch.setitem(figures.FIGURES, "diagrams", lambda rng, quick: blank)
    for options, width in (([], 360), (["--dpi", "50"], 150)):
        assert main(["figures", "diagrams", *options, "--out", str(tmp_path)]) == 0
        with Image.open(tmp_path / "blank.png") as image:
            assert image.width == width


def test_an_unknown_figure_is_one_line(tmp_path, capsys):
    assert main(["figures", "no-such", "--out", str(tmp_path)]) == 2
    assert "no figure 'no-such'; expected some of: compare" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["step-1", "mixture-prior"])
def test_the_trained_figures_are_written(name, tmp_path):
    drawn = figures.FIGURES[name](np.random.default_rng(0), True)
    paths = figures.write(tmp_path, drawn)
    assert all(path.stat().st_size > 100 for path in paths)
    assert any(path.suffix == ".csv" for path in paths)


NOTEBOOK = """# ---
# jupyter: {}
# ---

# %% [markdown]
# # A lecture

# %%
import os

import numpy as np

from bbvi.plotting.style import new_figure
from bbvi.plotting.vae import draw_latent_space

SMOKE = os.environ.get("BBVI_SMOKE") == "1"
new_figure(1, 1)

# %%
print("not a figure")

# %%
fig = new_figure(3, 2)
left, right = fig.subplots(1, 2)
left.plot([1, 2, 3 if SMOKE else 4], [0.5, 0.25, 0.125], label="a line")
left.set_title("Some numbers")
right.imshow(np.eye(2))
fig
"""


def test_figures_of_a_notebook_are_written_with_their_numbers(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("BBVI_SMOKE", raising=False)
    source = tmp_path / "01_lecture.py"
    source.write_text(NOTEBOOK)
    assert main(["figures", str(source), "--quick", "--out", str(tmp_path)]) == 0
    assert "01_lecture_2.png" in capsys.readouterr().out
    assert "BBVI_SMOKE" not in os.environ
    folder = tmp_path / "notebooks"
    assert (folder / "01_lecture_2.png").stat().st_size > 100
    rows = read_csv(folder / "01_lecture_2.csv")
    line = [row for row in rows if row["what"] == "line"]
    assert {(row["panel"], row["label"]) for row in line} == {("1: Some numbers", "a line")}
    assert [(row["x"], row["y"]) for row in line] == [("1", "0.5"), ("2", "0.25"), ("3", "0.125")]
    assert [row["values"] for row in rows if row["what"] == "image"] == ["1 0", "0 1"]


def test_every_kind_of_mark_has_its_numbers():
    fig = new_figure(3, 2)
    axes = fig.subplots()
    axes.scatter([1.0, 2.0], [3.0, 4.0], label="points")
    axes.bar([0.0], [5.0], width=0.5)
    axes.fill_between([0.0, 1.0], [0.0, 0.0], [1.0, 2.0])
    axes.add_patch(matplotlib.patches.Ellipse((1.0, 2.0), 3.0, 4.0, angle=30.0))
    rows = drawn_numbers(fig)
    assert {row["what"] for row in rows} == {"points", "bar", "area", "ellipse"}
    assert [(r["x"], r["y"]) for r in rows if r["label"] == "points"] == [("1", "3"), ("2", "4")]
    [bar] = (row for row in rows if row["what"] == "bar")
    assert (bar["x"], bar["width"], bar["height"]) == ("-0.25", "0.5", "5")
    [ellipse] = (row for row in rows if row["what"] == "ellipse")
    assert (ellipse["x"], ellipse["width"], ellipse["angle"]) == ("1", "3", "30")


def boxes_overlap(axes):
    """Whether any two texts of a drawn panel cover each other."""
    axes.get_figure().draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    return any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize("spread", [0.05, 1.0])
def test_labels_of_a_latent_space_and_of_components_do_not_cover_each_other(spread):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), 30)
    means = spread * rng.standard_normal((6, 2))[labels] + rng.standard_normal((180, 2))
    fig = new_figure(8, 7)
    axes = fig.subplots()
    draw_latent_space(axes, means, labels)
    assert not boxes_overlap(axes)
    draw_components(axes, np.full(5, 0.2), np.zeros((5, 2)), np.tile(np.eye(2), (5, 1, 1)))
    assert not boxes_overlap(axes)


def test_a_methods_two_posteriors_have_the_same_axes():
    z1, z2 = np.meshgrid(np.linspace(-3, 3, 40), np.linspace(-3, 3, 40))
    drawn = [
        PosteriorOnGrid(
            method, row, z1, z2, -(((z1 - row) / 0.3) ** 2) - z2**2, np.array([row, 0.0]), np.eye(2)
        )
        for method in ("bbvi-score", "semi-amortized")
        for row in (0, 1)
    ]
    summary = [
        {
            "method": method,
            **dict.fromkeys(("test_elbo", "test_elbo_low", "test_elbo_high"), -1.0),
            **dict.fromkeys(("approximation_gap", "amortization_gap"), 0.5),
        }
        for method in ("bbvi-score", "semi-amortized")
    ]
    curves = [
        {"method": line["method"], "seed": 0, "evaluations": n, "seconds": n, "elbo": -1 / n}
        for line in summary
        for n in (1, 2)
    ]
    made = slides([], summary, curves, drawn, {0: np.zeros(4), 1: np.ones(4)}, (2, 2), "title")
    assert [len(fig.axes) for fig in made.values()] == [2, 2, 6]
    _, above_1, above_2, _, below_1, below_2 = made["compare_posteriors"].axes
    for above, below in ((above_1, below_1), (above_2, below_2)):
        assert above.get_xlim() == below.get_xlim()
        assert above.get_xlim()[0] < 0 < 1 < above.get_xlim()[1]


def test_every_picture_is_shown_on_the_page_of_the_figures():
    folder = Path(__file__).parents[2] / "figures"
    page = (folder / "README.md").read_text("utf-8")
    shown = set(re.findall(r"\]\(([^)/]+)\)", page))
    assert shown == {path.name for path in folder.iterdir() if path.suffix in (".png", ".html")}


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        ("# %% [markdown]\n# # A\n\n# %%\ndef f():\n    return 1 / 0\n# %%\n\nf()\n", 6, "Zero"),
        ("a = 1\n# %%\nb = (\n# %%\n", 3, "SyntaxError"),
        ("# %%\n# %%\n\nraise SystemExit(3)\n", 4, "SystemExit"),
        ("# %%\nimport json\n# %%\njson.loads('')\n", 4, "JSONDecodeError"),
        ("1 / 0", 1, "Zero"),
    ],
)
def test_a_notebook_that_fails_is_told_with_its_line(tmp_path, capsys, text, line, name):
    source = tmp_path / "01_a.py"
    source.write_text(text, "utf-8")
    assert main(["figures", str(source), "--quick", "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert f"{source}, line {line}, ends in {name}" in told
    assert told.count("\n") == 1
