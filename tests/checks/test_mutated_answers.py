"""Wrong answers that no table lists: all are rejected, nearly all by name.

Solutions altered in one place by machine, and answers as a tired student writes them.
"""

import ast
import contextlib
import io
import re
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest

from bbvi import checks

sys.path.insert(0, str(Path(__file__).parent))
from test_exercises import CHAPTERS, EXERCISE, named
from test_wrong_answers import GENERIC, written

# A random draw is no formula; the loop and the estimator are watched step by step; what is read,
# changed or diagnosed is a number or a name.
NO_FORMULA = {"sample", "fit_q", "antithetic", "crossing", "two_rates", "samples_by_eye"}
NO_FORMULA |= {"frequency", "covariance", "proposal_scale", "common_rate"}
NO_FORMULA |= {"step_1_bugs", "fit_bugs", "averaging_bugs"}
BY_FORMULA = sorted(set(EXERCISE) - NO_FORMULA)
OPERATORS = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add, ast.Div),
    ast.Mult: (ast.Div, ast.Add, ast.Sub),
    ast.Div: (ast.Mult, ast.Sub),
    ast.MatMult: (ast.Mult,),
}
FUNCTIONS = {
    "sum": ("mean", "max", "prod"),
    "mean": ("sum", "max", "median"),
    "exp": ("expm1", "tanh", "square"),
    "log": ("log10", "log1p", "exp"),
    "log1p": ("log", "expm1"),
    "maximum": ("minimum",),
    "abs": ("square", "negative"),
}

# check -> (arguments, wrong answers)
TIRED = {
    "log_normal": (
        "z, mean, log_scale",
        [
            "np.sum(-0.5*((z-mean)/s)**2 - 0.5*np.log(2*np.pi*s**2)/s, -1)",
            "np.sum(-((z-mean)**2)/(2*s**2) - np.log(np.sqrt(2*np.pi)) + log_scale, -1)",
            "np.sum(-((z-mean)**2)/(2*s) - 0.5*np.log(2*np.pi) - 0.5*log_scale, -1)",
            "np.sum(-((z-mean)/2*s)**2 - 0.5*np.log(2*np.pi) - log_scale, -1)",
            "-0.5*np.sum(((z-mean)/s)**2, -1) - 0.5*np.log(2*np.pi) - log_scale.sum(-1)",
            "-0.5*np.sum(((z-mean)/s)**2 + np.log(2*np.pi), -1) - log_scale.sum()",
            "-0.5*np.sum((z-mean/s)**2 + np.log(2*np.pi) + 2*log_scale, -1)",
            "np.log(np.prod(np.exp(-((z-mean)/s)**2) / (np.sqrt(2*np.pi)*s), -1))",
            "np.prod(-0.5*((z-mean)/s)**2 - 0.5*np.log(2*np.pi) - log_scale, -1)",
            "np.sum(-0.5*((z-mean)/s)**2 - 0.5*np.log(2*np.pi) - np.log(log_scale), -1)",
            "np.sum(-0.5*((z-mean)/s)**2 - 0.5*2*np.pi - log_scale, -1)",
            "np.sum(-0.5*((mean - z)*s)**2 - 0.5*np.log(2*np.pi) - log_scale, -1)",
        ],
    ),
    "elbo": (
        "p, q",
        [
            "np.mean(p, 0) - q[0]",
            "np.mean(p - q, 0) / len(p)",
            "np.mean(p - q, 0) * len(p)",
            "np.log(np.mean(np.exp(p), 0)) - np.mean(q, 0)",
            "np.mean(np.exp(q) * p, 0) - np.mean(q, 0)",
            "np.mean(p - q, 0)[::-1]",
            "np.mean(p[:1] - q, 0)",
            "np.mean(p, 1) - np.mean(q, 1)",
            "np.abs(np.mean(p - q, 0))",
            "np.std(p - q, 0)",
        ],
    ),
    "kl_to_prior": (
        "mean, log_scale",
        [
            "0.5*np.sum(mean**2 + s**2 - 1 - np.log(s), -1)",
            "0.5*np.sum(mean**2 + s**2 - 1 - 2*s, -1)",
            "0.5*np.sum(mean**2 + s**2 - 1, -1) - np.sum(log_scale)",
            "0.5*np.sum(mean, -1)**2 + 0.5*np.sum(s**2 - 1, -1) - log_scale.sum(-1)",
            "0.5*np.sum((mean + s)**2 - 1 - 2*log_scale, -1)",
            "0.5*np.sum(mean**2 + s**2 - 1 - log_scale**2, -1)",
            "np.sum(mean**2/2 + s**2 - 1/2 - log_scale, -1)",
            "0.5*(mean**2 + s**2 - 1 - 2*log_scale)[:, 0]",
            "0.5*np.sum(mean**2 + s**2 - 2*log_scale, -1) - mean.shape[0]/2",
            "np.mean(0.5*(mean**2 + s**2 - 1) - log_scale, 0)",
        ],
    ),
    "log_evidence": (
        "w",
        [
            "np.log(np.sum(np.exp(w / len(w)), 0))",
            "np.log(np.sum(np.exp(w), 0)) * len(w)",
            "np.log(np.sum(np.exp(w - np.log(w.shape[1])), 0))",
            "np.logaddexp.reduce(w, 0)",
            "np.logaddexp.reduce(w - len(w), 0)",
            "np.log(np.mean(np.exp(w - w.max(0)), 0)) - w.max(0)",
            "-np.log(np.mean(np.exp(w), 0))",
            "np.mean(np.log(np.exp(w)), 0)",
            "np.log(np.median(np.exp(w), 0))",
            "np.log(np.sum(np.exp(w), 0) / (len(w) - 1))",
        ],
    ),
    "score": (
        "z, mean, log_scale",
        [
            "np.concatenate([(mean-z)/s**2, ((z-mean)/s)**2 - 1], -1)",
            "np.concatenate([(z-mean)/s**2, ((z-mean)/s)**2 - 1/s], -1)",
            "np.concatenate([(z-mean)/log_scale, ((z-mean)/s)**2 - 1], -1)",
            "np.concatenate([(z-mean)/s**2, (z-mean)**2/s - 1], -1)",
            "np.concatenate([(z-mean)/s**2, (z-mean)**2*s**2 - 1], -1)",
            "np.concatenate([((z-mean)/s)**2 - 1, (z-mean)/s**2], -1)",
            "np.concatenate([(z-mean)/s**2, ((z-mean)/s)**2 - 1], -1).sum(0)",
            "np.concatenate([(z-mean)/s**2, ((z-mean)/s)**2 - 1], -1).mean(0)",
            "np.concatenate([z-mean/s**2, ((z-mean)/s)**2 - 1], -1)",
            "np.concatenate([(z-mean)/s**2, ((z-mean)/s)**2 - 1], -1)/2",
        ],
    ),
    "score_gradient": (
        "f, h",
        [
            "np.mean(f[:, :, None]*h, 1)",
            "np.mean(f[:, :, None], 0)*np.sum(h, 0)",
            "np.mean(f)*np.mean(h, 0)",
            "np.sum(f[:, :, None]*h, 0)/f.sum()",
            "np.mean(np.abs(f)[:, :, None]*h, 0)",
            "np.mean(np.exp(f)[:, :, None]*h, 0)",
            "np.mean(np.log(np.abs(f))[:, :, None]*h, 0)",
            "np.mean((f - f.mean(1, keepdims=True))[:, :, None]*h, 0)",
            "np.mean((f - f.mean())[:, :, None]*h, 0)",
        ],
    ),
    "pathwise_gradient": (
        "g, eps, log_scale",
        [
            "np.concatenate([g.mean(0), g.mean(0)*s], -1)",
            "np.concatenate([g, g*eps*s], -1).mean(0)/2",
            "np.concatenate([g, g*eps + s], -1).mean(0)",
            "np.concatenate([g, g*s*eps**2], -1).mean(0)",
            "np.concatenate([g*eps*s, g*eps*s], -1).mean(0)",
            "np.concatenate([g, g*eps*np.sqrt(s)], -1).mean(0)",
            "np.concatenate([g, g*np.abs(eps)*s], -1).mean(0)",
            "np.concatenate([g.mean(0), (g*eps*s).sum(0)], -1)",
        ],
    ),
    "posterior_mean": (
        "lw, v",
        [
            "np.sum(np.exp(lw)[..., None]*v, 0)/len(lw)",
            "np.mean(np.exp(lw)[..., None]*v, 0)/np.mean(np.exp(lw))",
            "np.sum(np.exp(lw)[..., None]*v, 0)/np.exp(lw.sum(0))[:, None]",
            "np.sum(np.exp(2*lw)[..., None]*v, 0)/np.exp(2*lw).sum(0)[:, None]",
            "np.sum(np.exp(lw)[..., None]*v**2, 0)/np.exp(lw).sum(0)[:, None]",
            "np.exp(lw.mean(0))[:, None]*v.mean(0)",
            "np.sum(lw[..., None]*v, 0)",
        ],
    ),
    "bernoulli_log_likelihood": (
        "x, l",
        [
            "np.sum(x*np.log(p) + (1-x)*np.log(p), -1)",
            "np.sum(x*np.log(p) - (1-x)*np.log(1-p), -1)",
            "np.sum(x*l - np.log(1 + np.exp(-l)), -1)",
            "np.sum(x*l - 2*np.log(1 + np.exp(l)), -1)",
            "np.sum(x*p - np.log(1 + np.exp(l)), -1)",
            "np.sum(np.log(x*p + (1-x)*p), -1)",
            "np.sum(x*l, -1) - np.log(1 + np.exp(l)).mean(-1)",
            "np.sum(x*l - l, -1)",
        ],
    ),
    "leave_one_out": (
        "f",
        [
            "(f.sum(0) - f)/(len(f) - 1) - f",
            "f.sum(0)/(len(f) - 1) - f/len(f)",
            "(f.sum(0) - f)/(len(f) - 1)*2",
            "f.mean(0) + 0*f",
            "(f.sum() - f)/(len(f) - 1)",
            "(f.sum(1)[:, None] - f)/(len(f) - 1)",
            "f.mean(0) - f/(len(f) - 1)",
        ],
    ),
    "optimal_baseline": (
        "f, h",
        [
            "(f[..., None]*h**2).sum(0)/(h**2).sum()",
            "(f[..., None]*h**2).sum(0)/(h.sum(0)**2)",
            "(f[..., None]*h).sum(0)/(h**2).sum(0)",
            "(f[..., None]*h**2).sum(0)/len(f)",
            "-(f[..., None]*h**2).sum(0)/(h**2).sum(0)",
            "(f[..., None]**2*h).sum(0)/(h**2).sum(0)",
            "(f[..., None]*np.abs(h)).sum(0)/(h**2).sum(0)",
        ],
    ),
    "theta_gradient": (
        "g, N",
        [
            "N*g.mean(0).sum(0)",
            "g.mean(0).sum(0)/N",
            "N/g.shape[1]*g.sum(0).mean(0)",
            "N/g.shape[1]*g.mean(0)",
            "(N - g.shape[1])*g.mean((0, 1))",
            "N/(g.shape[0]*g.shape[1])*g.mean(0).sum(0)",
        ],
    ),
    "bernoulli_score": (
        "z, l",
        [
            "z - np.exp(l)/(1 - np.exp(l))",
            "z*l - 1/(1 + np.exp(-l))",
            "z - np.log(1 + np.exp(l))",
            "z - 1/(1 + np.exp(-2*l))",
            "(1 - z) - 1/(1 + np.exp(-l))",
            "z/l - (1-z)/(1-l)",
        ],
    ),
    "seed_error": (
        "y",
        [
            "y.std((1, 2), ddof=1)/np.sqrt(y[0].size)",
            "y.mean(2).std(1)/np.sqrt(y.shape[1])",
            "y.mean(2).std(0, ddof=1)/np.sqrt(len(y))",
            "y.mean(1).std(1, ddof=1)/np.sqrt(y.shape[2])",
            "y[:, 0].std(1, ddof=1)/np.sqrt(y.shape[2])",
            "y.std(2, ddof=1).mean(1)/np.sqrt(y.shape[1])",
            "np.median(y, 2).std(1, ddof=1)/np.sqrt(y.shape[1])",
            "np.ptp(y.mean(2), axis=1)/2",
            "y.mean(2).var(1, ddof=1)/np.sqrt(y.shape[1])",
            "1.96*y.mean(2).std(1, ddof=1)/np.sqrt(y.shape[1])",
        ],
    ),
    "paired_error": (
        "a, b",
        [
            "np.sqrt(a.mean(2).var(1, ddof=1)/5 + b.mean(2).var(1, ddof=1)/5)",
            "(a - b).mean(2).std(1, ddof=1)/np.sqrt(5)",
            "(a - b).mean(1).std(1, ddof=1)/np.sqrt(7)",
            "(a - b).std((1, 2), ddof=1)/np.sqrt(35)",
            "(a - b)[:, 0].std(1, ddof=1)/np.sqrt(7)",
            "np.abs(a.mean((1, 2)) - b.mean((1, 2)))",
            "np.abs(a.mean(2).std(1, ddof=1) - b.mean(2).std(1, ddof=1))/np.sqrt(5)",
            "np.sqrt((a - b).mean(2).var(1, ddof=1) + (a - b).mean(1).var(1, ddof=1))",
            "(a - b).mean(2).var(1, ddof=1)/5 + (a - b).mean(1).var(1, ddof=1)/7",
        ],
    ),
    "chosen_score": (
        "v, t",
        [
            "t.mean(2)[t.mean((1, 2)).argmax()]",
            "t.mean(2).max(0)",
            "v.mean(2)[v.mean((1, 2)).argmax()]",
            "t.mean(2)[v[:, 0].mean(1).argmax()]",
            "t.mean(2)[v[0].mean(1).argmax()]",
            "t.mean(1)[v.mean((1, 2)).argmax()]",
            "t.mean(2)[np.median(v, (1, 2)).argmax()]",
            "t.mean(2)[v[:, :, 0].mean(1).argmax()]",
            "np.concatenate([v, t], 2)[v.mean((1, 2)).argmax()].mean(1)",
            "t[v.mean((1, 2)).argmax()].max(1)",
            "t[v.mean((1, 2)).argmax(), 0]",
        ],
    ),
    "simultaneous_intervals": (
        "m, e, k",
        [
            "(m - 1.96*e, m + 1.96*e)",
            "(m - 2*e, m + 2*e)",
            "(m - 2.7764451052*e, m + 2.7764451052*e)",
            "(m - e, m + e)",
            "(m - 3.4954059*e, m + 3.4954059*e)",
            "(-4.3146*e, 4.3146*e)",
        ],
    ),
}


def altered_nodes(node):
    """What may stand in the place of one node, by one slip."""
    if isinstance(node, ast.BinOp):
        yield from (
            ast.BinOp(node.left, op(), node.right) for op in OPERATORS.get(type(node.op), ())
        )
        if not isinstance(node.op, ast.Pow):
            yield from (ast.BinOp(node.right, node.op, node.left), node.left, node.right)
        else:
            yield from (ast.BinOp(node.left, node.op, ast.Constant(k)) for k in (1, 3, 0.5))
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        for other in FUNCTIONS.get(node.func.attr, ()):
            yield ast.Call(ast.Attribute(node.func.value, other), node.args, node.keywords)
        if node.args and node.func.attr in ("exp", "log", "abs", "log1p", "sum", "mean"):
            yield node.args[0]
    elif isinstance(node, ast.keyword) and node.arg == "axis":
        yield from (ast.keyword("axis", ast.Constant(axis)) for axis in (0, 1, -1, None))
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield from (ast.Constant(v) for v in (2 * node.value, node.value / 2, -node.value))
    elif isinstance(node, ast.Name) and node.id != "np":
        yield from (
            ast.parse(text.format(node.id), mode="eval").body for text in ("(-{})", "({} ** 2)")
        )


def altered_solutions(text):
    """Each text of the solution with one node altered."""
    tree = ast.parse(text)
    [function] = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    seen = {ast.unparse(tree)}
    for parent in [node for line in function.body for node in ast.walk(line)]:
        for field, value in ast.iter_fields(parent):
            places = value if isinstance(value, list) else [value]
            for k, node in enumerate(places):
                if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
                    continue
                if not isinstance(node, ast.expr | ast.keyword) or field in ("func", "exc"):
                    continue
                for other in altered_nodes(node):
                    if isinstance(value, list):
                        value[k] = other
                    else:
                        setattr(parent, field, other)
                    code = ast.unparse(ast.fix_missing_locations(tree))
                    if code not in seen:
                        seen.add(code)
                        yield code
                if isinstance(value, list):
                    value[k] = node
                else:
                    setattr(parent, field, node)


def runner(exercise):
    """Grade a text of the exercise: None if it passes, else the message."""
    chapter, _ = EXERCISE[exercise]
    setup = compile(named(chapter, f"setup_{chapter[:2]}").text, "setup", "exec")
    test = next(c for c in CHAPTERS[chapter] if c.nbgrader["grade_id"] == f"{exercise}_test")
    code = compile(test.text, "test", "exec")
    names = {"__name__": "exercise"}
    exec(setup, names)

    def grade(answer):
        scope = dict(names)
        try:
            exec(answer, scope)
            with np.errstate(all="ignore"):
                exec(code, scope)
        except AssertionError as error:
            return str(error)
        except Exception as error:  # the student's own error, which says more than a check
            frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
            if "<string>" not in frames:
                raise
            return f"raised {type(error).__name__}"
        return None

    return grade


def verdicts(exercise, step=1):
    """(code, message) of every ``step``-th altered solution that runs."""
    grade = runner(exercise)
    for code in list(altered_solutions(EXERCISE[exercise][1].text))[::step]:
        with contextlib.redirect_stdout(io.StringIO()):
            message = grade(code)
        if message is None or not message.startswith("raised"):
            yield code, message


def is_named(message):
    mistake = message.partition("Likely mistake: ")[2]
    return not any(phrase in mistake for phrase in GENERIC)


def same_elsewhere(exercise, code):
    """Does an altered solution agree with the solution at arguments of another seed?"""
    chapter, cell = EXERCISE[exercise]
    test = next(c for c in CHAPTERS[chapter] if c.nbgrader["grade_id"] == f"{exercise}_test")
    check, *_ = re.findall(r"checks\.(check_\w+)\(", test.text)
    right, altered = {"np": np}, {"np": np}
    exec(cell.text, right)
    exec(code, altered)
    seen = []

    def recorded(*arguments):
        one, other = right[exercise](*arguments), altered[exercise](*arguments)
        pairs = zip(one, other) if isinstance(one, tuple) else [(one, other)]
        seen.append(all(np.allclose(a, b, equal_nan=True) for a, b in pairs))
        return one

    with np.errstate(all="ignore"):
        getattr(checks, check)(recorded, np.random.default_rng(99))
    return all(seen)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::SyntaxWarning")
def test_altered_solutions_are_rejected_and_named():
    rejected, unnamed = 0, []
    for exercise in BY_FORMULA:
        long = exercise in ("lecture_loss", "paired_error")
        for code, message in verdicts(exercise, 17 if long else 4):
            if message is None:
                assert same_elsewhere(exercise, code), code
            else:
                rejected += 1
                unnamed += [] if is_named(message) else [(code, message)]
    assert rejected > 180
    assert len(unnamed) <= 0.03 * rejected, unnamed


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_tired_answers_are_rejected_and_named():
    total, unnamed = 0, []
    for check, (arguments, bodies) in TIRED.items():
        for body in bodies:
            answer = written(arguments, body)
            with pytest.raises(AssertionError) as caught:
                getattr(checks, f"check_{check}")(answer, np.random.default_rng(5))
            total += 1
            unnamed += [] if is_named(str(caught.value)) else [body]
    assert total >= 100
    assert len(unnamed) <= 0.08 * total, unnamed


def test_the_naming_of_altered_solutions_can_fail():
    """A number out of nowhere is told in general words, and is not taken for a known mistake."""
    rng = np.random.default_rng(1)
    with pytest.raises(AssertionError) as caught:
        checks.check_elbo(lambda p, q: rng.standard_normal(p.shape[1]), np.random.default_rng(5))
    assert not is_named(str(caught.value))
