"""Moving about in the latent space of a trained autoencoder: data for its pictures."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from bbvi import backends
from bbvi.lectures.networks import Network
from bbvi.types import Array, Theta
from bbvi.validation import as_count


class VaePictures(NamedTuple):
    """What the pictures of an autoencoder show; images are rows of Dx pixels.

    Attributes
    ----------
    means, labels : ndarray (N, D), (N,)
        Posterior means of the shown images, and their digits.
    classes, averages : ndarray (K,), (K, Dx)
        The digits, and the average reconstruction of each.
    manifold : ndarray (G * G, Dx)
        Means over a grid of the first two latent dimensions, row by row from the top.
    samples, sample_means : ndarray (M, Dx)
        Ancestral samples x ~ p(x | z) and E[x | z] of the same z.
    originals, reconstructions : ndarray (M, Dx)
    paths : ndarray (R * T, Dx)
        R interpolations of T steps between posterior means.
    traversals : ndarray (D' * T, Dx)
        The first D' latent dimensions moved one at a time from the first image's mean.
    """

    means: Array
    labels: Array
    classes: Array
    averages: Array
    manifold: Array
    samples: Array
    sample_means: Array
    originals: Array
    reconstructions: Array
    paths: Array
    traversals: Array


def posterior_means(network: Network, phi: Theta, x: Array) -> Array:
    """E_q[z] for each row of x under the encoder's posterior: (N, D)."""
    lam, _ = backends.encode(network.encoder, phi, x)
    return network.family.split(lam)[0]


def reconstruct(network: Network, theta: Theta, phi: Theta, x: Array) -> Array:
    """E[x | z] at the posterior mean of z: (N, Dx)."""
    return network.model.mean(theta, posterior_means(network, phi, x))


def average_by_class(images: Array, labels: Array) -> tuple[Array, Array]:
    """The classes in order (K,), and the mean image of each (K, Dx)."""
    classes = np.unique(labels)
    return classes, np.stack([images[labels == k].mean(axis=0) for k in classes])


def manifold_grid(latent_dim: int, size: int = 20) -> Array:
    """z (size^2, D) that spread evenly over the prior in the first two dimensions.

    Normal quantiles of a regular grid on (0, 1); further dimensions are 0.  Row by row, from the
    top: the second coordinate falls, the first rises.

    Raises
    ------
    ValueError
        If there are fewer than two latent dimensions.

    Notes
    -----
    Kingma and Welling (2014), appendix A.
    """
    as_count("latent_dim", latent_dim, minimum=2)
    as_count("size", size, minimum=2)
    quantiles = ndtri((np.arange(size) + 0.5) / size)
    z = np.zeros((size * size, latent_dim))
    down, across = np.meshgrid(quantiles[::-1], quantiles, indexing="ij")
    z[:, 0], z[:, 1] = across.ravel(), down.ravel()
    return z


def interpolate(start: Array, end: Array, num: int = 10) -> Array:
    """Straight lines between rows of z: start, end (R, D) -> (R, num, D), both ends included."""
    weights = np.linspace(0, 1, as_count("num", num, minimum=2), dtype=start.dtype)[:, None]
    return (1 - weights) * start[:, None] + weights * end[:, None]


def traverse(z: Array, dims: int, num: int = 10, width: float = 2.0) -> Array:
    """One z (D,) with each of its first entries moved over [-width, width]: (dims, num, D)."""
    moved = np.tile(z, (dims, as_count("num", num, minimum=2), 1))
    for d in range(dims):
        moved[d, :, d] = np.linspace(-width, width, num, dtype=z.dtype)
    return moved


def vae_pictures(
    network: Network,
    theta: Theta,
    phi: Theta,
    x: Array,
    labels: Array,
    rng: np.random.Generator,
    num_images: int = 10,
) -> VaePictures:
    """All that the pictures show, from a set of images (N, Dx) with their digits.

    Parameters
    ----------
    network, theta, phi
        A trained autoencoder.
    x, labels
        Images, for preference ones it was not trained on.
    rng : numpy Generator
        Chooses images and samples z.
    num_images : int
        Images in a row.

    Raises
    ------
    ValueError
        If there are fewer than two latent dimensions, or fewer than 2 * num_images images.
    """
    if len(x) < 2 * num_images:
        raise ValueError(
            f"x has {len(x)} images; expected at least {2 * num_images} to choose from. Give more "
            "images, or a smaller num_images."
        )
    means = posterior_means(network, phi, x)
    reconstructions = network.model.mean(theta, means)
    classes, averages = average_by_class(reconstructions, labels)
    grid = manifold_grid(network.model.latent_dim).astype(x.dtype)
    samples, z = network.model.sample(rng, theta, 4 * num_images)
    shown = rng.permutation(len(x))[: 2 * num_images]
    paths = interpolate(means[shown[:6]], means[shown[6:12]], num_images)
    dims = min(network.model.latent_dim, 6)
    moved = traverse(means[shown[0]], dims, num_images)

    def decode(z: Array) -> Array:
        return network.model.mean(theta, z.reshape(-1, z.shape[-1]).astype(x.dtype))

    return VaePictures(
        means,
        labels,
        classes,
        averages,
        decode(grid),
        samples,
        decode(z),
        x[shown],
        reconstructions[shown],
        decode(paths),
        decode(moved),
    )
