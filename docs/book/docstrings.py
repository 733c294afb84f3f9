"""Docstrings of equations as reStructuredText: what the markup would misread is escaped."""

import re
from collections import namedtuple
from typing import Any

FIELD = type(namedtuple("_", "field").field)
LITERAL = re.compile(r"(``.+?``|`[^`\s][^`]*`(?:__?)?)")
HEADING = re.compile(r"^(Requires)\n-+\n", flags=re.MULTILINE)
SIGNATURES = (
    (
        re.compile(
            r"~?(numpy\.)?ndarray\[~?(typing\.)?Any, ~?(numpy\.)?dtype\[~?(typing\.)?Any\]\]"
        ),
        "Array",
    ),
    (re.compile(r"dict\[str, Array\]"), "Theta"),
)


def escape(text: str) -> str:
    """Bars, stars and trailing underscores of mathematics, outside literals."""
    bullet = re.match(r"\s*[*] ", text)
    start = bullet[0] if bullet else ""
    parts = LITERAL.split(text[len(start) :])
    parts[::2] = [_escape_plain(part) for part in parts[::2]]
    return start + "".join(parts)


def _escape_plain(text: str) -> str:
    text = re.sub(r"(?<!\\)([|*])(?!\*\*?\w[^*\n]*\*)", r"\\\1", _protect_emphasis(text))
    text = text.replace("\0", "*")
    return re.sub(r"(?<=\w)_(?=\W|$)", r"\\_", text)


def _protect_emphasis(text: str) -> str:
    """Emphasis that is meant, *so* or **so**, keeps its stars."""
    pattern = r"(?<![\w*\\])(\*\*?)([A-Za-z][A-Za-z ,.'-]*[A-Za-z.])\1(?![\w*])"
    return re.sub(pattern, lambda m: "\0" * len(m[1]) + m[2] + "\0" * len(m[1]), text)


def mend(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Make numpydoc read the docstring: ``Requires`` becomes a paragraph, mathematics is kept."""
    plain = HEADING.sub(r"**\1.** ", "\n".join(lines)).split("\n")
    plain = equations_as_literals(plain)
    lines[:] = [
        line if _is_code_line(line) or _is_table_rule(line) else escape(line) for line in plain
    ]
    _keep_literal_blocks(lines, plain)


def equations_as_literals(lines: list[str]) -> list[str]:
    """An indented block after an empty line is an equation: its columns are kept."""
    made: list[str] = []
    depth, blank, inside = 0, False, False
    for line in lines:
        if not line.strip():
            blank = True
            made.append(line)
            continue
        indent = len(line) - len(line.lstrip())
        if inside and indent <= depth:
            inside = False
            made += [] if blank else [""]
        if not inside:
            before = next((other.strip() for other in reversed(made) if other.strip()), "")
            if blank and indent >= depth + 4 and made and not before.startswith(".. "):
                inside = True
                made += [] if before.endswith("::") else [f"{' ' * depth}::", ""]
            else:
                depth = indent
        blank = False
        made.append(line)
    return made


def _is_code_line(line: str) -> bool:
    return line.lstrip().startswith((">>>", "...", ".. "))


def _is_table_rule(line: str) -> bool:
    return bool(re.fullmatch(r"[=\- ]+", line)) and bool(line.strip())


def _keep_literal_blocks(lines: list[str], plain: list[str]) -> None:
    """Blocks after ``::`` and outputs of examples stay as they are."""
    inside, indent = None, 0
    for at, line in enumerate(plain):
        depth = len(line) - len(line.lstrip())
        if inside == "literal" and line.strip() and depth <= indent:
            inside = None
        if inside == "example" and not line.strip():
            inside = None
        if inside:
            lines[at] = line
        if line.lstrip().startswith(">>>"):
            inside = "example"
        elif inside is None and line.rstrip().endswith("::"):
            inside, indent = "literal", depth


def shorten_signature(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str, returns: str
) -> tuple[str, str]:
    """``Array`` for its long spelling."""
    for pattern, short in SIGNATURES:
        signature = pattern.sub(short, signature) if signature else signature
        returns = pattern.sub(short, returns) if returns else returns
    return signature, returns


def skip_fields(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Fields of a NamedTuple are described in its ``Attributes``."""
    return True if isinstance(obj, FIELD) else None
