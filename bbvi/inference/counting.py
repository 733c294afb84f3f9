"""Counting evaluations of the log joint, so that budgets can be equal."""

from bbvi.types import Array, Evaluation, Target


class Counter:
    """Counts log p(x_n, z_s) evaluations: each call of a watched target adds S * N.

    The terms of the Markov blankets together are one more log p.
    """

    def __init__(self, evaluations: int = 0) -> None:
        self.evaluations = evaluations

    def watch(self, target: Target) -> Target:
        """The same target; its calls are counted here."""

        def evaluate(
            z: Array, dz: bool = False, dtheta: bool = False, weights: Array | None = None
        ) -> Evaluation:
            self.evaluations += z.shape[0] * z.shape[1]
            return target.evaluate(z, dz, dtheta, weights)

        def blankets(z: Array) -> Array:
            self.evaluations += z.shape[0] * z.shape[1]
            return target.blankets(z)  # type: ignore[misc]

        return target._replace(evaluate=evaluate, blankets=target.blankets and blankets)
