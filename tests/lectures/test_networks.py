import numpy as np
import pytest

from bbvi.lectures.networks import (
    convolutional_network,
    lecture_network,
    num_parameters,
    parameter_norm,
)


@pytest.mark.parametrize("side", [5, 6, 7, 8, 9, 28])
@pytest.mark.parametrize("latent_dim", [2, 3])
def test_the_convolutional_network_fits_any_square_image(side, latent_dim):
    network = convolutional_network(side * side, 5, latent_dim)
    assert network.encoder.sizes[0] == side * side
    assert network.encoder.sizes[-1] == 2 * latent_dim
    assert network.model.observed_dim == side * side
    assert network.model.latent_dim == latent_dim


def test_by_default_it_has_as_many_parameters_as_the_lectures():
    for pixels in (64, 784):
        goal, count = (
            num_parameters(make(pixels)) for make in (lecture_network, convolutional_network)
        )
        assert abs(count - goal) < 0.01 * goal


def test_an_image_that_is_not_square_is_refused():
    with pytest.raises(ValueError, match="observed_dim is 60; expected the pixels of a square"):
        convolutional_network(60)


def test_the_parameter_norm_is_of_all_parameters():
    network, rng = convolutional_network(64, 3), np.random.default_rng(0)
    theta, phi = network.model.init(rng), network.encoder.init(rng)
    heads = [phi["W3"][:, :2], phi["W3"][:, 2:], phi["b3"][:2], phi["b3"][2:]]
    others = [phi[key] for key in phi if key[1:] != "3"]
    expected = sum(np.linalg.norm(array) for array in (*heads, *others, *theta.values()))
    assert parameter_norm(theta, phi, 2) == pytest.approx(expected)
