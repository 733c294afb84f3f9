import itertools
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bbvi import DiagonalGaussian, backends
from bbvi.datasets import digits
from bbvi.evaluation import elbo
from bbvi.experiments.checkpoints import NAME, flatten_state, load_checkpoint
from bbvi.lectures.networks import (
    bernoulli_network,
    lecture_network,
    lecture_objective,
    parameter_norm,
)
from bbvi.lectures.vae import evaluate_encoder, evaluate_objective, train_vae
from bbvi.nets import astype


@pytest.fixture(scope="module")
def images():
    return digits(binarize=False).x[:200].astype(np.float32)


def train(x, folder=None, epochs=3, seed=0, **settings):
    settings = {"batch_size": 64, "log_every": 2, "tolerance": np.inf, **settings}
    network = lecture_network(x.shape[1], hidden=16)
    rng = np.random.default_rng(seed)
    return train_vae(network, x, rng, epochs=epochs, folder=folder, progress=False, **settings)


def numbers(run):
    """All that a run ends on, without its seconds."""
    logs = [
        {key: value for key, value in row.items() if key != "seconds"}
        for row in [*run.iterations, *run.epochs]
    ]
    return logs, {key: array.tobytes() for key, array in {**run.theta, **run.phi}.items()}


def test_the_objective_is_the_lectures_loss(images):
    """Its own formula, written out, on the same z."""
    network = lecture_network(64, hidden=8)
    rng = np.random.default_rng(0)
    x = images.astype(np.float64)
    theta, phi = network.model.init(rng), network.encoder.init(rng)
    lam = network.encoder(phi, x)
    found = evaluate_objective(network, theta, lam, x, np.random.default_rng(1), 1)

    mean_z, log_scale_z = lam[:, :2], lam[:, 2:]
    eps = np.random.default_rng(1).standard_normal((1, len(x), 2))[0]
    z = mean_z + np.exp(log_scale_z) * eps
    hidden = np.maximum(z @ theta["decoder.W0"] + theta["decoder.b0"], 0)
    out = hidden @ theta["decoder.W1"] + theta["decoder.b1"]
    mean_x, log_scale_x = 1 / (1 + np.exp(-out[:, :-1])), out[:, -1:]
    nll = 64 * log_scale_x.sum() + 0.5 * (((x - mean_x) / np.exp(log_scale_x)) ** 2).sum()
    nlp = 0.5 * (z**2).sum()
    nlq = log_scale_z.sum() + 0.5 * (((z - mean_z) / np.exp(log_scale_z)) ** 2).sum()
    assert found == pytest.approx((nll + nlp - nlq) / len(x), rel=1e-12)


def test_the_objective_is_minus_the_elbo_and_a_constant(images):
    network = lecture_network(64, hidden=8)
    rng = np.random.default_rng(0)
    theta = astype(network.model.init(rng), np.float32)
    phi = astype(network.encoder.init(rng), np.float32)
    found = evaluate_encoder(network, theta, phi, images, np.random.default_rng(1), 500)
    target = backends.autodiff.target(network.model, theta, images)
    lam = network.encoder(phi, images)
    bound = elbo(DiagonalGaussian(2), target, lam, np.random.default_rng(2), 500)
    error = np.sqrt(2) * bound.standard_error.mean() / np.sqrt(len(images))
    assert abs(found - lecture_objective(network, bound.value.mean())) < 5 * error


def test_parameter_norm_counts_the_lectures_layers():
    network = lecture_network(784)
    theta = {
        key: np.ones_like(v) for key, v in network.model.init(np.random.default_rng(0)).items()
    }
    phi = {
        key: np.ones_like(v) for key, v in network.encoder.init(np.random.default_rng(0)).items()
    }
    shapes = [(784, 512), (512,), (512, 2), (2,), (512, 2), (2,)]
    shapes += [(2, 512), (512,), (512, 784), (784,), (512, 1), (1,)]
    expected = sum(np.sqrt(np.prod(shape)) for shape in shapes)
    assert parameter_norm(theta, phi, 2) == pytest.approx(expected)


def test_training_improves_and_logs(images):
    rows = []
    run = train(images, epochs=8, report=rows.append)
    assert len(run.epochs) == 8
    # 200 images in batches of 64: 4 iterations an epoch, every second one logged.
    assert [row["iteration"] for row in run.iterations] == list(range(2, 33, 2))
    assert [row["epoch"] for row in run.epochs] == list(range(1, 9))
    assert run.epochs[-1]["objective"] < run.epochs[0]["objective"] - 5
    assert len(rows) == len(run.iterations) + len(run.epochs)
    seconds = [row["seconds"] for row in rows]
    assert seconds == sorted(seconds)
    assert all(row["parameter_norm"] > 0 for row in run.iterations)


def test_the_stop_rule(images):
    stopped = train(images, epochs=50, rate=0.02, tolerance=0.0)
    assert len(stopped.epochs) < 50
    assert stopped.epochs[-1]["objective"] > stopped.epochs[-2]["objective"]
    rising = [b["objective"] - a["objective"] for a, b in zip(stopped.epochs, stopped.epochs[1:])]
    assert all(step <= 0 for step in rising[:-1])


def test_a_run_ends_before_an_epoch_that_would_be_too_late(images, monkeypatch):
    def ends(limit):
        clock = itertools.count()
        stepping = SimpleNamespace(perf_counter=lambda: float(next(clock)))
        monkeypatch.setattr("bbvi.lectures.vae.time", stepping)
        run = train(images, epochs=5, log_every=1000, max_seconds=limit)
        return [row["seconds"] for row in run.epochs]

    # A second for every row of the log, which is one for each epoch.
    assert ends(np.inf) == [1, 2, 3, 4, 5]
    assert ends(3) == [1, 2, 3]
    assert ends(2.9) == [1, 2]
    assert ends(0) == [1]


def test_a_resumed_run_ends_on_the_same_numbers(images, tmp_path):
    whole = train(images, epochs=5)
    train(images, tmp_path, epochs=2)
    resumed = train(images, tmp_path, epochs=5, resume=True)
    assert numbers(resumed) == numbers(whole)
    finished = train(images, tmp_path, epochs=5, resume=True)
    assert numbers(finished) == numbers(whole)
    assert numbers(train(images, epochs=5, seed=1)) != numbers(whole)


def test_a_lost_file_of_the_folder_costs_an_epoch_and_a_damaged_manifest_is_told(images, tmp_path):
    whole = train(images, epochs=5)
    train(images, tmp_path, epochs=3)
    (tmp_path / "checkpoint.json").unlink()
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(ValueError, match="holds a run already"):
        train(images, tmp_path, epochs=5)
    with pytest.warns(UserWarning, match="Going on from the checkpoint before it"):
        resumed = train(images, tmp_path, epochs=4, resume=True)
    assert (tmp_path / "manifest.json").exists()
    assert len(resumed.epochs) == 4
    assert numbers(train(images, tmp_path, epochs=5, resume=True)) == numbers(whole)
    (tmp_path / "manifest.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"manifest\.json cannot be read"):
        train(images, tmp_path, epochs=7, resume=True, report=lambda row: pytest.fail("trained"))


def pretend(monkeypatch, blas, threads):
    here = {"blas": [f"openblas 0.3 {blas}"], "threads": threads}
    monkeypatch.setattr("bbvi.lectures.training_folder.routines", lambda: here)
    return here


def test_a_run_that_goes_on_with_other_routines_says_so_and_tells_both(
    images, tmp_path, monkeypatch
):
    first = pretend(monkeypatch, "Haswell", 1)
    train(images, tmp_path, epochs=2)
    same = train(images, tmp_path, epochs=3, resume=True)
    assert [row["from_epoch"] for row in same.computed_by] == [1]
    for blas, threads in (("SkylakeX", 1), ("SkylakeX", 2)):
        here = pretend(monkeypatch, blas, threads)
        with pytest.warns(UserWarning, match="the last digits may differ") as told:
            run = train(images, tmp_path, epochs=3 + threads, resume=True)
        assert len(told) == 1
        assert f"goes on with BLAS openblas 0.3 SkylakeX on {threads} thread" in str(
            told[0].message
        )
    assert [row["from_epoch"] for row in run.computed_by] == [1, 4, 5]
    assert run.computed_by[0].items() >= first.items()
    pretend(monkeypatch, "Zen", 2)
    with pytest.warns(UserWarning, match="the last digits may differ"):
        finished = train(images, tmp_path, epochs=5, resume=True)
    assert finished.computed_by == run.computed_by  # Zen computed no epoch
    assert run.computed_by[-1].items() >= here.items()


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ({"hidden": 8}, "hidden is [16] there and [8] here."),
        ({"latent_dim": 3}, "latent_dim is 2 there and 3 here."),
    ],
)
def test_another_network_is_told_by_what_differs(images, tmp_path, sizes, told):
    train(images, tmp_path, epochs=1)
    network = lecture_network(images.shape[1], **{"hidden": 16, **sizes})
    rng = np.random.default_rng(0)
    settings = {"batch_size": 64, "log_every": 2, "folder": tmp_path, "resume": True}
    with pytest.raises(ValueError, match="of another run") as error:
        train_vae(network, images, rng, progress=False, **settings)
    assert told in str(error.value)
    assert "MLP" not in str(error.value)


def test_resuming_where_there_is_nothing_begins(images, tmp_path):
    assert numbers(train(images, tmp_path, resume=True)) == numbers(train(images))


def test_dying_within_an_epoch_changes_nothing(images, tmp_path):
    whole = train(images, epochs=4)

    def die(row):
        if row.get("iteration") == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(images, tmp_path, epochs=4, report=die)
    assert numbers(train(images, tmp_path, epochs=4, resume=True)) == numbers(whole)


def test_a_killed_process_resumes_to_the_bit(tmp_path):
    command = [
        *(sys.executable, "-m", "bbvi", "vae", "--hidden", "8", "--batch-size", "256"),
        *("--epochs", "6", "--out"),
    ]
    whole = subprocess.run([*command, tmp_path / "whole"], check=True, capture_output=True)
    with subprocess.Popen([*command, tmp_path / "killed"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(b"** epoch 3"):
                process.kill()
                break
    assert process.returncode != 0
    assert not (tmp_path / "killed" / "epochs.csv").exists()
    subprocess.run([*command, tmp_path / "killed", "--resume"], check=True, capture_output=True)

    first, second = (
        np.load(tmp_path / name / "checkpoint-00006.npz") for name in ("whole", "killed")
    )
    names = sorted(set(first) - {"trace"})
    assert all(first[name].tobytes() == second[name].tobytes() for name in names)
    # Everything in the trace but the seconds.
    assert (first["trace"][:, [0, 1, 3]] == second["trace"][:, [0, 1, 3]]).all()
    assert b"held-out objective" in whole.stdout
    for name in ("manifold", "latent_space", "samples", "averages", "reconstructions"):
        pictures = [(tmp_path / run / f"{name}.png").read_bytes() for run in ("whole", "killed")]
        assert pictures[0] == pictures[1]


def test_a_run_is_not_overwritten(images, tmp_path):
    train(images, tmp_path, epochs=1)
    before = (tmp_path / NAME).read_bytes()
    with pytest.raises(ValueError, match="holds a run already"):
        train(images, tmp_path, epochs=2)
    assert (tmp_path / NAME).read_bytes() == before


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_of_other_files_is_left_alone(images, tmp_path, resume):
    (tmp_path / "manifest.json").write_text("mine")
    (tmp_path / "checkpoint-00001.npz").write_text("of a run killed before its record")
    with pytest.raises(ValueError, match=r"holds manifest\.json but no checkpoint\.json"):
        train(images, tmp_path, epochs=1, resume=resume)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["checkpoint-00001.npz", "manifest.json"]
    (tmp_path / "manifest.json").unlink()
    train(images, tmp_path, epochs=1, resume=resume)
    assert (tmp_path / NAME).exists()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"seed": 5}, "rng_start"),
        ({"rate": 0.1}, "rate is 0.001 there and 0.1 here"),
        ({"batch_size": 32}, "batch_size"),
    ],
)
def test_another_run_is_not_continued(images, tmp_path, change, match):
    train(images, tmp_path, epochs=1)
    before = (tmp_path / NAME).read_bytes()
    with pytest.raises(ValueError, match=match):
        train(images, tmp_path, epochs=2, resume=True, **change)
    with pytest.raises(ValueError, match="data_sha256"):
        train(images[1:], tmp_path, epochs=2, resume=True)
    assert (tmp_path / NAME).read_bytes() == before


def test_the_state_on_disk_is_the_whole_state(images, tmp_path):
    run = train(images, tmp_path, epochs=1)
    from bbvi.inference.arguments import begin_with_encoder
    from bbvi.optimizers import adam

    rng = np.random.default_rng(0)
    template = begin_with_encoder(
        run.network.encoder, astype(run.network.model.init(rng), np.float32), images, rng, adam(1.0)
    )
    import json

    settings = json.loads((tmp_path / NAME).read_text())["settings"]
    state, _ = load_checkpoint(tmp_path, settings, template)
    assert flatten_state(state).keys() == flatten_state(template).keys()
    assert all((state.theta[key] == run.theta[key]).all() for key in run.theta)


def test_a_folder_that_cannot_be_had_is_an_error_before_training(images, tmp_path):
    (tmp_path / "file").write_text("")

    def never(row):
        raise AssertionError("trained")

    with pytest.raises(OSError, match="file"):
        train(images, tmp_path / "file", report=never)


@pytest.mark.parametrize(
    ("wrong", "match"), [({"epochs": 0}, "epochs"), ({"log_every": 0}, "log_every")]
)
def test_bad_counts(images, wrong, match):
    with pytest.raises(ValueError, match=match):
        train(images, **wrong)


def test_bernoulli_network_fits_together():
    network = bernoulli_network(64, hidden=10, latent_dim=3)
    assert lecture_objective(network, -12.5) == 12.5
    assert network.encoder.sizes == (64, 10, 6)
    assert network.model.observed_dim == 64
    assert backends.kernel.supports(network.model)
