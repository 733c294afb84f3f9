"""Arrays read from .npz archives that may be damaged or forged.

Only the names that are expected are read.  What a header promises is compared with what is
expected and with the bytes that are present before memory is taken; nothing is unpickled.
"""

import io
import zipfile
from collections.abc import Mapping

import numpy as np

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
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            raise ValueError(f"{name} has format {version}")
        shape, fortran, dtype = read(file)
        start = 1 if free else 0
        if dtype != like.dtype or len(shape) != like.ndim or shape[start:] != like.shape[start:]:
            raise ValueError(f"{name} is {dtype} {shape}; expected {like.dtype} {like.shape}")
        data = file.read()
        size = dtype.itemsize
        for length in shape:
            size *= length
        if len(data) != size:
            raise ValueError(f"{name} has {len(data)} bytes; {size} expected")
    flat = np.frombuffer(data, dtype).copy()
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)
