"""Back ends: Model -> Target."""

from bbvi.backends import autodiff

__all__ = ["autodiff"]
