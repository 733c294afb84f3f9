"""Slips of the pen made by machine: the text of the right formula, with one place altered.

A formula is a function whose body is the equation.  Its syntax tree is walked, and each operator,
function, axis, number and name is replaced by what a tired writer might put there: `+` for `-`, a
lost factor, a lost square, `mean` for `sum`, parentheses in another place, one name for another.
Each altered formula is run, and tells what it would give.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from bbvi.checks.exercises.slips_of_calls import slips_of_call
from bbvi.checks.exercises.slips_of_operators import brief, slips_of_operator
from bbvi.checks.mistakes import Suspect

Formula = Callable[..., Any]
Slip = tuple[str, ast.expr]


def slips(
    formula: Formula, arguments: Mapping[str, Any], part: int | None = None
) -> Iterator[Suspect]:
    """``formula`` with one slip in its text, one after the other.

    Parameters
    ----------
    formula : callable
        A function with source text; without it (a built-in function, say) there are no slips.
    arguments : mapping
        Name -> value, passed by position.
    part : int, optional
        Which entry of a tuple of answers is compared; by default the answer is one array.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(formula)))
    except (OSError, TypeError, SyntaxError):
        return
    [function] = tree.body
    if not isinstance(function, ast.FunctionDef):
        return
    function.decorator_list = []
    scope = {"np": np} | formula.__globals__
    with np.errstate(all="ignore"):
        for words in _altered(function):
            try:
                code = compile(ast.fix_missing_locations(tree), "slip", "exec")
                exec(code, scope := dict(scope))
                result = scope[function.name](*arguments.values())
                consequence = np.asarray(result if part is None else result[part], dtype=float)
            except Exception:
                continue
            if np.isfinite(consequence).all():
                yield Suspect(words, consequence)


def _altered(function: ast.FunctionDef) -> Iterator[str]:
    """Alter the function in place, say how, and put the place back, for each slip."""
    places = list(_places(function))
    names = [argument.arg for argument in function.args.args]
    names += [node.id for _, _, _, node in places if isinstance(node, ast.Name)]
    names = list(dict.fromkeys(name for name in names if name != "np"))
    for leaves in (False, True):  # an operator or a function says more than a name
        for parent, field, k, node in places:
            if isinstance(node, ast.Name | ast.Constant) is leaves:
                for words, other in _slips_of(node, names):
                    _put(parent, field, k, other)
                    yield words
                _put(parent, field, k, node)
    yield from _statements(function)


def _places(function: ast.FunctionDef) -> Iterator[tuple[ast.AST, str, int, ast.expr]]:
    """Where an expression stands: its parent, the field, the index in it, and the expression."""
    for parent in [node for statement in function.body for node in ast.walk(statement)]:
        for field, value in ast.iter_fields(parent):
            if (type(parent), field) in ((ast.Call, "func"), (ast.AnnAssign, "annotation")):
                continue
            for k, node in enumerate(value if isinstance(value, list) else [value]):
                stored = isinstance(getattr(node, "ctx", None), ast.Store)
                if isinstance(node, ast.expr) and not stored:
                    yield parent, field, k, node


def _put(parent: ast.AST, field: str, k: int, node: ast.expr) -> None:
    value = getattr(parent, field)
    if isinstance(value, list):
        value[k] = node
    else:
        setattr(parent, field, node)


def _slips_of(node: ast.expr, names: list[str]) -> Iterator[Slip]:
    if isinstance(node, ast.BinOp | ast.UnaryOp):
        yield from slips_of_operator(node)
    elif isinstance(node, ast.Call):
        yield from slips_of_call(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield from _slips_of_number(float(node.value))
    elif isinstance(node, ast.Name) and node.id != "np":
        yield from _slips_of_name(node.id, names)
    elif isinstance(node, ast.Subscript):
        yield f"the index is missing: {brief(node)}", node.value


def _slips_of_number(value: float) -> Iterator[Slip]:
    for words, other in (
        ("has the wrong sign", -value),
        ("is doubled", 2 * value),
        ("is halved", value / 2),
        ("is upside down", 1 / value if value else 1.0),
        ("is one too large", value + 1),
        ("is one too small", value - 1),
        ("is missing", 0.0 if abs(value) == 1 else 1.0),
    ):
        number = int(other) if other == int(other) else other
        yield f"the number {value:g} of the formula {words}", ast.Constant(number)


def _slips_of_name(name: str, names: list[str]) -> Iterator[Slip]:
    for other in names:
        if other != name:
            yield f"{other} where {name} is meant, in one place", ast.Name(other, ast.Load())
            for factor in (other, f"np.exp({other})"):
                yield (
                    f"{name} is multiplied by {factor.removeprefix('np.')}, in one place",
                    ast.parse(f"({factor} * {name})", mode="eval").body,
                )
    for words, text in (
        ("the sign of {} is wrong, in one place", "(-{})"),
        ("exp({}) where {} is meant, in one place", "np.exp({})"),
        ("log({}) where {} is meant, in one place", "np.log({})"),
        ("{} is squared, in one place", "({} ** 2)"),
        ("the square root of {}, in one place", "np.sqrt({})"),
        ("the absolute value of {}, in one place", "np.abs({})"),
        ("1 - {} where {} is meant, in one place", "(1 - {})"),
        ("{} is missing in one place", "(0 * {})"),
        ("{} is missing in one place: 1 stands for it", "(0 * {} + 1)"),
        ("{} is divided where it is multiplied, or the other way round, in one place", "(1 / {})"),
        ("{} was averaged over axis 0 in one place", "{}.mean(axis=0, keepdims=True)"),
        ("{} was summed over axis 0 in one place", "{}.sum(axis=0, keepdims=True)"),
        ("{} was averaged over its last axis in one place", "{}.mean(axis=-1, keepdims=True)"),
        ("{} was summed over its last axis in one place", "{}.sum(axis=-1, keepdims=True)"),
        ("{} was summed over everything in one place", "np.sum({})"),
        ("the first entry of {} for all, in one place", "{}[:1]"),
        ("{} is transposed, in one place", "np.swapaxes({}, -1, -2)"),
    ):
        yield words.format(name, name), ast.parse(text.format(name), mode="eval").body


def _statements(function: ast.FunctionDef) -> Iterator[str]:
    """Two lines of a block exchanged, or one of them lost."""
    blocks = [
        node.body for node in ast.walk(function) if isinstance(node, ast.FunctionDef | ast.For)
    ]
    for block in blocks:
        whole = list(block)
        for k, line in enumerate(whole):
            if k and (len(whole) > 2 or block is not function.body):
                block[k - 1 : k + 1] = [line, whole[k - 1]]
                yield f"two lines are exchanged: {brief(whole[k - 1])}; and {brief(line)}"
                block[:] = whole
            if len(whole) > 1 and not isinstance(line, ast.Return):
                block[:] = whole[:k] + whole[k + 1 :]
                yield f"a line is missing: {brief(line)}"
                block[:] = whole
