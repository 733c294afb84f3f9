"""Arrays read from .npz archives that may be damaged or forged.

Only the names that are expected are read, and only arrays that are not compressed, so that none
takes more memory than the file; nothing is unpickled.
"""

import io
import zipfile
from collections.abc import Mapping

from bbvi.datasets.files import parse_npy
from bbvi.types import Array


def read_archive(
    content: bytes, expected: Mapping[str, Array], growing: str = ""
) -> dict[str, Array]:
    """The arrays of an uncompressed archive that have the names, types and shapes of others.

    Parameters
    ----------
    content : bytes
        A file of `numpy.savez`.
    expected : mapping
        Name -> an array of the same dtype and shape.
    growing : str
        The name of the array whose first axis may have any length.

    Raises
    ------
    ValueError
        If the archive is none, or an array is missing or not as expected.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {
                name: _read(archive, name, like, free=name == growing)
                for name, like in expected.items()
            }
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"not an archive of arrays ({type(error).__name__}: {error})") from None


def _read(archive: zipfile.ZipFile, name: str, like: Array, free: bool) -> Array:
    try:
        entry = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise ValueError(f"{name} is missing") from None
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
        raise ValueError(f"{name} is compressed")
    # Stored as it is, an array cannot be larger than the file.
    value = parse_npy(archive.read(entry), name, order="K")
    start = 1 if free else 0
    same_shape = value.ndim == like.ndim and value.shape[start:] == like.shape[start:]
    if value.dtype != like.dtype or not same_shape:
        raise ValueError(
            f"{name} is {value.dtype} {value.shape}; expected {like.dtype} {like.shape}"
        )
    return value
