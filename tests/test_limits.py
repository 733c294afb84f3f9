"""What does not fit is refused before it begins; what fits never is."""

import math
import re
import subprocess
import sys
import time

import numpy as np
import pytest

import bbvi
from bbvi import limits
from bbvi.cli import compare, main
from bbvi.evaluation import elbo
from bbvi.experiments import decomposition, variance
from bbvi.limits import DAY, TooMuchError, check_memory, check_time, shape_that_fits

HUGE = 10**15
REFUSED = {
    "variance --model cosine --points start --replicates 10**15": "replicates is 10+,",
    "variance --model digits --replicates 10**15": "replicates is 10+,",
    "variance --decompose --model linear-gaussian --replicates 10**15": "replicates.*memory",
    "variance --decompose --model linear-gaussian --steps 10**15": "steps up to 10+,",
    "variance --decompose --model linear-gaussian --seeds 10**10": "num_seeds is 10+:",
    "variance --model digits --dimensions 3000000": "lam .* memory",
    "variance --model quadratic --samples 10**13 --points start": "memory",
    "variance --model cosine --frequencies 1e308": "frequencies has 1e.308",
    "variance --model cosine --frequencies nan": "frequencies has nan",
    "compare --inner-steps 10**18": "inner_steps 10+,",
    "compare --evaluations 10**30": "evaluations is 10+,",
    "compare --evaluations 10**400": "evaluations is 10+,",
    "compare --evaluations 1e30": "evaluations",
    "compare --seeds 10**9": "10+ runs of each of 6 methods: .* memory",
    "compare --seeds 10**6 --evaluations 10**9": "in 10+ runs of each",
    "compare --tune --seeds 10**6 --evaluations 10**9": "in 10+ runs of each",
    "compare --cross --seeds 2 --evaluations 10**10": "in (2|12) runs of each",
    "compare --samples 10**12": "samples is 10+,",
    "compare --latent-dim 10**9": "latent_dim 10+:",
    "compare --budget 900000s": "at least .* (days|years)",
    "compare --tune --evaluations 10**15": "at least .* (days|years)",
    "vae --epochs 10**12 --hidden 4": "epochs is 10+:",
    "vae --hidden 10**11": "--hidden is 10+, --latent-dim 2: .* memory",
    "vae --latent-dim 10**9": "--latent-dim is 10+: .* memory",
    "vae --tolerance nan": "tolerance is nan",
    "vae --tolerance -1": "tolerance is -1",
    "vae --rate nan": "nan",
    "vae --max-hours 0": "max-hours",
    "vae --max-hours nan": "max-hours",
    "uses --steps 10**12": "num_steps is 10+,",
    "uses --hidden 10**12": "hidden is 10+:",
    "posteriors --draws 10**12": "num_draws is 10+:",
}


def words(line):
    return [str(10 ** int(word[4:])) if word.startswith("10**") else word for word in line.split()]


@pytest.mark.slow
@pytest.mark.parametrize("line", REFUSED)
def test_a_command_refuses_what_does_not_fit(line, tmp_path, capsys):
    quick = ["--quick"] if line.startswith(("variance", "compare")) else []
    start = time.monotonic()
    try:
        code = main([*words(line), *quick, "--out", str(tmp_path / "out")])
    except SystemExit as stop:
        code = stop.code
    told = capsys.readouterr().err.splitlines()[-1]
    assert code == 2
    assert time.monotonic() - start < 60
    assert told.startswith(f"bbvi {line.split()[0]}: ")
    assert len(told) < 700
    assert re.search(REFUSED[line], told), told


@pytest.mark.slow
def test_a_run_that_fits_is_not_refused(tmp_path):
    """Negative control: the same options with numbers that fit."""
    lines = (
        "variance --quick --model cosine --points start --replicates 1000 --workers 1 --samples 1",
        "vae --hidden 4 --epochs 2 --tolerance inf --batch-size 700",
    )
    for number, line in enumerate(lines):
        assert main([*line.split(), "--out", str(tmp_path / str(number))]) == 0


def test_the_doctor_measures_no_longer_than_a_day(capsys):
    assert main(["doctor", "--seconds", "1e10"]) == 2
    assert "seconds is 1e+10: at the measured rate" in capsys.readouterr().err


def test_no_step_size_is_tried_before_a_refusal(tmp_path, capsys, monkeypatch):
    def trial(*args, **named):
        raise AssertionError("tried")

    monkeypatch.setattr(compare, "tune", trial)
    out = ["--quick", "--tune", "--out", str(tmp_path)]
    for part in ("--seeds 1000", "--cross --seeds 30", "--budget 2000s"):
        assert main(["compare", *part.split(), *out, "--max-hours", "0.01"]) == 2
        assert "at the measured rate" in capsys.readouterr().err
    with pytest.raises(AssertionError, match="tried"):
        main(["compare", *out, "--max-hours", "1"])


def test_nothing_is_learned_before_a_refusal(tmp_path, capsys, monkeypatch):
    begin = variance.trajectory

    def learn(*args, learned=True, **settings):
        if not learned:
            return begin(*args, learned=False, **settings)
        raise AssertionError("learned")

    for module in (variance, decomposition):
        for name in ("trajectory", "run_sweep"):
            monkeypatch.setattr(module, name, learn, raising=False)
    out = ["--out", str(tmp_path), "--max-hours", "1e-9", "--quick"]
    for line in ("--model digits", "--decompose --model linear-gaussian"):
        assert main(["variance", *line.split(), *out]) == 2
        assert "at the measured rate" in capsys.readouterr().err
    with pytest.raises(AssertionError, match="learned"):
        main(["variance", "--model", "digits", "--quick", "--out", str(tmp_path)])


@pytest.mark.slow
def test_the_user_may_allow_more_time_and_less(tmp_path, capsys):
    line = ["vae", "--hidden", "4", "--epochs", "2", "--batch-size", "700", "--out", str(tmp_path)]
    assert main([*line, "--max-hours", "1e-9"]) == 2
    assert "expected at most 3.6e-06 s" in capsys.readouterr().err
    assert main([*line, "--max-hours", "inf"]) == 0


SMALL = bbvi.LinearGaussian(2, 4)
Q = bbvi.DiagonalGaussian(2)
X = np.random.default_rng(0).standard_normal((20, 4))


@pytest.mark.parametrize("name", ["num_samples", "num_steps", "inner_steps"])
@pytest.mark.parametrize("count", [10**12, 10**30])
def test_procedures_refuse_absurd_counts(name, count):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=f"{name} is {count}|eps .* memory"):
        bbvi.fit_bbvi(SMALL, Q, X, rng, **{"num_steps": 1, name: count})


def test_an_elbo_of_more_samples_than_a_day_has_room_for_is_refused():
    rng = np.random.default_rng(0)
    theta = SMALL.init(rng)
    target = bbvi.backends.target(SMALL, theta, X)
    start = time.monotonic()
    with pytest.raises(TooMuchError, match=f"num_samples is {10**14}: at the measured rate"):
        elbo(Q, target, Q.init(20), rng, num_samples=10**14)
    assert time.monotonic() - start < 20
    assert np.isfinite(elbo(Q, target, Q.init(20), rng, num_samples=10_000).value).all()


@pytest.mark.parametrize(
    "family",
    [
        bbvi.DiagonalGaussian(2),
        bbvi.FullCovarianceGaussian(2),
        bbvi.Laplace(2),
        bbvi.Gamma(2),
        bbvi.Beta(2),
        bbvi.Bernoulli(2),
        bbvi.Categorical(2, 3),
        bbvi.LabelAndGaussian(3, 2),
        bbvi.QuadraticFlow(2),
        bbvi.MeanField((bbvi.DiagonalGaussian(1), bbvi.Gamma(1))),
    ],
    ids=lambda family: type(family).__name__,
)
def test_families_refuse_noise_and_tables_that_no_machine_holds(family):
    with pytest.raises(TooMuchError, match=r"eps \(S, N, D\) of shape .* TB"):
        family.noise(np.random.default_rng(0), HUGE, 3)
    with pytest.raises(TooMuchError, match=r"lam \(N, P\) of shape .* TB"):
        family.init(HUGE)
    assert family.noise(np.random.default_rng(0), 2, 3).shape[:2] == (2, 3)


def test_a_network_that_no_machine_holds_is_refused():
    with pytest.raises(TooMuchError, match="a layer of the network"):
        bbvi.MLP((2, 10**14, 2)).init(np.random.default_rng(0))


def test_memory_is_the_least_of_what_limits_it(monkeypatch, tmp_path):
    whole = limits.machine_memory()
    assert 2**28 < whole < 2**50
    group = tmp_path / "memory.max"
    monkeypatch.setattr(limits, "CGROUPS", (str(group), str(tmp_path / "none")))
    group.write_text("123456789\n")
    assert limits.machine_memory() == 123456789
    group.write_text("max\n")
    assert limits.machine_memory() == whole


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
def test_memory_is_that_which_the_process_is_allowed():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9, 2 * 10**9));"
        "from bbvi.limits import machine_memory; print(machine_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 2 * 10**9


def test_what_fits_exactly_is_allowed(monkeypatch):
    monkeypatch.setattr(limits, "machine_memory", lambda: 1000)
    check_memory("a", 1000, "")
    with pytest.raises(
        TooMuchError, match="a would take 1 kB of memory; expected at most the 1 kB"
    ):
        check_memory("a", 1001, "")
    check_time("a", DAY)
    with pytest.raises(TooMuchError, match="a: at the measured rate this takes at least 24 hours"):
        check_time("a", DAY + 1)
    check_time("a", math.inf, math.inf)
    for longest in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="max_seconds"):
            check_time("a", 1.0, longest)
    assert shape_that_fits("a", 3, 4) == (3, 4)


def test_products_of_counts_do_not_overflow():
    assert limits.product(10**400, 2.0) == math.inf
    assert limits.product(3, 0.5) == 1.5
    assert limits.seconds_in_words(math.inf) == "more than 10^300 years"
