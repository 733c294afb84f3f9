"""Images to train an autoencoder on, with the settings that suit them."""

import os
from typing import Any, NamedTuple

import numpy as np

from bbvi.datasets import Dataset, digits, mnist, train_test_split


class Images(NamedTuple):
    """Grey images in [0, 1], divided, and how long to train on them.

    Attributes
    ----------
    train, test : Dataset
    epochs : int
        Enough for a model that is worth looking at.
    batch_size, evaluation_samples, log_every, tolerance
        For `bbvi.lectures.vae.train_vae`; on digits the evaluation is noisier than the
        lecture's allowance of 1 nat, because there are few images.
    """

    train: Dataset
    test: Dataset
    epochs: int
    batch_size: int
    evaluation_samples: int
    log_every: int
    tolerance: float


def load_images(
    name: str,
    rng: np.random.Generator,
    *,
    root: str | os.PathLike[str] | None = None,
    download: bool = False,
    dtype: Any = np.float32,
) -> Images:
    """The images of "digits" (8 x 8, always at hand) or "mnist" (28 x 28, as the lecture).

    Raises
    ------
    ValueError
        If the name is unknown, the folder or the download is for other images than MNIST, or a
        file is not what it should be.
    FileNotFoundError
        If MNIST is absent; says where to put it.
    """
    if name == "digits":
        if root is not None or download:
            what = f"root is {str(root)!r}" if root is not None else "download is True"
            raise ValueError(
                f'{what}, but dataset is "digits", which comes with scikit-learn and is never '
                'fetched. Leave it out, or choose "mnist".'
            )
        x, labels = digits(binarize=False)
        train, test = train_test_split(rng, x.astype(dtype), labels, test_fraction=0.2)
        return Images(train, test, 150, 64, 16, 20, 5.0)
    if name == "mnist":
        train, test, _ = mnist(root, download=download, dtype=dtype)
        return Images(train, test, 20, 128, 1, 100, 1.0)
    raise ValueError(f'dataset is {name!r}; expected "digits" or "mnist".')
