"""Every command's help: defaults, two examples that parse, and no long lines."""

import argparse
import re
import shlex

import pytest

from bbvi.cli import COMMANDS, _parser


def parser_of(command):
    parser = _parser([command])
    (group,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return group.choices[command]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_two_examples_that_the_parser_takes(command):
    text = parser_of(command).format_help()
    lines = [line.strip() for line in text.partition("examples:")[2].splitlines() if line.strip()]
    assert len(lines) >= 2
    assert max(map(len, text.splitlines())) <= 100
    for line in lines:
        words = shlex.split(line.partition(" > ")[0])
        assert words[:2] == ["bbvi", command]
        _parser(words[1:]).parse_args(words[1:])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_tells_every_option_and_its_default(command):
    parser = parser_of(command)
    text = re.sub(r"\s+", " ", parser.format_help())
    for action in parser._actions:
        if action.default in (None, False, argparse.SUPPRESS):
            continue
        assert action.help, action.dest
        shown = parser._get_formatter()._get_help_string(action)
        assert "default" in shown, action.dest
    assert "(default None)" not in text
