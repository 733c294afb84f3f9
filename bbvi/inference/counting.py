"""Counting evaluations of the log joint, so that budgets can be equal (floor 4)."""

from typing import Any

from bbvi.types import Array, Target


class Counter:
    """Counts log p(x_n, z_s) evaluations: each call of a watched target adds S * N.

    The terms of the Markov blankets together are one more log p.
    """

    def __init__(self, evaluations: int = 0) -> None:
        self.evaluations = evaluations

    def watch(self, target: Target) -> Target:
        """The same target; its calls are counted here."""

        def counted(function: Any) -> Any:
            def call(z: Array, *args: Any, **kwargs: Any) -> Any:
                self.evaluations += z.shape[0] * z.shape[1]
                return function(z, *args, **kwargs)

            return call

        return target._replace(
            value=counted(target.value),
            value_and_dz=counted(target.value_and_dz),
            value_and_dtheta=counted(target.value_and_dtheta),
            value_and_grads=counted(target.value_and_grads),
            blankets=target.blankets and counted(target.blankets),
        )
