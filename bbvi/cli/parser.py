"""The commands, and their parser: it knows what a mistyped name meant, and shows examples."""

import argparse
import re
import textwrap
from typing import Any, NoReturn

from bbvi.suggestions import did_you_mean

COMMANDS = {
    "compare": "per-datapoint BBVI, amortized and semi-amortized VI, and others, on one model",
    "vae": "train the lecture's autoencoder on digits or MNIST",
    "networks": "dense and convolutional autoencoder at equal parameters, seconds and epochs",
    "variance": "gradient estimators at frozen points: bias, variance, signal-to-noise, cost",
    "posteriors": "did it work: means, standard deviations and k-hat against reference posteriors",
    "reproduce": "published numbers of papers and other programs beside ours, with a verdict",
    "uses": "representation, denoising, inpainting and super-resolution with one model",
    "results": "read results folders back: tables as text, CSV, LaTeX or Markdown, and figures",
    "rerun": "run again what a results folder holds, and say whether the numbers are the same",
    "figures": "write every figure of the README and the notebooks, with the numbers behind it",
    "doctor": "versions, BLAS, threads, measured matrix-product rate, and tips",
}
"""Name -> its line of the help.  A command's module is imported when it is asked for."""

CHOICE = re.compile(r"invalid choice: '(.*?)' \(choose from (.*)\)")
UNKNOWN = re.compile(r"unrecognized arguments: (-\S+)")


class _Help(argparse.RawDescriptionHelpFormatter):
    """Text as it is written, and the default of each option that does not tell it itself."""

    def _get_help_string(self, action: argparse.Action) -> str:
        told, value = action.help or "", action.default
        if "default" in told or value in (None, False, argparse.SUPPRESS) or not told:
            return told
        shown = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
        return f"{told} (default {shown})"


class Parser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` with suggestions in its errors."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("formatter_class", _Help)
        if options.get("description"):
            options["description"] = textwrap.fill(options["description"], 79)
        super().__init__(*args, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, but what a command does not know is an error of the command's."""
        found, extra = super().parse_known_args(args, namespace)
        if extra and " " in self.prog:
            self.error(f"unrecognized arguments: {' '.join(extra)}")
        return found, extra

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message with a suggestion, and end with status 2."""
        suggestion = self._suggestion(message)
        super().error(f"{message}.{suggestion}" if suggestion else message)

    def _suggestion(self, message: str) -> str:
        choice, unknown = CHOICE.search(message), UNKNOWN.search(message)
        if choice:
            return did_you_mean(choice[1], [word.strip(" '") for word in choice[2].split(",")])
        if unknown:
            if unknown[1].partition("=")[0] == "--blas-kernel":
                return " --blas-kernel stands before COMMAND: bbvi --blas-kernel NAME COMMAND ..."
            known = [text for action in self._actions for text in action.option_strings]
            return did_you_mean(unknown[1].partition("=")[0], known)
        return ""


def examples(*lines: str) -> str:
    """The end of a command's help."""
    return "examples:\n" + "\n".join(f"  {line}" for line in lines)
