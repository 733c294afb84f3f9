"""Fetching a data file from the first mirror that gives it (floor 1; the only network access)."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from bbvi.datasets.files import DataFile


def fetch(file: DataFile, folder: Path, mirrors: Sequence[str]) -> Path:
    """Download a file into a folder, trying the mirrors in turn; its sha256 must match.

    A mirror that is down, or gives something else, leaves nothing behind.

    Parameters
    ----------
    file : DataFile
        Name and sha256.
    folder : path
        Created if need be.
    mirrors : sequence of str
        Addresses that end in ``/``; the file's name is appended.

    Raises
    ------
    ImportError
        If pooch, of the extra ``download``, is not installed.
    ConnectionError
        If no mirror gave the file; says what each one did.
    """
    pooch = _pooch()
    failures = []
    for mirror in mirrors:
        try:
            found = pooch.retrieve(
                mirror + file.name, f"sha256:{file.sha256}", fname=file.name, path=folder
            )
            return Path(found)
        except (OSError, ValueError) as error:
            failures.append(f"{mirror} ({type(error).__name__}: {error})")
    raise ConnectionError(
        f"no mirror gave {file.name} with sha256 {file.sha256}; tried {'; '.join(failures)}. "
        f"Fetch it by other means and put it in {folder}."
    )


def _pooch() -> Any:
    try:
        return import_module("pooch")
    except ImportError as error:
        raise ImportError(
            "download=True needs pooch, which is not installed. Run pip install 'bbvi[download]', "
            "or put the files there yourself."
        ) from error
