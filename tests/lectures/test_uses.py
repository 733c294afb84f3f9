import numpy as np
import pytest

from bbvi import StandardNormal
from bbvi.cli import main
from bbvi.datasets import Dataset, digits, train_test_split
from bbvi.families import DiagonalGaussian
from bbvi.lectures.partly_observed import denoising, inpainting, restore_by_pca, super_resolution
from bbvi.lectures.representation import (
    compare_representations,
    linear_classifier_accuracy,
    principal_components,
)
from bbvi.lectures.restoration import Budget, marginal_inference, restore
from bbvi.lectures.uses import learn_binary
from bbvi.models import DeepLatentModel, LinearGaussian
from bbvi.nets import MLP, astype

QUICK = Budget(cold_steps=100, refine_steps=10, encoder_steps=500, hidden=50, restore_samples=16)


@pytest.fixture(scope="module")
def binary_digits():
    x, labels = digits()
    return train_test_split(np.random.default_rng(0), x.astype(np.float32), labels)


@pytest.fixture(scope="module")
def learnt(binary_digits):
    rng = np.random.default_rng(1)
    return learn_binary(
        binary_digits.train.x, rng, latent_dim=6, hidden=100, num_steps=2500, progress=False
    )


def test_posterior_means_beat_as_many_principal_components(binary_digits, learnt):
    network, fit = learnt
    means = tuple(network.encoder(fit.phi, part.x)[:, :6] for part in binary_digits)
    ours, components = compare_representations(*binary_digits, means)
    assert (ours["dims"], components["dims"]) == (6, 6)
    assert ours["accuracy"] > components["accuracy"] + ours["accuracy_se"]
    assert components["accuracy"] > 0.7


def test_a_representation_without_information_is_guessing(binary_digits):
    rng = np.random.default_rng(2)
    noise = tuple(rng.normal(size=(len(part.x), 6)) for part in binary_digits)
    ours, components = compare_representations(*binary_digits, noise)
    assert ours["accuracy"] < 0.2 < components["accuracy"]


def test_the_classifier_on_separable_data():
    x = np.array([[0.0, 5.0], [1.0, 5.0], [10.0, 5.0], [11.0, 5.0]])
    labels = np.array([0, 0, 1, 1])
    assert linear_classifier_accuracy(x, labels, x, labels) == (1.0, 0.0)


def test_unlabelled_images_are_refused():
    unlabelled = Dataset(np.zeros((3, 4)), None)
    with pytest.raises(ValueError, match="labels is None"):
        compare_representations(unlabelled, unlabelled, (np.zeros((3, 2)),) * 2)


def test_principal_components_are_those_of_the_singular_vectors():
    x = np.random.default_rng(0).normal(size=(50, 6)) * np.arange(1, 7)
    (found,) = principal_components(x, [x], 2)
    _, _, directions = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    assert np.abs(found) == pytest.approx(np.abs((x - x.mean(axis=0)) @ directions[:2].T))


@pytest.mark.parametrize("task", [inpainting(4), denoising(4), super_resolution(4)])
def test_the_pca_baseline_knows_the_linear_view(task):
    """Its A, offset and variance are the moments of what is seen, given x."""
    x = np.repeat(np.random.default_rng(0).integers(0, 2, (1, 16)).astype(float), 40_000, axis=0)
    seen = task.seen(task.observe(x, np.random.default_rng(1)))
    A, offset, variance = task.linear
    error = np.sqrt(max(variance, 1e-12) / len(x))
    assert np.abs(seen.mean(axis=0) - (A @ x[0] + offset)).max() < 5 * error + 1e-9
    assert seen.var(axis=0) == pytest.approx(np.full(len(A), variance), abs=0.01)


def test_the_pca_baseline_is_the_exact_conditional_mean():
    """Against conditioning the joint Gaussian of (x, seen) directly."""
    rng = np.random.default_rng(0)
    train = (rng.random((200, 16)) < 0.4).astype(float)
    task = denoising(4)
    y = task.observe(train[:5], rng)
    theta = LinearGaussian(3, 16).fit_ml(train)
    C = theta["W"] @ theta["W"].T + np.exp(2 * theta["log_sigma"]) * np.eye(16)
    A, offset, variance = task.linear
    joint = np.block([[C, C @ A.T], [A @ C, A @ C @ A.T + variance * np.eye(16)]])
    precision = np.linalg.inv(joint)
    deviation = y - A @ theta["b"] - offset
    expected = theta["b"] - deviation @ (np.linalg.inv(precision[:16, :16]) @ precision[:16, 16:]).T
    assert restore_by_pca(task, train, y, 3) == pytest.approx(np.clip(expected, 0, 1))


def test_seen_pixels_are_restored_as_they_are():
    task = inpainting(4)
    model = DeepLatentModel(StandardNormal(2), MLP((2, 16)), task.likelihood)
    rng = np.random.default_rng(0)
    theta = model.init(rng)
    x = (rng.random((3, 16)) < 0.5).astype(float)
    lam = np.zeros((3, 4))
    found = restore(model, DiagonalGaussian(2), theta, lam, task.observe(x, rng), rng, 8)
    assert found[:, ~task.scored] == pytest.approx(x[:, ~task.scored], abs=1e-12)
    assert ((found[:, task.scored] > 0) & (found[:, task.scored] < 1)).all()


def test_a_mask_that_hides_everything_is_refused():
    task = inpainting(4)
    model = DeepLatentModel(StandardNormal(2), MLP((2, 16)), task.likelihood)
    rng = np.random.default_rng(0)
    hidden = task.likelihood.observe(np.ones((3, 16)), np.zeros(16))
    with pytest.raises(ValueError, match="hides every pixel of 3 image"):
        restore(model, DiagonalGaussian(2), model.init(rng), np.zeros((3, 4)), hidden, rng, 8)


def test_restored_blocks_have_the_counts_that_were_seen():
    task = super_resolution(4)
    model = DeepLatentModel(StandardNormal(2), MLP((2, 16)), task.likelihood)
    rng = np.random.default_rng(0)
    theta = model.init(rng)
    y = task.observe((rng.random((3, 16)) < 0.5).astype(float), rng)
    found = restore(model, DiagonalGaussian(2), theta, np.zeros((3, 4)), y, rng, 8)
    assert task.likelihood.observe(found) == pytest.approx(y)
    single = [a.astype(np.float32) for a in (np.zeros((3, 4)), y)]
    theta = astype(theta, np.float32)
    found = restore(model, DiagonalGaussian(2), theta, *single, np.random.default_rng(1), 2)
    assert found.dtype == np.float32


@pytest.mark.slow
def test_every_procedure_beats_both_baselines_on_every_task(binary_digits, learnt):
    network, fit = learnt
    tasks = [inpainting(8), denoising(8), super_resolution(8)]
    test = binary_digits.test.x[:120]
    rows, restored = marginal_inference(
        network.model,
        fit.theta,
        binary_digits.train.x,
        test,
        tasks,
        np.random.default_rng(3),
        budget=QUICK,
        progress=False,
    )
    assert len(rows) == 15
    for task in ("inpainting", "denoising", "super-resolution"):
        error = {row["method"]: row["error"] for row in rows if row["task"] == task}
        ours = max(error[name] for name in ("bbvi", "amortized", "semi-amortized"))
        assert ours < error["PCA"] < error["mean image"]
    costs = {row["method"]: row for row in rows if row["task"] == "denoising"}
    assert costs["amortized"]["evaluations_per_image"] == 0
    assert costs["bbvi"]["evaluations_per_image"] == 400
    assert costs["semi-amortized"]["evaluations_per_image"] == 40
    assert costs["amortized"]["elbo"] < costs["semi-amortized"]["elbo"]
    assert [r.task for r in restored] == [task.name for task in tasks]
    assert list(restored[0].images) == [
        "truth", "seen", "PCA", "bbvi", "amortized", "semi-amortized",
    ]  # fmt: skip


def test_a_model_that_learnt_nothing_does_not_beat_pca(binary_digits):
    """The negative control of the test above."""
    network, _ = learn_binary(
        binary_digits.train.x, np.random.default_rng(0), latent_dim=6, num_steps=1, progress=False
    )
    theta = astype(network.model.init(np.random.default_rng(0)), np.float32)
    rows, _ = marginal_inference(
        network.model,
        theta,
        binary_digits.train.x,
        binary_digits.test.x[:30],
        [inpainting(8)],
        np.random.default_rng(3),
        budget=QUICK._replace(cold_steps=20, refine_steps=5, encoder_steps=20),
        progress=False,
    )
    error = {row["method"]: row["error"] for row in rows}
    assert error["bbvi"] > error["PCA"]


def test_the_command_writes_tables_and_pictures(tmp_path, capsys, monkeypatch):
    quick = QUICK._replace(cold_steps=5, refine_steps=2, encoder_steps=10)
    monkeypatch.setattr("bbvi.lectures.restoration.Budget", lambda: quick, raising=True)
    arguments = ["uses", "--steps", "20", "--images", "10", "--hidden", "10"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "posterior means" in printed
    assert "super-resolution" in printed
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "representation.csv", "restoration.csv", "manifest.json", "errors.png",
        "inpainting.png", "denoising.png", "super-resolution.png",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--images", "0"], "--images is 0; expected at least 2"),
        (["--images", "-1"], "--images is -1; expected at least 2"),
        (["--images", "1000"], "there are 359 test images"),
        (["--latent-dim", "64"], "64 pixels"),
        (["--seed", "-1"], "--seed is -1"),
    ],
)
def test_bad_input_is_refused_before_anything_is_learnt(
    tmp_path, capsys, monkeypatch, arguments, match
):
    monkeypatch.setattr("bbvi.lectures.uses.learn_binary", None)
    assert main(["uses", "--out", str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert match in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_had_is_refused_before_anything_is_learnt(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["uses", "--out", str(tmp_path / "file")]) == 2
    assert "is a file" in capsys.readouterr().err


def test_the_command_explains_absent_data(tmp_path, capsys):
    assert main(["uses", "--dataset", "mnist", "--root", str(tmp_path)]) == 2
    assert "MNIST is not in" in capsys.readouterr().err
