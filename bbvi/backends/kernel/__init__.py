"""The hand-derived back end: batched log-joints and gradients in blocked NumPy (floor 3)."""

from bbvi.backends.kernel.encoder import encode
from bbvi.backends.kernel.pieces import check_supports, supports
from bbvi.backends.kernel.targets import bind, target

__all__ = ["bind", "check_supports", "encode", "supports", "target"]
