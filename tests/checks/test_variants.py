"""The exercises for a second cohort: right answers pass, the first cohort's numbers do not."""

import importlib.util
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_exercises import CHAPTERS, EXERCISE, EXERCISES, named

from bbvi.checks.exercises import answers

spec = importlib.util.spec_from_file_location("release", EXERCISES / "release.py")
release = importlib.util.module_from_spec(spec)
spec.loader.exec_module(release)

# A check that hands over functions or a generator asks for more than numbers.
GIVEN_FUNCTIONS = {"sample", "fit_q", "antithetic"}
# One seed draws the figure, and another figure has other answers.
FROM_A_FIGURE = {"crossing", "two_rates", "samples_by_eye"}
FROM_A_FIGURE |= {"step_1_bugs", "fit_bugs", "averaging_bugs"}
# A setting that turns a claim over does so with any seed, and three readings are
# within their tolerance of one another.
FOR_ANY_SEED = {"frequency", "covariance", "proposal_scale", "common_rate"}
FOR_ANY_SEED |= {"crossing", "two_rates", "samples_by_eye"}


def graded(exercise, variant):
    """The test cell of an exercise, in a variant."""
    chapter, _ = EXERCISE[exercise]
    cells = [c for c in CHAPTERS[chapter] if c.nbgrader["grade_id"] == f"{exercise}_test"]
    return release.in_variant(cells[0].text, variant)


def run(exercise, answer, variant, hidden=False):
    """What a student's cells do: the chapter's first cell, an answer, its test."""
    chapter, cell = EXERCISE[exercise]
    names = {"__name__": "exercise"}
    for text in (
        named(chapter, f"setup_{chapter[:2]}").text,
        release.in_variant(cell.text, variant),
    ):
        exec(compile(text, exercise, "exec"), names)
    names[exercise] = answer(names[exercise])
    test = graded(exercise, variant)
    if not hidden:
        test = test.split("### BEGIN HIDDEN TESTS")[0]
    exec(compile(test, f"{exercise}_test", "exec"), names)


def recorded(solution, calls):
    """The solution, which notes down what it answers."""

    def answer(*arguments):
        try:
            calls.append((solution(*arguments), None))
        except Exception as error:
            calls.append((None, error))
            raise
        return calls[-1][0]

    return answer


def typed_in(calls):
    """An answer that gives the noted numbers in turn, whatever it is asked."""
    left = iter(calls)

    def answer(*arguments):
        value, error = next(left)
        if error is not None:
            raise error
        return value

    return answer


@pytest.mark.parametrize("exercise", EXERCISE)
def test_a_second_variant_takes_right_answers_and_refuses_the_first_ones_numbers(
    exercise, monkeypatch
):
    # Which mistake it may be is searched for long, and tested elsewhere.
    monkeypatch.setattr(answers, "slips", lambda *arguments: ())
    calls = []
    run(exercise, lambda solution: recorded(solution, calls), variant=1)
    run(exercise, lambda solution: solution, variant=2, hidden=True)
    if exercise not in GIVEN_FUNCTIONS:
        run(exercise, lambda solution: typed_in(calls), variant=1)
    if exercise not in FOR_ANY_SEED:
        with pytest.raises(AssertionError):
            run(exercise, lambda solution: typed_in(calls), variant=2)


def test_every_graded_cell_has_another_seed_in_each_variant_and_no_other_change():
    for exercise in EXERCISE:
        texts = [graded(exercise, variant) for variant in (1, 2, 3)]
        seeds = [release.SEED.findall(text) for text in texts]
        each_has = 1 if exercise in FROM_A_FIGURE else 2
        assert len(seeds[0]) == each_has, exercise
        assert len({seed for each in seeds for seed in each}) == 3 * each_has, exercise
        assert len({release.SEED.sub("", text) for text in texts}) == 1


def test_only_graded_cells_change_and_the_figures_that_they_ask_about():
    for source in release.SOURCES:
        for one, two in zip(
            release.as_notebook(source).cells, release.as_notebook(source, 2).cells
        ):
            changed = one.source != two.source
            marks = one.metadata["nbgrader"]
            asked = marks["grade"] or marks["solution"] or marks["grade_id"].endswith("_figure")
            assert changed == ("default_rng" in one.source and asked)
