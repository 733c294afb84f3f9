"""What the pages of the laboratory ask of bbvi: plain numbers in, plain numbers out.

The worker of the page calls `answer`; everything below it is ordinary Python, so that a number on
the page is the number that bbvi has at the same seed.
"""

import json
from importlib import import_module

ANSWERS = {
    "plane": "step_1",
    "step_1": "step_1",
    "variance": "variance",
    "learn": "amortization",
    "amortization": "amortization",
    "run": "cells",
    "forget": "cells",
}
"""Question of the page -> the module whose function of that name answers it.

A module is imported when it is first asked: the first picture waits for no other.
"""


def answer(question: str, arguments: str) -> str:
    """The answer to a question, its arguments and its answer as JSON.

    What goes wrong comes back as ``{"error": message}``: the page shows it.
    """
    try:
        function = getattr(import_module(f"laboratory.{ANSWERS[question]}"), question)
        return json.dumps({"value": function(**json.loads(arguments))}, allow_nan=False)
    except Exception as error:
        return json.dumps({"error": f"{type(error).__name__}: {error}"})
