"""A user's own problems, methods and estimators, from ``FILE.py:NAME``.

The file is run, as the user asks by naming it: it can do whatever its author wants.  Its folder is
put at the end of the search path, so that worker processes can import it under its own name and
nothing of the folder can take the place of another module.
"""

import ast
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bbvi.datasets import train_test_split
from bbvi.experiments.methods import METHODS, Method
from bbvi.experiments.problem import Problem
from bbvi.experiments.sources import add_folders, remember_sources, source_digest
from bbvi.experiments.user_errors import in_one_line
from bbvi.families import DiagonalGaussian
from bbvi.nets import MLP
from bbvi.suggestions import did_you_mean
from bbvi.types import GenerativeModel

ROWS = 500
"""Drawn from a model that comes without data."""
PLAIN = (str, bytes, int, float, complex, np.ndarray, np.generic)
"""What no command asks for."""
ESTIMATOR_ARGUMENTS = ["family", "target", "lam", "eps"]


def is_from_file(text: str) -> bool:
    """Whether a name means an object in a file: FILE.py:NAME."""
    return ".py:" in text


def load_object(text: str) -> Any:
    """The object that ``FILE.py:NAME`` names.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be imported under its own name, or ends in an error (its line is told);
        if it has no such name (those it has are listed).
    """
    path_text, _, name = text.rpartition(":")
    path = Path(path_text).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"{text}: no file {path_text}; expected FILE.py:NAME.")
    module = _imported(path)
    remember_sources(module)
    if not hasattr(module, name):  # a foreign module: its names are what is asked for
        names = _own_names(module, path)
        raise ValueError(
            f"{path.name} has no {name!r}; expected one of its names: {', '.join(names) or 'none'}."
            f"{did_you_mean(name, names)}"
        )
    return getattr(module, name)


def sha256_of(text: str) -> str:
    """SHA-256 of the file of ``FILE.py:NAME``, and of what it imports from its folder."""
    return source_digest(Path(text.rpartition(":")[0]))


def _imported(path: Path) -> Any:
    name = path.stem
    if not name.isidentifier():
        raise ValueError(f"{path.name} cannot be imported; expected a name such as my_model.py.")
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    add_folders([str(path.parent)])
    spec = importlib.util.find_spec(name)
    if known is not None or spec is None or spec.origin != str(path):
        raise ValueError(
            f"{path.name} has the name of another module, {name}; expected a name of its own, e.g. "
            f"my_{name}.py."
        )
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        lines = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
        number = lines[-1].lineno if lines else getattr(error, "lineno", "?")
        raise ValueError(in_one_line(path.name, number, error)) from None


def _own_names(module: Any, path: Path) -> list[str]:
    """The names that can be meant: what the file itself makes, without plain numbers and arrays."""
    nodes = ast.walk(ast.parse(path.read_bytes()))
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [alias for node in imports for alias in node.names]
    imported = {alias.asname or alias.name.partition(".")[0] for alias in names}
    return [
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and key not in imported and _can_be_meant(module, value)
    ]


def _can_be_meant(module: Any, value: Any) -> bool:
    """Whether a value is an object of use, and no class or function of a star import."""
    if value is None or isinstance(value, PLAIN) or inspect.ismodule(value):
        return False
    foreign = inspect.isclass(value) or inspect.isroutine(value)
    return not foreign or getattr(value, "__module__", None) in (module.__name__, None)


def problem_of_file(text: str, rng: np.random.Generator, dtype: Any) -> Problem:
    """The problem of a file: a `Problem`, a model, or a function (rng, dtype) that makes either.

    A model without data gets rows drawn from itself, a diagonal Gaussian, and an encoder network.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_object`.
    TypeError
        If the object is none of these.
    """
    named = load_object(text)
    if inspect.isclass(named):
        raise TypeError(
            f"{text} is a class; expected an object. Make one in the file, model = "
            f"{named.__name__}(...), and give its name: {Path(text.rpartition(':')[0]).name}:model."
        )
    if not isinstance(named, Problem) and not _is_model(named) and callable(named):
        named = called(text, named, "(rng, dtype) -> Problem or model", rng, dtype)
    if isinstance(named, Problem):
        return _cast(named, dtype)
    if not _is_model(named):
        raise TypeError(
            f"{text} is {type(named).__name__}; expected a Problem, a model (latent_dim, init, "
            "log_joint, sample), or a function (rng, dtype) that makes one."
        )
    x = _rows_of(text, named.sample(rng, named.init(rng), ROWS))
    train, test = train_test_split(rng, np.asarray(x, dtype))
    family = DiagonalGaussian(named.latent_dim)
    encoder = MLP((x.shape[1], 64, family.num_params))
    return Problem(text.rpartition(":")[2], named, family, encoder, train, test)


def called(text: str, function: Any, signature: str, *arguments: Any) -> Any:
    """The object that a user's function makes; errors of its own are its own.

    Raises
    ------
    TypeError
        If it does not take these arguments.
    """
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        asked = signature.partition(" -> ")[0]
        raise TypeError(
            f"{text} cannot be called as {asked}: {error}; expected a function {signature}."
        ) from None
    return function(*arguments)


def _rows_of(text: str, drawn: Any) -> Any:
    """x (N, Dx) of what a model's ``sample`` returned."""
    if not isinstance(drawn, tuple | list) or len(drawn) != 2:
        raise TypeError(
            f"sample of {text} returned {type(drawn).__name__}; expected (x, z), x of shape "
            f"(num, Dx) and z of shape (num, latent_dim) for num = {ROWS}."
        )
    x = np.asarray(drawn[0])
    if x.ndim != 2 or len(x) != ROWS:
        hint = " Give one column as x[:, None]." if x.ndim == 1 else ""
        raise ValueError(
            f"sample of {text} returned x of shape {x.shape} for num = {ROWS}; expected "
            f"({ROWS}, Dx), a row for each datapoint.{hint}"
        )
    return x


def _is_model(candidate: Any) -> bool:
    return not inspect.isclass(candidate) and isinstance(candidate, GenerativeModel)


def _cast(problem: Problem, dtype: Any) -> Problem:
    parts = (part._replace(x=part.x.astype(dtype)) for part in (problem.train, problem.test))
    train, test = parts
    return problem._replace(train=train, test=test)


def methods_of_file(text: str) -> Mapping[str, Method]:
    """The methods of a file: a `Method`, several by name, a procedure, or an estimator.

    An estimator, of the ELBO, is used by `bbvi.fit_amortized`; a procedure has its signature.  Both
    get the step sizes of amortized-reparameterized; a `Method` has its own.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_object`.
    TypeError
        If the object is none of these.
    """
    named, name = load_object(text), text.rpartition(":")[2]
    if isinstance(named, Method):
        return {name: named}
    if isinstance(named, Mapping) and all(isinstance(m, Method) for m in named.values()):
        return dict(named)
    # The step sizes of the same with the package's own estimator: nobody is ahead by these alone.
    like = METHODS["amortized-reparameterized"]
    if callable(named) and is_estimator(named):
        return {name: like._replace(estimator=named)}
    if callable(named) and _takes_procedure_arguments(named):
        return {name: like._replace(procedure=named)}
    raise TypeError(
        f"{text} is {type(named).__name__}; expected a Method, a dict of them, a procedure with "
        "the arguments of fit_amortized, or an estimator (family, target, lam, eps)."
    )


def with_methods_of_files(
    names: Sequence[str], table: Mapping[str, Method]
) -> tuple[dict[str, Method], list[str]]:
    """The table with the methods of files; their names take the place of FILE.py:NAME."""
    known, chosen = dict(table), list[str]()
    for name in names:
        of_file = methods_of_file(name) if is_from_file(name) else {}
        for taken in of_file.keys() & known.keys():
            raise ValueError(
                f"{name} has a method {taken}, and there is another of that name; expected a name "
                "of its own."
            )
        known |= of_file
        chosen += of_file or [name]
    return known, chosen


def is_estimator(function: Any) -> bool:
    """Whether a function's first arguments are family, target, lam, eps."""
    inner = function.func if isinstance(function, partial) else function
    return list(inspect.signature(inner).parameters)[:4] == ESTIMATOR_ARGUMENTS


def _takes_procedure_arguments(function: Any) -> bool:
    """Whether a function may be called with the keyword arguments of `bbvi.fit_amortized`."""
    parameters = inspect.signature(function).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return open_ended or {"encoder", "theta"} <= set(parameters)
