"""A posterior that is given by nothing but an unnormalized log-density."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bbvi.models.log_densities import batched, check_density, check_gradient, with_gradient
from bbvi.models.transforms import Transform, real
from bbvi.types import Array, Theta
from bbvi.validation import as_count, check_pair


@dataclass(frozen=True)
class Posterior:
    """log p(z) up to a constant: a model without theta, without data, without ``sample``.

    The parameters may be constrained.  Then the density is one of u = forward(z), and the model's

    log p(z) = log p(u) + log |det du/dz|.

    Parameters
    ----------
    log_density : callable
        log p(u) + any constant, in ``autograd.numpy``: of one vector u (K,) -> a number, or of all
        leading axes, u (..., K) -> (...).  A trial tells which.  The first is as fast only where it
        takes single coordinates, u[0], u[1]; with slices, u[:8], a fit takes some hundred times as
        long as the same with u[..., :8] and sums over axis=-1.
    latent_dim : int, optional
        D, the dimension of z; K is the same without a transform, with one it is the transform's.
    transform : Transform, optional
        From z (..., D) to u (..., K), e.g. ``transforms.stack(mu=real(), tau=positive())``.
    gradient : callable, optional
        d log p(u) / du in the same form, where autograd is not to be asked.
    report : callable, optional
        u (..., K) -> what is reported (..., R), in ``autograd.numpy``; by default u.
    names : tuple of str, optional
        Of the R numbers reported; by default the transform's names, z[1], z[2], ... without one.

    Raises
    ------
    TypeError
        If the density is no function, or cannot be differentiated.
    ValueError
        If the density has another shape, is not finite at z = 0, or does not depend on some
        coordinate; if the gradient is not its gradient; if sizes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd.numpy as anp
    >>> import bbvi
    >>> correlated = Posterior(lambda z: -(z[0] ** 2) - (z[1] - z[0]) ** 2, 2)
    >>> q = bbvi.FullCovarianceGaussian(2)
    >>> fit = bbvi.infer(correlated, q, rng=np.random.default_rng(0))
    >>> q.moments(fit.lam).covariance[0].round(1)
    array([[0.5, 0.5],
           [0.5, 1. ]])
    """

    log_density: Callable[[Array], Array]
    latent_dim: int = 0
    transform: Transform | None = None
    gradient: Callable[[Array], Array] | None = None
    report: Callable[[Array], Array] | None = None
    names: tuple[str, ...] = ()
    _density: Callable[[Array], Array] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        transform = self.transform
        if transform is None:
            D = as_count("latent_dim", self.latent_dim)
            transform = replace(real(D), parts=(("z", D),))
        elif not isinstance(transform, Transform):
            raise TypeError(f"transform is {transform!r}; expected e.g. transforms.positive().")
        if self.latent_dim not in (0, transform.inputs):
            raise ValueError(
                f"latent_dim is {self.latent_dim}, but the transform takes {transform.inputs} "
                "unconstrained numbers; leave latent_dim out."
            )
        z = trial_points(transform.inputs)
        with np.errstate(all="ignore"):  # far out, whatever comes
            u = transform.forward(z)
        density = batched(self.log_density, u, "log_density")
        if self.gradient is not None:
            gradient = batched(self.gradient, u, "gradient", (transform.outputs,))
            check_gradient(density, gradient, u[0, 1])
            density = with_gradient(density, gradient)
        self._set(latent_dim=transform.inputs, transform=transform, _density=density)
        check_density(lambda z: self.log_joint({}, np.zeros((z.shape[1], 1)), z), z)
        with np.errstate(all="ignore"):
            self._set(names=self._names(np.shape(self.constrain(z))))

    def _set(self, **derived: Any) -> None:
        """Set derived fields as dataclasses set those of a frozen record."""
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def _names(self, reported: tuple[int, ...]) -> tuple[str, ...]:
        """Names of the numbers in a report of that shape, (2, 3, R) of the trial points."""
        if len(reported) != 3 or reported[:2] != (2, 3):
            raise ValueError(
                f"report returned shape {reported} for parameters of shape (2, 3, K); expected "
                "(2, 3, R): whatever it does is along the last axis."
            )
        assert self.transform is not None
        known = self.transform.names if self.report is None else ()
        names = self.names or known or tuple(f"report[{i + 1}]" for i in range(reported[-1]))
        if len(names) != reported[-1]:
            raise ValueError(f"names are {names}; expected {reported[-1]}, one for each number.")
        return tuple(names)

    @property
    def x(self) -> Array:
        """One row of no data (1, 1): what procedures take for x.  More rows are more replicates."""
        return np.zeros((1, 1))

    def init(self, rng: np.random.Generator) -> Theta:
        """No parameters: {}."""
        return {}

    def log_joint(self, theta: Theta, x: Array, z: Array) -> Array:
        """log p(forward(z)) + log |det du/dz|: (S, N), nats up to the density's constant."""
        check_pair(self, x, z, 1)
        assert self.transform is not None
        return self._density(self.transform.forward(z)) + self.transform.log_jacobian(z)

    def constrain(self, z: Array) -> Array:
        """What is reported, on its own scale: z (..., D) -> (..., R)."""
        assert self.transform is not None
        u = self.transform.forward(z)
        return u if self.report is None else self.report(u)

    def check_theta(self, theta: Theta) -> None:
        """Raise ValueError unless theta is empty."""
        if theta:
            raise ValueError(
                f"theta has {', '.join(map(repr, theta))}; expected {{}}: a Posterior has no theta."
            )


def trial_points(latent_dim: int) -> Array:
    """Points z (2, 3, D) to try a density on: 0, then ever farther out, no two alike."""
    directions = np.sin(1.0 + np.arange(6 * latent_dim)).reshape(6, latent_dim)
    scales = np.array([0.0, 0.1, 0.3, 1.0, 3.0, 10.0])
    return (scales[:, None] * directions).reshape(2, 3, latent_dim)
