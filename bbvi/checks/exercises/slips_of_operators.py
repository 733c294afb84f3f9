"""Slips in an operator: another sign, a lost term or factor, parentheses in another place."""

import ast
from collections.abc import Iterator

Slip = tuple[str, ast.expr]
_LONGEST = 44


def brief(node: ast.AST) -> str:
    """The text of a part of a formula, in short."""
    text = ast.unparse(node).replace("np.", "")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


def slips_of_operator(node: ast.BinOp | ast.UnaryOp) -> Iterator[Slip]:
    """(words, what stands in the place of ``node``)."""
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.USub):
            yield f"a minus is missing: {brief(node)}", node.operand
            yield from _parentheses(ast.USub(), node)
        return
    left, op, right = node.left, node.op, node.right
    whole = brief(node)
    if isinstance(op, ast.Add):
        yield f"- where + is meant, in {whole}", ast.BinOp(left, ast.Sub(), right)
        yield f"* where + is meant, in {whole}", ast.BinOp(left, ast.Mult(), right)
        yield f"the term {brief(left)} is missing", right
        yield f"the term {brief(right)} is missing", left
    elif isinstance(op, ast.Sub):
        yield f"+ where - is meant, in {whole}", ast.BinOp(left, ast.Add(), right)
        yield f"the difference is the wrong way round: {whole}", ast.BinOp(right, op, left)
        yield f"/ where - is meant, in {whole}", ast.BinOp(left, ast.Div(), right)
        yield f"* where - is meant, in {whole}", ast.BinOp(left, ast.Mult(), right)
        yield f"the term {brief(left)} is missing", ast.UnaryOp(ast.USub(), right)
        yield f"the term -{brief(right)} is missing", left
    elif isinstance(op, ast.Mult | ast.MatMult):
        yield f"the factor {brief(left)} is missing", right
        yield f"the factor {brief(right)} is missing", left
        yield (
            f"divided by {brief(right)}, where it multiplies: {whole}",
            ast.BinOp(left, ast.Div(), right),
        )
        yield (
            f"divided by {brief(left)}, where it multiplies: {whole}",
            ast.BinOp(right, ast.Div(), left),
        )
        yield f"added, where it multiplies (+ for *): {whole}", ast.BinOp(left, ast.Add(), right)
        yield f"- where * is meant, in {whole}", ast.BinOp(left, ast.Sub(), right)
        yield f"{brief(left)} is squared", ast.BinOp(_power(left), op, right)
        yield f"{brief(right)} is squared", ast.BinOp(left, op, _power(right))
        if isinstance(left, ast.Constant):
            yield f"a power where a factor is meant: {whole}", ast.BinOp(right, ast.Pow(), left)
        if isinstance(op, ast.MatMult):
            yield (
                "* multiplies entry by entry: the matrix product is @",
                ast.BinOp(left, ast.Mult(), right),
            )
            yield "the two matrices are exchanged", ast.BinOp(right, op, left)
    elif isinstance(op, ast.Div):
        yield f"the division by {brief(right)} is missing", left
        yield f"the numerator {brief(left)} is missing", ast.BinOp(ast.Constant(1), op, right)
        yield (
            f"multiplied by {brief(right)}, where it divides: {whole}",
            ast.BinOp(left, ast.Mult(), right),
        )
        yield f"- where / is meant, in {whole}", ast.BinOp(left, ast.Sub(), right)
        yield f"the quotient {whole} is upside down", ast.BinOp(right, op, left)
        yield f"the divisor {brief(right)} is squared", ast.BinOp(left, op, _power(right))
        yield f"the divisor is the root of {brief(right)}", ast.BinOp(left, op, _power(right, 0.5))
    elif isinstance(op, ast.Pow):
        yield from _powers(left)
    yield from _parentheses(op, node)


def _power(node: ast.expr, exponent: float = 2) -> ast.expr:
    return ast.BinOp(node, ast.Pow(), ast.Constant(exponent))


def _powers(left: ast.expr) -> Iterator[Slip]:
    base = brief(left)
    yield f"the square is missing: {base} enters squared", left
    for exponent in (1, 3, 4, -2, 0.5):
        yield f"the power {exponent} of {base}, where another is meant", _power(left, exponent)
    absolute = ast.parse(f"np.abs({ast.unparse(left)})", mode="eval").body
    yield f"the absolute value of {base}, where its square is meant", absolute


def _parentheses(op: ast.AST, node: ast.BinOp | ast.UnaryOp) -> Iterator[Slip]:
    """``(a + b) * c`` written as ``a + b * c``, and the like."""
    where = f"the parentheses are missing: {brief(node)}"
    if isinstance(node, ast.UnaryOp):
        inner = node.operand
        if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Add | ast.Sub):
            yield where, ast.BinOp(ast.UnaryOp(ast.USub(), inner.left), inner.op, inner.right)
        return
    left, right = node.left, node.right
    tight = isinstance(op, ast.Mult | ast.Div | ast.Pow | ast.MatMult)
    if tight and isinstance(left, ast.BinOp) and not isinstance(left.op, ast.Pow):
        one = ast.BinOp(left.right, node.op, right)
        other = ast.BinOp(left.left, node.op, right)
        yield where, ast.BinOp(left.left, left.op, one)
        if isinstance(op, ast.Pow):
            yield (
                f"the square of each part, where that of the whole is meant: {brief(node)}",
                ast.BinOp(other, left.op, one),
            )
            yield where, ast.BinOp(other, left.op, left.right)
    binds = tight or isinstance(op, ast.Sub)
    if binds and isinstance(right, ast.BinOp) and isinstance(right.op, ast.Add | ast.Sub):
        yield where, ast.BinOp(ast.BinOp(left, node.op, right.left), right.op, right.right)
