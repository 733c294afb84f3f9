"""What the procedures return, and what they need in order to go on."""

import zipfile
from typing import Any, NamedTuple

import numpy as np

from bbvi.datasets.files import parse_npy
from bbvi.types import Array, Theta


class Trace(NamedTuple):
    """The course of a run, one entry per recorded step.

    Attributes
    ----------
    step : ndarray of int
        Number of theta steps taken (for `infer`: steps of lam).
    elbo : ndarray
        Estimated ELBO per datapoint of the step's minibatch, nats.
    seconds : ndarray
        Time since the start.
    evaluations : ndarray of int
        Evaluations of log p(x_n, z) so far: one per sample and datapoint.
    """

    step: Array
    elbo: Array
    seconds: Array
    evaluations: Array


class State(NamedTuple):
    """All that the next step needs, beside the caller's rng: pass it back to go on.

    Attributes
    ----------
    theta, theta_moments
        Model parameters and their optimizer's state.
    lam, lam_moments
        The table (N, P) of variational parameters and its rows' optimizer state; None where lam
        comes from an encoder.
    phi, phi_moments
        Encoder parameters and their optimizer's state; None without an encoder.
    order, position
        The running epoch's permutation of the datapoints, and how many of it are used.
    trace : list of tuple
        (step, elbo, seconds, evaluations) of each step so far.
    """

    theta: Theta
    theta_moments: Any
    lam: Any
    lam_moments: Any
    phi: Any
    phi_moments: Any
    order: Array
    position: int
    trace: list[tuple[int, float, float, int]]


class Fit(NamedTuple):
    """What every procedure of `bbvi.inference` returns.

    Attributes
    ----------
    theta : dict
        Model parameters.
    phi : dict or None
        Encoder parameters.
    lam : ndarray (N, P)
        lam of every training datapoint: the table, or what the encoder gives.
    trace : Trace
        ELBO, seconds and log-joint evaluations along the run.
    state : State or None
        Where the run stopped; ``fit_*(..., state=fit.state)`` goes on from there.
    verdict : Verdict, Course or None
        Whether the run has converged, and how that was seen: a `Verdict` of `infer`, row by row,
        which also tells how near q is to the posterior; a `Course` of the procedures that learn
        theta.  None after `load`.
    """

    theta: Theta
    phi: Theta | None
    lam: Array
    trace: Trace
    state: State | None
    verdict: Any = None

    @property
    def local(self) -> Array:
        """The former name of ``lam``, kept for one release."""
        return self.lam

    def save(self, file: Any) -> None:
        """Write theta, phi, lam and the trace to an .npz archive; the state is not kept.

        Parameters
        ----------
        file : path or binary file
            Its name should end in .npz.
        """
        arrays: dict[str, Any] = {f"theta/{key}": value for key, value in self.theta.items()}
        arrays |= {f"phi/{key}": value for key, value in (self.phi or {}).items()}
        arrays |= {f"trace/{key}": value for key, value in self.trace._asdict().items()}
        arrays |= {"lam": self.lam, "has_phi": np.array(self.phi is not None)}
        np.savez(file, **arrays)

    @classmethod
    def load(cls, file: Any) -> "Fit":
        """Read a fit that `save` wrote; nothing is unpickled.

        Parameters
        ----------
        file : path or binary file

        Raises
        ------
        ValueError
            If the file is damaged or holds no fit.
        """
        try:
            with zipfile.ZipFile(file) as archive:
                arrays = _stored_arrays(archive)
            trace = Trace(*(arrays[f"trace/{key}"] for key in Trace._fields))
            lam, has_phi = arrays["lam"], bool(arrays["has_phi"])
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(
                f"{file} holds no fit that can be read ({type(error).__name__}: {error}); expected "
                "an .npz archive written by Fit.save."
            ) from None
        theta, phi = (
            {key.removeprefix(name): v for key, v in arrays.items() if key.startswith(name)}
            for name in ("theta/", "phi/")
        )
        return cls(theta, phi if has_phi else None, lam, trace, None)


def _stored_arrays(archive: zipfile.ZipFile) -> dict[str, Array]:
    """The arrays of a fit by name, each no larger than its part of the file."""
    names = {f"trace/{key}" for key in Trace._fields} | {"lam", "has_phi"}
    arrays = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name not in names and not name.startswith(("theta/", "phi/")):
            # It may be an entry of theta whose name is damaged: opening compares the two names.
            archive.open(member).close()
            continue
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise ValueError(f"{name} is compressed, which Fit.save does not do")
        arrays[name] = parse_npy(archive.read(member), name)
    return arrays


class NotFiniteError(ArithmeticError):
    """A run met NaN or infinity and stopped; ``state`` is its last finite state."""

    def __init__(self, message: str, state: Any) -> None:
        super().__init__(message)
        self.state = state


def as_trace(rows: list[tuple[int, float, float, int]]) -> Trace:
    """Columns from the recorded rows."""
    step, elbo, seconds, evaluations = zip(*rows) if rows else ((), (), (), ())
    return Trace(
        np.array(step, dtype=np.int64),
        np.array(elbo, dtype=np.float64),
        np.array(seconds, dtype=np.float64),
        np.array(evaluations, dtype=np.int64),
    )
