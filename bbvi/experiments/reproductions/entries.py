"""What a reproduction is: published numbers, a set-up, and the function that measures ours."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Measure = Callable[..., list[dict[str, Any]]]


class Published(NamedTuple):
    """One number of somebody else.

    Attributes
    ----------
    quantity : str
        Name of the quantity, the same as in our rows.
    printed : str
        The number as it is printed, e.g. "-8.0760": its last digit tells its rounding.
    by : str
        Program or paper.
    source : str
        File, table or figure.
    kind : str
        "mean": an expectation, or a mean whose error is ``error``; "run": a single run, to be
        compared with the spread of ours; "within": to be met within ``tolerance``; "above": a
        lower limit, such as the 0 of a difference whose sign was published.
    error : float
        Standard error that belongs to a "mean".
    tolerance : float
        Of "within".
    resolution : float
        The widest comparison that still means something; a wider one is no agreement. Of a "run"
        it is the distance to what would have been measured if the method had no effect, or were
        its neighbour in the source's table.
    obstacle : str
        What the source does not tell, or ours does not have, and a comparison would need.
    place : tuple of (str, str, float), optional
        Panel, series and x of a point of a published curve, drawn even where ours ends before it.
    """

    quantity: str
    printed: str
    by: str
    source: str
    kind: str = "run"
    error: float = 0.0
    tolerance: float = 0.0
    resolution: float = float("inf")
    obstacle: str = ""
    place: tuple[str, str, float] | None = None

    @property
    def value(self) -> float:
        """The number."""
        return float(self.printed)

    @property
    def rounding(self) -> float:
        """Half a unit of the last digit.

        Examples
        --------
        >>> Published("ELBO", "-8.0760", "GenJAX", "README").rounding
        5e-05
        """
        mantissa, _, exponent = self.printed.lower().partition("e")
        decimals = len(mantissa.partition(".")[2])
        return 0.5 * float(10 ** (int(exponent or 0) - decimals))


class Reproduction(NamedTuple):
    """One entry of the catalogue.

    Attributes
    ----------
    title, source, setup : str
        What is reproduced, where it was published, and with which settings.
    assumptions : sequence of str
        Where the source is ambiguous: what was assumed, and how much the answer depends on it.
    measure : callable
        (cell, rng) -> rows with ``quantity`` and ``value``; where the truth is known also
        ``exact``, whose interval is judged against ``scale``; for a picture ``panel``, ``series``
        and ``x``.  Several rows of one quantity are independent seeds.
    cells, quick_cells : sequence of dict
        The cells of the whole reproduction, and of the short one (empty: none).
    seeds, quick_seeds : int
        Replicates of each cell.
    published : sequence of Published
        Their numbers.
    time : str
        Of the whole reproduction, two cores.
    axes : tuple of str
        Labels of x and of the value, of a picture with curves.
    logarithmic : str
        "", "x", "y" or "xy": the scales of the picture.
    floor : float, optional
        Where some values run away: those below are drawn at it.
    not_run : str
        Why parts are not stored, where that is so.
    panel_of : callable, optional
        Panel of a quantity that is drawn, where it is not the one stored with the row.
    """

    title: str
    source: str
    setup: str
    assumptions: Sequence[str]
    measure: Measure
    cells: Sequence[dict[str, Any]]
    published: Sequence[Published]
    time: str
    axes: tuple[str, str]
    seeds: int = 1
    quick_cells: Sequence[dict[str, Any]] = ()
    quick_seeds: int = 1
    logarithmic: str = ""
    floor: float | None = None
    not_run: str = ""
    panel_of: Callable[[str], str] | None = None
