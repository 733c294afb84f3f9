"""Slips in a function call: a lost or other function, another axis, two halves exchanged."""

import ast
from collections.abc import Iterator
from itertools import permutations

from bbvi.checks.exercises.slips_of_operators import brief

Slip = tuple[str, ast.expr]

OTHERS = {
    "exp": ("expm1", "log", "tanh", "square"),
    "log": ("log10", "log2", "log1p", "exp", "sqrt"),
    "log1p": ("log", "exp"),
    "sqrt": ("log", "square"),
    "abs": ("square",),
    "tanh": ("exp",),
}
VERBS = ("sum", "mean", "max", "min", "prod", "median", "std")
AXES = ("0", "1", "2", "-1", "-2", "(0, 1)", "(1, 2)", "(0, 2)", "None")


def slips_of_call(node: ast.Call) -> Iterator[Slip]:
    """(words, what stands in the place of ``node``)."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
    values = [ast.unparse(argument) for argument in node.args]
    if name in VERBS:
        yield from _slips_of_reduction(node, name)
    elif name in OTHERS:
        yield from _slips_of_function(name, values[0])
    elif name == "inv":
        yield (
            f"1 / {values[0]} inverts each entry: the inverse is of the matrix",
            _read(f"1 / {values[0]}"),
        )
        yield f"the inverse of {values[0]} is missing", node.args[0]
    elif name in ("maximum", "minimum"):
        yield from _slips_of_maximum(name, *values)
    elif name == "concatenate" and isinstance(node.args[0], ast.List):
        yield from _slips_of_halves([ast.unparse(part) for part in node.args[0].elts])
    elif name == "einsum":
        yield from _slips_of_einsum(node)
    elif values:
        yield f"{name} is missing: {brief(node)}", node.args[0]


def _read(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _slips_of_function(name: str, value: str) -> Iterator[Slip]:
    short = brief(_read(value))
    yield f"{name} is missing: {name}({short})", _read(value)
    yield f"the sign inside {name}({short}) is wrong", _read(f"np.{name}(-({value}))")
    yield f"a factor 2 inside {name}({short}) is wrong", _read(f"np.{name}(2 * ({value}))")
    yield f"a factor 2 inside {name}({short}) is missing", _read(f"np.{name}(({value}) / 2)")
    yield f"{name} was applied twice to {short}", _read(f"np.{name}(np.{name}({value}))")
    yield f"{name}({short}) is subtracted from 1", _read(f"1 - np.{name}({value})")
    for other in OTHERS[name]:
        yield f"{other} where {name} is meant, of {short}", _read(f"np.{other}({value})")
    inner = _read(value)
    if isinstance(inner, ast.Call):
        verb, entries, axis = _reduction(inner)
        if verb in VERBS:
            yield (
                f"{name} of a {verb}, where the {verb} stands outside",
                _read(f"np.{verb}(np.{name}({entries}), axis={axis})"),
            )


def _reduction(node: ast.Call) -> tuple[str, str, str]:
    """The verb, the entries and the axis of np.sum(a, axis=0) or a.sum(axis=0)."""
    axis = next((ast.unparse(k.value) for k in node.keywords if k.arg == "axis"), "None")
    if not isinstance(node.func, ast.Attribute):
        return "", "", axis
    module = isinstance(node.func.value, ast.Name) and node.func.value.id == "np"
    entries = ast.unparse(node.args[0] if module else node.func.value)
    return node.func.attr, f"({entries})", axis


def _slips_of_reduction(node: ast.Call, verb: str) -> Iterator[Slip]:
    _, entries, axis = _reduction(node)
    if not entries:
        return
    meant = f"a {verb} over axis {axis} is meant"
    yield f"no {verb} at all: {meant}", _read(entries)
    for other in VERBS:
        for over in (axis, *AXES):
            if (other, over) != (verb, axis):
                place = "everything" if over == "None" else f"axis {over.strip('()')}"
                for keep in (True, False):
                    yield (
                        f"a {other} over {place}, where {meant}",
                        _read(f"np.{other}({entries}, axis={over}, keepdims={keep})"),
                    )
    for k, word in (("0", "first"), ("-1", "last")):
        for along in ("0", "1", "-1"):
            yield (
                f"the {word} entry alone along axis {along} (a wrong index): {meant}",
                _read(f"np.take({entries}, {k}, axis={along})"),
            )
    for one, other in (("0", "1"), ("1", "0"), ("0", "-1"), ("1", "-1"), ("-1", "1"), ("-1", "0")):
        yield (
            f"a mean over axis {one} and a sum over axis {other}: {meant}",
            _read(f"np.sum(np.mean({entries}, axis={one}, keepdims=True), axis=({one}, {other}))"),
        )
    yield from _inwards(_read(entries), verb, axis)


def _inwards(inner: ast.expr, verb: str, axis: str) -> Iterator[Slip]:
    """The reduction on the wrong side of a function, a square or a product."""
    reduced = f"np.{verb}({{}}, axis={axis})"
    if isinstance(inner, ast.Call) and len(inner.args) == 1 and not inner.keywords:
        name = ast.unparse(inner.func)
        yield (
            f"{brief(inner.func)} of the {verb}, where the {verb} of {brief(inner.func)} is meant",
            _read(f"{name}({reduced.format(ast.unparse(inner.args[0]))})"),
        )
    if isinstance(inner, ast.BinOp):
        left, right = ast.unparse(inner.left), ast.unparse(inner.right)
        if isinstance(inner.op, ast.Pow):
            yield (
                f"the square of the {verb}, where the {verb} of the squares is meant",
                _read(f"{reduced.format(left)} ** {right}"),
            )
        elif isinstance(inner.op, ast.Mult | ast.Div):
            sign = "*" if isinstance(inner.op, ast.Mult) else "/"
            yield (
                f"the {verb} of a product is not the product of the {verb}s",
                _read(f"{reduced.format(left)} {sign} {reduced.format(right)}"),
            )


def _slips_of_maximum(name: str, one: str, other: str) -> Iterator[Slip]:
    opposite = "minimum" if name == "maximum" else "maximum"
    yield f"{opposite} where {name} is meant", _read(f"np.{opposite}({one}, {other})")
    yield f"{name} of the opposite sign", _read(f"np.{name}(-({one}), {other})")
    yield f"|a| where {name}(a, 0) is meant", _read(f"np.abs({one})")
    yield f"{name} is missing", _read(one)
    yield f"the term with {name} is missing", _read(f"0 * {one}")


def _slips_of_halves(parts: list[str]) -> Iterator[Slip]:
    """Parts put together in another way than side by side."""
    for order in list(permutations(parts))[1:]:
        yield "the halves are exchanged", _read(f"np.concatenate([{', '.join(order)}], axis=-1)")
    listed = ", ".join(parts)
    stacked = f"np.stack([{listed}], axis=-1)"
    yield (
        f"the halves are interleaved: all of {brief(_read(parts[0]))} first",
        _read(f"{stacked}.reshape(*np.shape({parts[0]})[:-1], -1)"),
    )
    for axis in ("0", "-1"):
        yield (
            "the halves are stacked along a new axis: np.concatenate, axis=-1",
            _read(f"np.stack([{listed}], axis={axis})"),
        )
    for axis in ("0", "1"):
        yield (
            "the halves are stacked along another axis, one above the other: axis=-1",
            _read(f"np.concatenate([{listed}], axis={axis})"),
        )
    for sign, word in (("+", "added"), ("*", "multiplied"), ("-", "subtracted")):
        yield f"the two halves are {word}: put them side by side", _read(f" {sign} ".join(parts))
    for k, word in enumerate(("first", "second")[: len(parts)]):
        alone, zero = parts[k], [p if j == k else f"0 * {p}" for j, p in enumerate(parts)]
        yield f"the {word} half alone: the other is missing", _read(alone)
        yield (
            f"the {word} half is right, the other is 0",
            _read(f"np.concatenate([{', '.join(zero)}], axis=-1)"),
        )
        yield (
            f"the {word} half is repeated",
            _read(f"np.concatenate([{alone}, {alone}], axis=-1)"),
        )


def _slips_of_einsum(node: ast.Call) -> Iterator[Slip]:
    """Another order of an operand's letters, or another sum."""
    spec = ast.literal_eval(node.args[0])
    operands, _, out = spec.partition("->")
    parts = operands.split(",")
    rest = ", ".join(ast.unparse(a) for a in node.args[1:])
    for k, letters in enumerate(parts):
        for order in permutations(letters):
            other = ",".join([*parts[:k], "".join(order), *parts[k + 1 :]])
            if other != operands:
                yield (
                    f"{brief(node.args[1 + k])} is transposed: {spec} is meant",
                    _read(f"np.einsum('{other}->{out}', {rest})"),
                )
    summed = sorted(set(operands) - set(out) - {","})
    for letter in out:
        less = out.replace(letter, "")
        yield (
            f"summed over the axis {letter} of {spec} too",
            _read(f"np.einsum('{operands}->{less}', {rest})"),
        )
    for letter in summed:
        yield (
            f"no sum over the axis {letter} of {spec}",
            _read(f"np.einsum('{operands}->{out}{letter}', {rest})"),
        )
