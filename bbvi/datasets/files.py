"""Data files that are trusted only after their size and sha256 are checked."""

import hashlib
import io
import math
import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from bbvi.types import Array


class DataFile(NamedTuple):
    """What a file must be before any of it is decompressed or parsed.

    Attributes
    ----------
    name : str
        File name, without a folder.
    sha256 : str
        Of the file as it lies on disk.
    size : int
        Bytes on disk.
    unpacked : int
        The most bytes it may decompress to.
    """

    name: str
    sha256: str
    size: int
    unpacked: int


def user_cache() -> Path:
    """The folder for downloaded data: ``bbvi`` in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or "~/.cache"
    return Path(home).expanduser() / "bbvi"


def search_folders(root: str | os.PathLike[str] | None) -> list[Path]:
    """Where to look: ``root`` alone if given, else ``$BBVI_DATA`` if set, then the user cache."""
    if root is not None:
        return [Path(root).expanduser()]
    environment = os.environ.get("BBVI_DATA")
    return [Path(environment).expanduser(), user_cache()] if environment else [user_cache()]


def read_checked(path: Path, file: DataFile) -> bytes:
    """The bytes of a file whose size and sha256 are as expected.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is a web page, truncated, oversized or otherwise not the expected file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; expected sha256 {file.sha256}.")
    size = path.stat().st_size
    with open(path, "rb") as handle:
        content = handle.read(file.size + 1)
    if content[:512].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ValueError(
            f"{path} is a web page ({size} bytes), not the data: the download met an error or "
            f"login page. Delete it and fetch the file with sha256 {file.sha256}."
        )
    if size != file.size:
        what = "truncated" if size < file.size else "oversized"
        raise ValueError(
            f"{path} is {what}: {size} bytes; expected {file.size}. Delete it and fetch the file "
            f"with sha256 {file.sha256}."
        )
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise ValueError(
            f"{path} has sha256 {digest}; expected {file.sha256}. It is damaged or another file; "
            "nothing was decompressed. Delete it and fetch it again."
        )
    return content


def gunzip(content: bytes, file: DataFile) -> bytes:
    """Decompress gzip bytes, stopping at ``file.unpacked``.

    Raises
    ------
    ValueError
        If the bytes are damaged, or would decompress to more than that.
    """
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = stream.decompress(content, file.unpacked + 1)
    except zlib.error as error:
        raise ValueError(f"{file.name} is not gzip data ({error}).") from error
    if len(plain) > file.unpacked:
        raise ValueError(
            f"{file.name} decompresses to more than the {file.unpacked} bytes allowed; stopped."
        )
    if not stream.eof:
        raise ValueError(f"{file.name} ends in the middle of its gzip stream; fetch it again.")
    return plain


def read_npz(content: bytes, file: DataFile, keys: Sequence[str]) -> list[Array]:
    """Arrays of an .npz archive in the order of ``keys``, never unpickled.

    Raises
    ------
    ValueError
        If the archive is damaged, lacks a key, holds Python objects, or would decompress to more
        than ``file.unpacked`` bytes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            total = sum(member.file_size for member in archive.infolist())
            if total > file.unpacked:
                raise ValueError(f"{total} bytes unpacked, more than the {file.unpacked} allowed")
            return [parse_npy(archive.read(f"{key}.npy"), key) for key in keys]
    except Exception as error:  # damaged zip: BadZipFile, NotImplementedError, RuntimeError, ...
        raise ValueError(
            f"{file.name} is not the expected .npz archive of {', '.join(keys)}: {error}."
        ) from error


def parse_npy(content: bytes, name: str, order: Literal["C", "K"] = "C") -> Array:
    """The array of an .npy file, never unpickled; its header must fit its length.

    Its values lie in C order, or with ``order="K"`` as they do in the file.

    Raises
    ------
    ValueError
        If the header is damaged, gives another length, or announces Python objects.

    Notes
    -----
    NumPy documentation, "numpy.lib.format".
    """
    handle = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(handle)
        if version not in HEADERS:
            raise ValueError(f"format version {version}")
        shape, fortran, dtype = HEADERS[version](handle)
        if dtype.hasobject:
            raise ValueError("Object arrays cannot be loaded")
        start, size = handle.tell(), math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or start + size != len(content):
            raise ValueError(
                f"its header says {dtype} of shape {shape}, {size} bytes, but "
                f"{len(content) - start} bytes follow"
            )
        if size == 0:
            return np.zeros(shape, dtype)
        flat = np.frombuffer(content, dtype, offset=start)
        return flat.reshape(shape, order="F" if fortran else "C").copy(order)
    except Exception as error:  # a damaged header is Python text: SyntaxError, TokenError, ...
        raise ValueError(
            f"{name} is not a readable .npy file of numbers ({error}); expected one written by "
            "numpy.save, without Python objects."
        ) from error


HEADERS: dict[tuple[int, int], Callable[[io.BytesIO], tuple[tuple[int, ...], bool, Any]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""Versions of the .npy format; 3.0 is for names of fields only."""


def parse_idx(content: bytes, name: str) -> Array:
    """The uint8 array of an IDX file: big-endian header, then the values.

    Raises
    ------
    ValueError
        If the header is not that of unsigned bytes, or the length does not fit it.

    Notes
    -----
    LeCun, Cortes and Burges, "The MNIST database", section "File formats".
    """
    start = 4 + 4 * content[3] if len(content) > 3 else 4
    if content[:3] != b"\x00\x00\x08" or len(content) < start:
        raise ValueError(f"{name} is not an IDX file of unsigned bytes: starts {content[:4]!r}.")
    shape = tuple(int(n) for n in np.frombuffer(content[4:start], dtype=">u4"))
    if len(content) - start != math.prod(shape):
        raise ValueError(
            f"{name} has {len(content)} bytes, which does not fit its header's shape {shape}."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
