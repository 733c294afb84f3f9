"""Write every page that follows from the package or the repository."""

from pathlib import Path

from book import api, cheatsheet, copies, estimators, members
from book.writing import Pages

FOLDERS = ("api", "lectures", "exercises", "estimators", "families", "likelihoods", "procedures")


def pages(root: Path) -> None:
    """All generated pages of the book below ``root``."""
    book = Pages(root, FOLDERS)
    for part in (api, copies, estimators, members, cheatsheet):
        part.write(book)
    book.remove_others()
