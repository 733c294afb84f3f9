"""Whole files or none: a temporary neighbour, then a rename."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

STRAY = re.compile(r"\..+\.bbvi-(\d+)-\d+")
"""Names of `temporary_name`, with the process."""


def temporary_name(path: Path) -> Path:
    """A hidden neighbour of a file, this thread's alone."""
    # Not tempfile: its files are their owner's alone, and results are shared on a cluster.
    return path.with_name(f".{path.name}.bbvi-{os.getpid()}-{threading.get_ident()}")


@contextmanager
def _replacement(path: Path) -> Iterator[BinaryIO]:
    """A file to be written, which takes the name ``path`` if all goes well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        with open(temporary, "wb") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file or nothing: a temporary neighbour, then a rename.

    A crash of the machine may leave an empty file: for what is checked as it is read and can be
    made again, such as the cells of a sweep.
    """
    with _replacement(path) as file:
        file.write(data)


def write_durably(path: Path, data: bytes) -> None:
    """`write_atomically` that a crash of the machine survives: the old file, or the new one.

    It waits for the disk twice, 5 to 20 ms each.
    """
    with _replacement(path) as file:
        write_to_disk(file, data)
    sync_folder(path.parent)


def write_to_disk(file: BinaryIO, data: bytes) -> None:
    """Write, and wait until the disk has it."""
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder, where folders can be opened."""
    if os.name != "posix":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # it may be written to, but not read
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
