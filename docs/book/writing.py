"""Pages that are written, and those that were and are no longer."""

from pathlib import Path


def numbered(lines: list[str]) -> str:
    """The lines of a derivation as a list of Markdown."""
    return "\n".join(f"{at}. {line}" for at, line in enumerate(lines, 1))


class Pages:
    """The generated folders of the book; a file is touched only where it changes."""

    def __init__(self, root: Path, folders: tuple[str, ...]) -> None:
        self.root, self.folders = root, folders
        self.written: set[Path] = set()

    def put(self, name: str, content: str | bytes) -> Path:
        """Write one file."""
        path = self.root / name
        data = content.encode() if isinstance(content, str) else content
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)
        self.written.add(path)
        return path

    def remove_others(self) -> None:
        """Delete what an earlier build has left in the generated folders."""
        for folder in self.folders:
            for path in sorted((self.root / folder).rglob("*")):
                if path.is_file() and path not in self.written:
                    path.unlink()
