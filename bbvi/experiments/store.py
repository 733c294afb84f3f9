"""The folder of a run: who may write in it.

    folder/manifest.json             whose run it is (``identity``), and how it was made

`claim` makes a folder the home of one run.  The manifest is made in one step that fails if there
is one already, so that of two runs that begin at once one has the folder.  A folder of another
run, or with files that are nobody's run, is refused before any work, and nothing is written.
"""

import errno
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bbvi.environment import environment
from bbvi.experiments.csv_and_json import plain, write_json
from bbvi.files import STRAY, sync_folder, temporary_name, write_to_disk

MANIFEST = "manifest.json"
HOUR = 3600.0
OF_FILES = ("files", "own_models", "own_estimators")
"""Parts of identities, or of their settings, that map names to what their files hold."""
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def claim(
    folder: Path,
    identity: Mapping[str, Any],
    settings: Mapping[str, Any] | None = None,
    beside: Sequence[str] = (),
) -> bool:
    """Make ``folder`` the home of one run, or check that it already is.

    Parameters
    ----------
    folder : Path
        A new or empty folder (hidden files do not count), or the one of the same run.
    identity : mapping of plain values
        Everything that determines the results.
    settings : mapping of plain values, optional
        What else the manifest is to say.
    beside : sequence of str
        Names in the folder that belong to runs of their own.

    Returns
    -------
    bool
        True if the folder was claimed by this call, False if it was this run's already.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    ValueError
        If it holds another run, or files without a manifest.  Nothing is written then.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(
            f"folder is {folder}, which is a file; expected a folder or a new name (--out)."
        )
    check_folder(folder)
    if not (folder / MANIFEST).exists():
        others = [name for name in visible(folder) if name not in beside]
        if others:
            more = " ..." if len(others) > 3 else ""
            raise ValueError(
                f"folder {folder} holds files but no {MANIFEST} ({', '.join(others[:3])}{more}), "
                "so they are not this run's; nothing was written. Choose a new or empty folder "
                "(--out)."
            )
        record = {"settings": settings or {}, "environment": environment(), "identity": identity}
        if _made(folder, record):
            sweep_strays(folder)
            return True
    sweep_strays(folder)
    check_identity(folder, identity)
    return False


@contextmanager
def claimed(
    folder: Path,
    identity: Mapping[str, Any],
    settings: Mapping[str, Any] | None = None,
    beside: Sequence[str] = (),
) -> Iterator[None]:
    """Claim a folder for a run; give it back if the run ends in an error before it wrote a file."""
    above = [path for path in (folder, *folder.parents) if not path.exists()]
    new = claim(folder, identity, settings, beside)
    try:
        yield
    except BaseException:
        if new and visible(folder) == [MANIFEST]:
            (folder / MANIFEST).unlink(missing_ok=True)
            for path in above:
                if any(path.iterdir()):
                    break
                path.rmdir()
        raise


def finish(folder: Path, record: Mapping[str, Any]) -> None:
    """Add what a finished run has to say to the manifest of its folder."""
    stored = json.loads((folder / MANIFEST).read_text("utf-8"))
    write_json(folder / MANIFEST, {**stored, **record})


def is_claimed(folder: Path) -> bool:
    """Whether a folder has the manifest of a run, whichever."""
    try:
        return "identity" in json.loads((folder / MANIFEST).read_text("utf-8"))
    except (ValueError, TypeError, RecursionError, OSError):
        return False


def check_identity(folder: Path, identity: Mapping[str, Any]) -> None:
    """Raise ValueError unless the folder's manifest has this identity."""
    path = folder / MANIFEST
    try:
        stored = json.loads(path.read_text("utf-8"))["identity"]
    except (ValueError, KeyError, TypeError, RecursionError, MemoryError, OSError) as error:
        raise ValueError(
            f"{path} cannot be read ({type(error).__name__}: {error}), so what the folder holds is "
            "unknown; nothing was written. Choose another folder (--out), or move this one away."
        ) from None
    wanted = json.loads(json.dumps(dict(identity), default=plain))
    changed = _renew_digests(stored, wanted) if isinstance(stored, dict) else []
    if changed and stored == wanted:
        files = [re.sub(r"(\.py):\w+$", r"\1", name) for name in changed]
        told = " and ".join(dict.fromkeys(files))
        imports = "" if told.endswith((".csv", ".npy")) else ", or a file that it imports,"
        raise ValueError(
            f"folder {folder} holds a run of {told} as it was: the file{imports} has changed "
            "since. Nothing was written. Choose another folder (--out), or undo the change."
        )
    if stored != wanted:
        raise ValueError(
            f"folder {folder} holds another experiment: {_difference(stored, wanted)}. Nothing was "
            "written. Choose another folder (--out), or repeat the settings of its manifest.json."
        )


def check_folder(folder: Path) -> None:
    """Raise unless ``folder`` can be written to, or made: before a long run, not after it.

    Raises
    ------
    NotADirectoryError
        If it, or a folder above it, is a file, or a link to nothing.
    PermissionError
        If it, or the nearest folder above it that exists, cannot be written to.
    """
    for path in (folder, *folder.absolute().parents):
        if path.is_symlink() and not path.exists():
            raise NotADirectoryError(
                f"{folder} cannot hold results: {path} is a link to {os.readlink(path)}, which "
                "does not exist. Choose another folder (--out)."
            )
        if path.exists():
            break
    if not path.is_dir():
        raise NotADirectoryError(
            f"{folder} cannot hold results: {path} is a file, no folder. Choose another folder "
            "(--out)."
        )
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(
            f"{folder} cannot hold results: {path} cannot be written to. Choose another folder "
            "(--out)."
        )


def visible(folder: Path) -> list[str]:
    """Names of what is in a folder and not hidden, in order."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(name for name in names if not name.startswith("."))


def sweep_strays(folder: Path) -> None:
    """Delete the temporary files of killed runs: names that only `write_atomically` makes.

    The file of a process that is alive is kept for an hour: it may be about to be renamed.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        match = STRAY.fullmatch(path.name)
        with suppress(OSError):
            if match and not (_alive(int(match[1])) and _age(path) < HOUR):
                path.unlink()


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _alive(process: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _made(folder: Path, record: Mapping[str, Any]) -> bool:
    """Make folder and manifest; False if another run's manifest came first."""
    path = folder / MANIFEST
    content = f"{json.dumps(record, indent=2, default=plain)}\n".encode()
    temporary = temporary_name(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                write_to_disk(file, content)
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as error:
            # Some file systems have no links: a new file, which whoever comes second cannot make.
            if error.errno not in NO_LINKS:
                raise
            try:
                with open(path, "xb") as file:
                    write_to_disk(file, content)
            except FileExistsError:
                return False
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as error:
        raise type(error)(
            f"{folder} cannot hold results: {error}. Choose another folder (--out)."
        ) from None
    return True


def _renew_digests(stored: dict[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Put the digests of files as they are now into the stored identity: those that differed."""
    changed = []
    for record, now in ((stored, wanted), (stored.get("settings"), wanted.get("settings"))):
        if not isinstance(record, dict) or not isinstance(now, Mapping):
            continue
        for part in OF_FILES:
            old, new = record.get(part), now.get(part)
            if not isinstance(old, dict) or not isinstance(new, dict):
                continue
            for name in [name for name in old if name in new and old[name] != new[name]]:
                changed.append(name)
                old[name] = new[name]
    return changed


def _difference(stored: Any, wanted: Mapping[str, Any]) -> str:
    if not isinstance(stored, dict):
        return "its manifest.json is not a record"
    for key in dict.fromkeys([*wanted, *stored]):
        if stored.get(key) != wanted.get(key):
            if isinstance(stored.get(key), dict) and isinstance(wanted.get(key), dict):
                return f"of its {key}, {_difference(stored[key], wanted[key])}"
            old, new = (_short(record.get(key)) for record in (stored, wanted))
            return f"its {key} is {old}, here it is {new}"
    return "its manifest.json has other entries"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 300 else f"{text[:290]}... ({len(text)} characters)"
