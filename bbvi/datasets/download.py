"""Fetching a data file from the first mirror that gives it (the only network access)."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from bbvi.datasets.files import DataFile


def fetch(file: DataFile, folder: Path, mirrors: Sequence[str]) -> Path:
    """Download a file into a folder, trying the mirrors in turn; its sha256 must match.

    A mirror that is down, gives something else, or does not stop after the file's size, leaves
    nothing behind.

    Parameters
    ----------
    file : DataFile
        Name and sha256.
    folder : path
        Created if need be.
    mirrors : sequence of str
        Addresses of folders; the file's name is appended.

    Raises
    ------
    ImportError
        If pooch, of the extra ``download``, is not installed.
    TypeError
        If the mirrors are one string.
    ConnectionError
        If no mirror gave the file; says what each one did.
    """
    if isinstance(mirrors, str):
        raise TypeError(f"mirrors is the string {mirrors!r}; expected a list: [{mirrors!r}].")
    pooch = _pooch()
    failures = []
    for mirror in mirrors:
        try:
            copy = pooch.retrieve(
                f"{mirror.rstrip('/')}/{file.name}",
                f"sha256:{file.sha256}",
                fname=file.name,
                path=folder,
                downloader=_at_most(file.size),
            )
            return Path(copy)
        except (OSError, ValueError) as error:
            failures.append(f"{mirror} ({type(error).__name__}: {error})")
    raise ConnectionError(
        f"no mirror gave {file.name} with sha256 {file.sha256}; tried {'; '.join(failures)}. "
        f"Fetch it by other means and put it in {folder}."
    )


def _at_most(size: int) -> Callable[[str, str, Any], None]:
    """A downloader, as pooch calls it, that stops after one byte too many."""
    requests = import_module("requests")

    def download(url: str, path: str, pooch: Any) -> None:
        seen = 0
        with requests.get(url, stream=True, timeout=30) as response, open(path, "wb") as output:
            response.raise_for_status()
            for part in response.iter_content(2**16):
                seen += len(part)
                if seen > size:
                    raise ValueError(f"more than the expected {size} bytes; stopped")
                output.write(part)

    return download


def _pooch() -> Any:
    try:
        return import_module("pooch")
    except ImportError as error:
        raise ImportError(
            "download=True needs pooch, which is not installed. Run pip install pooch requests, "
            "or put the files there yourself."
        ) from error
