"""Constrained parameters u = forward(z) of unconstrained z, with log |det du/dz|.

A variational family lives on all of R^D; a scale, a probability or an ordered pair does not.  A
density p(u) of constrained parameters becomes one of z by the change of variables

    log p(z) = log p(u) + log |det du/dz|,   u = forward(z),

and a draw of z becomes one of u by ``forward``.  All maps are smooth, one to one and take z = 0 to
the middle of their range.  Each is a `Transform`, a frozen record of three functions written in
``autograd.numpy``; they act on the last axis and keep all others.

====================== ============================= ========================================
transform              range of u                    u = forward(z)
====================== ============================= ========================================
`real`                 all numbers                   z
`positive`             u > 0                         exp z
`softplus`             u > 0                         log(1 + exp z)
`interval`             low < u < high                low + (high - low) / (1 + exp -z)
`unit_interval`        0 < u < 1                     the same with low = 0, high = 1
`ordered`              u_1 < u_2 < ...               u_1 = z_1, u_k = u_{k-1} + exp z_k
`simplex`              u_k > 0, sum 1                sticks broken off in turn
`affine`               all numbers                   shift + A z
`compose`              of the outer one              outer(inner(z))
`stack`                of each part                  the parts side by side, with names
====================== ============================= ========================================

Without ``size`` a parameter is one number, with ``size`` a vector of that many.
"""

from bbvi.models.transforms.combined import compose, stack
from bbvi.models.transforms.elementwise import (
    interval,
    positive,
    real,
    softplus,
    unit_interval,
)
from bbvi.models.transforms.transform import Transform
from bbvi.models.transforms.vectors import affine, ordered, simplex

__all__ = [
    "Transform",
    "affine",
    "compose",
    "interval",
    "ordered",
    "positive",
    "real",
    "simplex",
    "softplus",
    "stack",
    "unit_interval",
]
