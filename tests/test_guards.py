"""What used to end silently wrong is refused by name."""

import faulthandler
import os
import threading

import numpy as np
import pytest

from bbvi import (
    MLP,
    BernoulliLikelihood,
    DeepLatentModel,
    DiagonalGaussian,
    LinearGaussian,
    NotFiniteError,
    StandardNormal,
    adam,
    fit_amortized,
    fit_autoencoder,
    fit_bbvi,
    infer,
    infer_minibatches,
    reparameterized,
    sgd,
)
from bbvi.experiments.sweep import run_sweep
from bbvi.models import MixtureOfGaussians

MODEL, FAMILY = LinearGaussian(2, 3), DiagonalGaussian(2)
THETA = MODEL.init(np.random.default_rng(0))
X, _ = MODEL.sample(np.random.default_rng(1), THETA, 8)


@pytest.mark.parametrize("optimizer", [adam(0.1), sgd(0.1)])
def test_a_gradient_of_another_shape_is_refused(optimizer):
    params = np.zeros((5, 2))
    for grad in (np.ones((1, 2)), np.ones((2, 5)), np.ones(())):
        with pytest.raises(ValueError, match=r"gradient has shape .*; expected the same"):
            optimizer.update(grad, optimizer.init(params), params)
    tree = {"a": np.zeros(3), "b": np.zeros(())}
    with pytest.raises(ValueError, match=r"gradient has \['a'\] but the parameters are"):
        optimizer.update({"a": np.ones(3)}, optimizer.init(tree), tree)
    with pytest.raises(ValueError, match=r"gradient\['a'\] has shape \(\) but"):
        optimizer.update({"a": np.ones(()), "b": np.ones(())}, optimizer.init(tree), tree)


def mean_row(family, target, lam, eps):
    estimate = reparameterized(family, target, lam, eps)
    return estimate._replace(grad=estimate.grad.mean(axis=0, keepdims=True))


def summed_theta(family, target, lam, eps):
    estimate = reparameterized(family, target, lam, eps)
    if estimate.grad_theta is None:
        return estimate
    return estimate._replace(grad_theta={k: v.sum() for k, v in estimate.grad_theta.items()})


def test_an_estimator_s_wrong_shapes_are_refused_by_the_procedures():
    rng = np.random.default_rng(2)
    with pytest.raises(ValueError, match=r"gradient has shape \(1, 4\).*\(8, 4\)"):
        infer(MODEL, FAMILY, THETA, X, rng, estimator=mean_row, num_steps=2)
    with pytest.raises(ValueError, match=r"gradient has shape \(1, 4\)"):
        fit_bbvi(MODEL, FAMILY, X, rng, estimator=mean_row, num_steps=2)
    for procedure in (fit_bbvi, fit_amortized):
        settings = {"encoder": MLP((3, 4))} if procedure is fit_amortized else {}
        with pytest.raises(ValueError, match=r"gradient\['W'\] has shape \(\)"):
            procedure(MODEL, FAMILY, X, rng, estimator=summed_theta, num_steps=2, **settings)


def test_the_autoencoder_is_as_safe_as_the_others():
    model = DeepLatentModel(StandardNormal(2), MLP((2, 4)), BernoulliLikelihood())
    x, rng = (np.random.default_rng(3).random((10, 4)) < 0.5).astype(float), np.random
    ignored = np.errstate(over="ignore", invalid="ignore")
    message = r"fit_autoencoder: .*is not finite"
    with ignored, pytest.raises(NotFiniteError, match=message) as caught:
        fit_autoencoder(
            model, x * 1.0, rng.default_rng(0), encoder=MLP((4, 2)), optimizer=sgd(1e200)
        )
    assert all(np.isfinite(value).all() for value in caught.value.state.theta.values())
    with pytest.raises(TypeError, match="encoder is None; expected an MLP"):
        fit_autoencoder(model, x, rng.default_rng(0), encoder=None)
    with pytest.raises(TypeError, match=r"optimizer is 0\.1; expected an Optimizer"):
        fit_autoencoder(model, x, rng.default_rng(0), encoder=MLP((4, 2)), optimizer=0.1)
    mixture = DeepLatentModel(MixtureOfGaussians(2, 3), MLP((2, 4)), BernoulliLikelihood())
    with pytest.raises(ValueError, match=r"fit_autoencoder got a model whose prior .* = True\)\.$"):
        fit_autoencoder(mixture, x, rng.default_rng(0), encoder=MLP((4, 2)))


def test_minibatches_need_a_theta():
    with pytest.raises(TypeError, match="theta"):
        infer_minibatches([(MODEL, X)], FAMILY, None, np.random.default_rng(0))


def test_a_complex_log_joint_is_refused():
    class Complex(LinearGaussian):
        def log_joint(self, theta, x, z):
            return super().log_joint(theta, x, z) + 0j

    with pytest.raises(TypeError, match="log_joint returned complex128; expected real"):
        fit_bbvi(Complex(2, 3), FAMILY, X, np.random.default_rng(0), num_steps=1)


def overwriting(cell, rng):
    return [{"a": 99}]


def repeating(cell, rng):
    return [{"a": cell["a"], "b": 1}]


def test_no_row_overwrites_a_parameter_of_its_cell():
    settings = {"experiment": "guards", "seed": 0, "workers": 1, "progress": False}
    failed = run_sweep(overwriting, [{"a": 1}], **settings)
    assert not failed.rows
    assert "a row has a 99, but its cell's a is 1" in failed.failures[0]["error"]
    assert run_sweep(repeating, [{"a": 1}], **settings).rows == [{"a": 1, "replicate": 0, "b": 1}]
    with pytest.raises(ValueError, match="a parameter replicate"):
        run_sweep(repeating, [{"a": 1, "replicate": 7}], **settings)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_fits_while_another_thread_was_at_work():
    """Ten children, each forked in the middle of a fit of another thread."""
    stop = threading.Event()
    big, _ = MODEL.sample(np.random.default_rng(4), THETA, 400)

    def work():
        while not stop.is_set():
            fit_bbvi(MODEL, FAMILY, big, np.random.default_rng(5), num_steps=3, progress=False)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                # A child that hangs says where.
                faulthandler.dump_traceback_later(15)
                try:
                    fit_bbvi(MODEL, FAMILY, X, np.random.default_rng(6), num_steps=1)
                    os._exit(0)
                except BaseException:
                    os._exit(1)
            assert _exit_code(child, seconds=20) == 0
    finally:
        stop.set()
        thread.join()


def _exit_code(child, seconds):
    """Of a child; one that hangs is killed and told by -9."""
    done = threading.Event()
    killer = threading.Timer(seconds, lambda: done.is_set() or os.kill(child, 9))
    killer.start()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    done.set()
    killer.cancel()
    return code
