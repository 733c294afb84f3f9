import numpy as np
import pytest
from scipy.stats import norm

from bbvi.datasets import digits
from bbvi.lectures.latent_space import (
    average_by_class,
    interpolate,
    manifold_grid,
    posterior_means,
    reconstruct,
    traverse,
    vae_pictures,
)
from bbvi.lectures.networks import lecture_network
from bbvi.nets import astype
from bbvi.plotting.style import save
from bbvi.plotting.vae import tile, vae_figures


@pytest.fixture(scope="module")
def autoencoder():
    network, rng = lecture_network(64, hidden=8, latent_dim=3), np.random.default_rng(0)
    theta = astype(network.model.init(rng), np.float32)
    return network, theta, astype(network.encoder.init(rng), np.float32)


@pytest.fixture(scope="module")
def images():
    x, labels = digits(binarize=False)
    return x[:60].astype(np.float32), labels[:60]


def test_the_grid_spreads_evenly_over_the_prior():
    z = manifold_grid(3, size=4)
    assert z.shape == (16, 3)
    assert (z[:, 2] == 0).all()
    assert norm.cdf(z[:4, 0]) == pytest.approx([0.125, 0.375, 0.625, 0.875])
    # From the top: the first row has the largest second coordinate.
    assert norm.cdf(z[::4, 1]) == pytest.approx([0.875, 0.625, 0.375, 0.125])


def test_interpolation_is_straight_and_includes_both_ends():
    start, end = np.zeros((2, 3)), np.ones((2, 3)) * [[1], [2]]
    path = interpolate(start, end, 5)
    assert path.shape == (2, 5, 3)
    assert (path[:, 0] == start).all()
    assert (path[:, -1] == end).all()
    assert path[1, :, 0].tolist() == [0, 0.5, 1, 1.5, 2]


def test_a_traversal_moves_one_dimension():
    z = np.array([1.0, 2.0, 3.0])
    moved = traverse(z, 2, num=3)
    assert moved[:, :, 2].tolist() == [[3, 3, 3], [3, 3, 3]]
    assert moved[0].tolist() == [[-2, 2, 3], [0, 2, 3], [2, 2, 3]]


def test_averages_by_class():
    classes, averages = average_by_class(np.array([[1.0], [3.0], [5.0]]), np.array([7, 2, 7]))
    assert classes.tolist() == [2, 7]
    assert averages.tolist() == [[3.0], [3.0]]


def test_posterior_means_and_reconstructions(autoencoder, images):
    network, theta, phi = autoencoder
    means = posterior_means(network, phi, images[0])
    assert means == pytest.approx(network.encoder(phi, images[0])[:, :3], rel=1e-4, abs=1e-5)
    found = reconstruct(network, theta, phi, images[0])
    assert found == pytest.approx(network.model.mean(theta, means))
    assert found.min() >= 0
    assert found.max() <= 1


def test_pictures_have_their_shapes_and_are_seeded(autoencoder, images):
    pictures, again, other = (
        vae_pictures(*autoencoder, *images, np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    assert pictures.classes.tolist() == list(range(10))
    assert pictures.averages.shape == (10, 64)
    assert pictures.manifold.shape == (400, 64)
    assert pictures.samples.shape == pictures.sample_means.shape == (40, 64)
    assert pictures.originals.shape == pictures.reconstructions.shape == (20, 64)
    assert pictures.paths.shape == (60, 64)
    assert pictures.traversals.shape == (30, 64)
    assert all((a == b).all() for a, b in zip(pictures, again))
    assert (pictures.originals != other.originals).any()


def test_too_few_images_or_dimensions(autoencoder, images):
    with pytest.raises(ValueError, match="at least 20"):
        vae_pictures(*autoencoder, images[0][:19], images[1][:19], np.random.default_rng(0))
    with pytest.raises(ValueError, match="latent_dim is 1"):
        manifold_grid(1)
    with pytest.raises(ValueError, match="num is 1"):
        interpolate(np.zeros((1, 2)), np.ones((1, 2)), 1)


def test_tiles_leave_a_gap():
    picture = tile(np.array([[1.0] * 4, [2.0] * 4, [3.0] * 4]), columns=2)
    assert picture.shape == (5, 5)
    assert np.isnan(picture[2]).all()
    assert np.isnan(picture[:, 2]).all()
    assert picture[0, 0] == 1
    assert picture[0, 3] == 2
    assert picture[3, 0] == 3
    assert np.isnan(picture[3, 3])


def test_every_picture_is_drawn_and_saved(autoencoder, images, tmp_path):
    pictures = vae_pictures(*autoencoder, *images, np.random.default_rng(0))
    iterations = [{"iteration": i, "objective": -i} for i in (10, 20)]
    epochs = [{"epoch": i, "objective": -i} for i in (1, 2)]
    figures = vae_figures(pictures, iterations, epochs)
    paths = [tmp_path / f"{name}.png" for name in figures]
    for path, figure in zip(paths, figures.values()):
        save(figure, path)
    names = {"latent_space", "objective", "averages", "manifold", "reconstructions"}
    assert names | {"samples", "interpolations", "traversals"} == set(figures)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    for figure in figures.values():
        assert all(axes.get_title() for axes in figure.axes)
    rows = [tick.get_text() for tick in figures["traversals"].axes[0].get_yticklabels()]
    assert rows == ["$z_{1}$", "$z_{2}$", "$z_{3}$"]
    curve = figures["objective"].axes[0]
    assert "nats" in curve.get_ylabel()
    assert curve.lines[0].get_xdata().tolist() == [1, 2]
    assert "principal component" in figures["latent_space"].axes[0].get_xlabel()
