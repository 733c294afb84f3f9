"""A model, a family, an encoder and data that fit each other."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bbvi.datasets import Dataset, digits, iris, load_array, train_test_split
from bbvi.experiments.units import (
    TableWarning,
    cautions,
    refuse_without_information,
    standardize,
    units_and_log_scale,
)
from bbvi.families import DiagonalGaussian
from bbvi.models import (
    BernoulliLikelihood,
    DeepLatentModel,
    LearnedScaleGaussian,
    LinearGaussian,
    StandardNormal,
)
from bbvi.nets import MLP
from bbvi.suggestions import did_you_mean
from bbvi.types import Array, Family, Model, Theta


class Problem(NamedTuple):
    """What the procedures are compared on.

    Attributes
    ----------
    name : str
        For titles.
    model, family, encoder
        p_theta(x, z), q_lam(z), and the network lam = f_phi(x).
    train, test : Dataset
        Data by a seeded permutation.
    image_shape : tuple of int, or None
        How to draw a row of x, where it is a picture.
    exact_log_evidence : callable, optional
        (theta, x) -> log p(x) (N,), where it is known but is not the model's own method.
    units : str
        Of x, and so of log p(x): what was done to the data, and in which units results are told.
    log_scale : float
        sum_j log sd_j, nats, of a table that was standardized: told results are those of the
        model less it (`bbvi.experiments.units`).
    cautions : tuple of str
        What makes log p(x) of these data doubtful, a sentence each.
    """

    name: str
    model: Model
    family: Family
    encoder: Any
    train: Dataset
    test: Dataset
    image_shape: tuple[int, int] | None = None
    exact_log_evidence: Callable[[Theta, Array], Array] | None = None
    units: str = "of the data as they are"
    log_scale: float = 0.0
    cautions: tuple[str, ...] = ()


def problem_from(
    dataset: str,
    rng: np.random.Generator,
    latent_dim: int = 2,
    dtype: Any = np.float32,
    header: bool | None = None,
    standardized: bool = True,
) -> Problem:
    """The problem for a data set's name, or for the path of a .npy or .csv table.

    Binary data get a Bernoulli decoder network, iris the linear-Gaussian model (whose evidence
    is exact), and other tables a Gaussian decoder network with a learned scale; iris and such
    tables are standardized by their training rows.  Results on iris are told in these units,
    results on a table in the table's own.

    Parameters
    ----------
    dataset : {"digits", "iris"} or path
        What to load.
    rng : numpy Generator
        For the split into train and test (one row in five).
    latent_dim : int
        D.
    dtype : {float32, float64}
        Of all data, and so of all that is computed from them.
    header : bool, optional
        Whether a .csv file's first row has names; by default as `bbvi.datasets.load_table`.
    standardized : bool
        Whether iris and tables of numbers other than 0 and 1 are standardized.

    Warns
    -----
    TableWarning
        If few rows, or constant or repeated columns, make a table's log p(x) meaningless.

    Raises
    ------
    TypeError
        If dtype is not float32 or float64.
    FileNotFoundError, ValueError
        If there is no such data set or file, or the file holds no table of finite numbers; if
        all its columns are constant.
    """
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(f"dtype is {np.dtype(dtype)}; expected float32 or float64.")
    image_shape = None
    if dataset == "digits":
        data, image_shape = digits(), (8, 8)
    elif dataset == "iris":
        data = iris()
    elif Path(dataset).suffix or Path(dataset).exists():
        data = Dataset(load_array(dataset, header), None)
    else:
        raise ValueError(
            f"dataset is {dataset!r}; expected digits, iris, or the path of a .npy or .csv file."
            f"{did_you_mean(dataset, ('digits', 'iris'))}"
        )
    refuse_without_information(dataset, data.x)
    train, test = train_test_split(rng, *data)
    binary = bool(np.isin(data.x, (0, 1)).all())
    units, log_scale = Problem._field_defaults["units"], 0.0
    doubts = () if dataset in ("digits", "iris") else cautions(train.x, binary)
    if standardized and not binary:
        train, test, scale = standardize(train, test)
        units = "standardized by the training rows"
        if dataset != "iris":
            units, log_scale = units_and_log_scale(scale)
    for doubt in doubts:
        warnings.warn(f"{Path(dataset).name}: {doubt}", TableWarning, stacklevel=2)
    train, test = (part._replace(x=part.x.astype(dtype)) for part in (train, test))
    width = data.x.shape[1]
    family = DiagonalGaussian(latent_dim)
    return Problem(
        name=Path(dataset).stem,
        model=_model(dataset, binary, latent_dim, width),
        family=family,
        encoder=MLP((width, 64, family.num_params)),
        train=train,
        test=test,
        image_shape=image_shape,
        units=units,
        log_scale=log_scale,
        cautions=doubts,
    )


def _model(dataset: str, binary: bool, latent_dim: int, width: int) -> Model:
    if dataset == "iris":
        return LinearGaussian(latent_dim, width)
    likelihood = BernoulliLikelihood() if binary else LearnedScaleGaussian()
    decoder = MLP((latent_dim, 64, width))
    return DeepLatentModel(StandardNormal(latent_dim), decoder, likelihood)
