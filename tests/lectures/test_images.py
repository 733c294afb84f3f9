import os

import numpy as np
import pytest

from bbvi.lectures.images import load_images


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_digits_are_grey_labelled_and_divided_by_seed(dtype):
    first, again, other = (
        load_images("digits", np.random.default_rng(seed), dtype=dtype) for seed in (0, 0, 1)
    )
    assert first.train.x.shape == (1438, 64)
    assert first.test.x.shape == (359, 64)
    assert first.train.x.dtype == dtype
    assert 2 < len(np.unique(first.train.x)) <= 17
    assert (first.test.x == again.test.x).all()
    assert (first.test.x != other.test.x).any()
    assert len(first.test.labels) == 359


@pytest.mark.skipif(not os.environ.get("BBVI_DATA"), reason="BBVI_DATA does not say where MNIST is")
def test_mnist_comes_with_the_lectures_settings():
    images = load_images("mnist", np.random.default_rng(0))
    assert (images.epochs, images.batch_size, images.tolerance) == (20, 128, 1.0)
    assert images.train.x.shape == (60000, 784)
    assert len(np.unique(images.test.x)) == 256


def test_unknown_and_absent_images(tmp_path):
    with pytest.raises(ValueError, match="dataset is 'cifar'"):
        load_images("cifar", np.random.default_rng(0))
    with pytest.raises(FileNotFoundError, match="MNIST is not in"):
        load_images("mnist", np.random.default_rng(0), root=tmp_path)


def test_mnists_arguments_are_not_ignored_for_digits(tmp_path):
    with pytest.raises(ValueError, match=r'root is .*but dataset is "digits"'):
        load_images("digits", np.random.default_rng(0), root=tmp_path)
    with pytest.raises(ValueError, match="download is True"):
        load_images("digits", np.random.default_rng(0), download=True)
