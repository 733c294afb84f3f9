"""Every check accepts the right thing and rejects each negative control by its name."""

import functools
from dataclasses import dataclass

import autograd.numpy as anp
import numpy as np
import pytest
from altered import of_functions, with_functions
from autograd.tracer import getval

import bbvi
from bbvi import checks
from bbvi.backends import autodiff, kernel
from bbvi.estimators import expectations
from bbvi.estimators.elbo import elbo_integrand
from bbvi.families import Bernoulli, Beta, Categorical, Gamma
from bbvi.types import Estimate

LOG_2PI = float(np.log(2 * np.pi))
STATEFUL = np.random.default_rng(99)


@dataclass(frozen=True)
class Exercise:
    """A student's black box: z ~ N(0, I), x ~ N(tanh(z) W^T + b, sigma^2 I)."""

    latent_dim: int = 2

    def init(self, rng):
        W = rng.standard_normal((3, self.latent_dim))
        return {"W": W, "b": np.zeros(3), "log_sigma": np.array(-0.4)}

    def log_prior(self, z):
        return -0.5 * anp.sum(z**2 + LOG_2PI, axis=-1)

    def log_likelihood(self, theta, x, z):
        mean = anp.dot(anp.tanh(z), theta["W"].T) + theta["b"]
        w = (x - mean) * anp.exp(-theta["log_sigma"])
        return -0.5 * anp.sum(w**2 + LOG_2PI, axis=-1) - 3 * theta["log_sigma"]

    def log_joint(self, theta, x, z):
        return self.log_prior(z) + self.log_likelihood(theta, x, z)

    def sample(self, rng, theta, num):
        z = rng.standard_normal((num, self.latent_dim))
        noise = np.exp(theta["log_sigma"]) * rng.standard_normal((num, 3))
        return np.tanh(z) @ theta["W"].T + theta["b"] + noise, z


def test_check_model_accepts_a_students_black_box():
    for seed in range(5):
        assert checks.check_model(Exercise(), np.random.default_rng(seed)) is None


def test_check_model_accepts_positive_and_discrete_latents():
    class Exponential(Exercise):
        """z ~ Exponential(1): the density does not vanish at the boundary z = 0."""

        def log_prior(self, z):
            return -anp.sum(z, axis=-1)

        def sample(self, rng, theta, num):
            z = rng.exponential(size=(num, self.latent_dim))
            noise = np.exp(theta["log_sigma"]) * rng.standard_normal((num, 3))
            return np.tanh(z) @ theta["W"].T + theta["b"] + noise, z

    class Coins(Exercise):
        """z_d ~ Bernoulli(1 / 4)."""

        def log_prior(self, z):
            return anp.sum(z * np.log(0.25).item() + (1 - z) * np.log(0.75).item(), axis=-1)

        def sample(self, rng, theta, num):
            z = (rng.random((num, self.latent_dim)) < 0.25).astype(float)
            noise = np.exp(theta["log_sigma"]) * rng.standard_normal((num, 3))
            return np.tanh(z) @ theta["W"].T + theta["b"] + noise, z

    for model in (Exponential(), Coins()):
        assert checks.check_model(model, np.random.default_rng(1)) is None


def test_check_model_does_not_change_a_given_theta():
    theta = Exercise().init(np.random.default_rng(0))
    kept = {key: value.copy() for key, value in theta.items()}
    checks.check_model(Exercise(), np.random.default_rng(1), theta=theta)
    assert all(np.array_equal(theta[key], kept[key]) for key in kept)


def _altered(**methods):
    return type("Wrong", (Exercise,), methods)()


def _log_joint(formula):
    return _altered(log_joint=formula)


right = Exercise()


def _sigma_for_log_sigma(self, theta, x, z):
    return Exercise.log_joint(
        self, {**theta, "log_sigma": anp.log(anp.abs(theta["log_sigma"]))}, x, z
    )


def _mean_over_features(self, theta, x, z):
    return self.log_prior(z) + self.log_likelihood(theta, x, z) / 3


def _batch_statistics(self, theta, x, z):
    return Exercise.log_joint(self, theta, x - x.mean(axis=0), z)


def _detached(self, theta, x, z):
    return self.log_prior(z) + self.log_likelihood(theta, x, getval(z))


def _detached_theta(self, theta, x, z):
    return self.log_prior(z) + self.log_likelihood({**theta, "b": getval(theta["b"])}, x, z)


def _plain_floats(self, theta, x, z):
    return Exercise.log_joint(self, {**theta, "log_sigma": float(theta["log_sigma"])}, x, z)


def _promoted(self, theta, x, z):
    return Exercise.log_joint(self, theta, x, z) + np.zeros(x.shape[0])


def _noisy(self, theta, x, z):
    return Exercise.log_joint(self, theta, x, z) + STATEFUL.random()


def _in_place(self, theta, x, z):
    if isinstance(z, np.ndarray):
        z *= 1.5
    return Exercise.log_joint(self, theta, x, z)


def _changes_theta(self, rng, theta, num):
    theta["b"] += 0.1
    return Exercise.sample(self, rng, theta, num)


def _other_scale(self, rng, theta, num):
    x, z = Exercise.sample(self, rng, theta, num)
    return x + 0.5 * rng.standard_normal(x.shape), z


MODELS = {
    "summed over everything": (
        _log_joint(lambda self, t, x, z: anp.sum(right.log_joint(t, x, z))),
        r"returned shape \(\).*summed over everything",
    ),
    "summed over the data": (
        _log_joint(lambda self, t, x, z: anp.sum(right.log_joint(t, x, z), axis=1)),
        "summed over the datapoints",
    ),
    "axes swapped": (
        _log_joint(lambda self, t, x, z: right.log_joint(t, x, z).T),
        "axes are swapped",
    ),
    "batch statistics": (_log_joint(_batch_statistics), "rows interact.*statistics of the batch"),
    "not finite": (
        _log_joint(lambda self, t, x, z: right.log_joint(t, x, z) - np.inf),
        "NaN or infinite at the model's own draws",
    ),
    "hidden randomness": (_log_joint(_noisy), "hidden randomness in log_joint"),
    "in place": (_log_joint(_in_place), "rows interact|two answers|changed its arguments"),
    "sample changes theta": (_altered(sample=_changes_theta), "hidden randomness|in-place"),
    "plain floats": (_log_joint(_plain_floats), "could not be differentiated.*autograd.numpy"),
    "ignores z": (
        _log_joint(lambda self, t, x, z: anp.sum(x, axis=-1) * np.ones((len(z), 1))),
        "could not be differentiated.*ignores theta or z",
    ),
    "detached z": (_log_joint(_detached), "d log_joint / dz differs.*getval"),
    "detached theta": (_log_joint(_detached_theta), r"theta\['b'\] differs from difference"),
    "promoted": (_log_joint(_promoted), "is float64 although theta, x and z are float32"),
    "prior dropped": (
        _log_joint(lambda self, t, x, z: right.log_likelihood(t, x, z)),
        r"disagree about latent 0.*log p\(z\) dropped",
    ),
    "prior twice": (
        _log_joint(lambda self, t, x, z: right.log_joint(t, x, z) + right.log_prior(z)),
        r"disagree about latent \d.*counted twice",
    ),
    "prior's sign": (
        _log_joint(lambda self, t, x, z: right.log_joint(t, x, z) - 2 * right.log_prior(z)),
        r"disagree about latent \d.*wrong sign",
    ),
    "sigma for log sigma": (
        _log_joint(_sigma_for_log_sigma),
        r"disagree about theta\['.*'\].*sigma for log sigma",
    ),
    "log sigma dropped": (
        _log_joint(lambda self, t, x, z: right.log_joint(t, x, z) + 3 * t["log_sigma"]),
        r"disagree about theta\['log_sigma'\].*normalizing constant",
    ),
    "mean over features": (
        _log_joint(_mean_over_features),
        "sample and log_joint disagree about",
    ),
    "sample with another scale": (
        _altered(sample=_other_scale),
        "sample and log_joint disagree about",
    ),
    "constant dropped": (
        _log_joint(lambda self, t, x, z: right.log_joint(t, x, z) + 1.5 * LOG_2PI),
        "not normalized.*0.5 log 2 pi",
    ),
    "z before x": (
        _altered(sample=lambda self, *args: right.sample(*args)[::-1]),
        "z was returned before x",
    ),
    "one draw": (
        _altered(sample=lambda self, rng, theta, num: right.sample(rng, theta, 1)),
        "one draw instead of num",
    ),
    "sample is NaN": (
        _altered(sample=lambda self, *args: tuple(np.nan * a for a in right.sample(*args))),
        "sample drew NaN",
    ),
    "global randomness": (
        _altered(sample=lambda self, rng, theta, num: right.sample(STATEFUL, theta, num)),
        "hidden randomness: draw with the rng",
    ),
    "init is a list": (
        _altered(init=lambda self, rng: list(right.init(rng).values())),
        "init returned list",
    ),
    "init holds integers": (
        _altered(init=lambda self, rng: right.init(rng) | {"b": np.zeros(3, dtype=int)}),
        r"theta\['b'\] is ndarray int64.*whole numbers",
    ),
    "init holds NaN": (
        _altered(init=lambda self, rng: right.init(rng) | {"b": np.full(3, np.nan)}),
        r"theta\['b'\] has NaN",
    ),
}


@pytest.mark.parametrize("mistake", MODELS)
def test_check_model_rejects(mistake):
    model, message = MODELS[mistake]
    with pytest.raises(AssertionError, match=f"(?s){message}"):
        checks.check_model(model, np.random.default_rng(0))


@pytest.mark.parametrize(
    "family",
    [
        bbvi.DiagonalGaussian(1),
        bbvi.DiagonalGaussian(4),
        bbvi.FullCovarianceGaussian(1),
        bbvi.FullCovarianceGaussian(3),
        Bernoulli(3),
        Categorical(2, 3),
        Gamma(2),
        Beta(2),
    ],
    ids=repr,
)
def test_check_family_accepts(family):
    for seed in range(3):
        assert checks.check_family(family, np.random.default_rng(seed)) is None


Diagonal = bbvi.DiagonalGaussian


def _family(**methods):
    return type("Wrong", (Diagonal,), methods)(2)


def _method(name, alter):
    """DiagonalGaussian with the result of one method altered: alter(result, lam)."""
    original = getattr(Diagonal, name)
    return _family(
        **{name: lambda self, lam, *rest: alter(original(self, lam, *rest), lam)},
    )


def _scaled_columns(result, lam):
    return np.concatenate([result[..., :2], result[..., 2:] * np.exp(-lam[:, 2:])], axis=-1)


FAMILIES = {
    "score in sigma": (
        _method("score", _scaled_columns),
        r"score differs.*columns \[2, 3\].*sigma for log sigma",
    ),
    "score's sign": (_method("score", lambda out, lam: -out), "score differs.*sign is wrong"),
    "score's shape": (_method("score", lambda out, lam: out.mean(axis=0)), "score has shape"),
    "pullback in sigma": (
        _method("pullback", _scaled_columns),
        "pullback differs.*sigma for log sigma",
    ),
    "log_prob_dz's sign": (
        _method("log_prob_dz", lambda out, lam: -out),
        "log_prob_dz differs.*sign is wrong",
    ),
    "log_prob's constant": (
        _family(
            log_prob=lambda self, lam, z: Diagonal.log_prob(self, lam, z) + LOG_2PI,
            log_prob_factors=lambda self, lam, z: (
                Diagonal.log_prob_factors(self, lam, z) + 0.5 * LOG_2PI
            ),
        ),
        "not normalized.*0.5 log 2 pi",
    ),
    "transform by variance": (
        _family(transform=lambda self, lam, eps: lam[:, :2] + np.exp(2 * lam[:, 2:]) * eps),
        "(pullback differs|transform and log_prob disagree)",
    ),
    "factors' sum": (
        _method("log_prob_factors", lambda out, lam: 2 * out),
        "log_prob_factors summed over the factors differs",
    ),
    "factors' parameters": (
        _family(param_factors=property(lambda self: np.array([0, 1, 1, 0]))),
        "param_factors numbers the columns of lam in another order",
    ),
    "entropy's constant": (
        _family(
            entropy=lambda self, lam: np.sum(lam[:, 2:], axis=-1) + 1.0,
            entropy_and_grad=lambda self, lam: (
                np.sum(lam[:, 2:], axis=-1) + 1.0,
                Diagonal.entropy_and_grad(self, lam)[1],
            ),
        ),
        r"entropy differs.*log 2 pi dropped",
    ),
    "entropy's gradient": (
        _method("entropy_and_grad", lambda out, lam: (out[0], 0 * out[1])),
        "entropy_and_grad.*differs.*vanishes",
    ),
    "entropy twice": (
        _method("entropy", lambda out, lam: 2 * out),
        "entropy_and_grad.*scaled by 0.5",
    ),
    "KL's value": (
        _method("kl_standard_normal_and_grad", lambda out, lam: (out[0] + 1.0, out[1])),
        "kl_standard_normal_and_grad.*differs from the mean.*D / 2 dropped",
    ),
    "KL's gradient": (
        _method("kl_standard_normal_and_grad", lambda out, lam: (out[0], -out[1])),
        "kl_standard_normal_and_grad.*sign is wrong",
    ),
    "moments": (
        _method("moments", lambda out, lam: out._replace(covariance=out.covariance**0.5)),
        "moments: covariance",
    ),
    "rows interact": (
        _method("log_prob", lambda out, lam: out - out.mean(axis=1, keepdims=True)),
        "log_prob: rows interact",
    ),
    "promoted": (
        _method("log_prob", lambda out, lam: out + np.zeros(1)),
        "log_prob is float64 although lam is float32",
    ),
    "changes lam": (
        _family(
            entropy=lambda self, lam: Diagonal.entropy(self, np.clip(lam, -0.1, 0.1, out=lam)),
        ),
        "changed lam|rows interact|differ",
    ),
    "not finite": (_method("score", lambda out, lam: out / 0.0), "score has NaN or infinite"),
    "num_params": (_family(num_params=3), "score has shape"),
}


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("mistake", FAMILIES)
def test_check_family_rejects(mistake):
    family, message = FAMILIES[mistake]
    with pytest.raises(AssertionError, match=f"(?s){message}"):
        checks.check_family(family, np.random.default_rng(0))


def test_check_family_names_a_missing_method():
    class Incomplete:
        latent_dim, num_params = 1, 2

        def init(self, num_data):
            return np.zeros((num_data, 2))

        def noise(self, rng, num_samples, num_data):
            return rng.standard_normal((num_samples, num_data, 1))

    with pytest.raises(AssertionError, match=r"lacks.*'transform', 'log_prob', 'score'"):
        checks.check_family(Incomplete(), np.random.default_rng(0))


def _on(original, alter):
    """An estimator whose Estimate is altered: alter(estimate, family, target, lam, eps)."""

    def estimator(family, target, lam, eps):
        return alter(original(family, target, lam, eps), family, target, lam, eps)

    return estimator


def _grad(change):
    return lambda est, family, target, lam, eps: est._replace(
        grad=change(est.grad, family, lam, eps)
    )


def _theta(change):
    return lambda est, family, target, lam, eps: est._replace(
        grad_theta=est.grad_theta and {k: change(v, lam) for k, v in est.grad_theta.items()}
    )


def _seen(f):
    """A baseline that contains the sample that it corrects."""
    return f.mean(axis=0)


def _moving_average_updated_first(f, decay=0.8):
    return (1 - decay) * f


def _wrong_divisor(f):
    S = len(f)
    return f - (S - 1) / S * (f - bbvi.leave_one_out(f))


def _mean_over_rows(f):
    return f.mean(axis=1, keepdims=True)


def _both_paths(family, target, lam, eps):
    score = bbvi.score_function(family, target, lam, eps)
    path = bbvi.reparameterized(family, target, lam, eps)
    return path._replace(grad=path.grad + score.grad)


def _without_prior(family, target, lam, eps):
    """log p(x | z) in place of log p(x, z)."""
    z_free = target.value_and_grads

    def value_and_grads(z, weights=None):
        log_p, dz, dtheta = z_free(z, weights)
        return log_p + 0.5 * np.sum(z**2 + LOG_2PI, axis=-1), dz + z, dtheta

    altered = with_functions(target, value_and_grads=value_and_grads)
    return bbvi.reparameterized(family, altered, lam, eps)


def _without_entropy(family, target, lam, eps):
    return expectations.pathwise(family, target, lam, eps)


def _entropy_twice(family, target, lam, eps):
    estimate = bbvi.sticking_the_landing(family, target, lam, eps)
    entropy, dentropy = family.entropy_and_grad(lam)
    return estimate._replace(elbo=estimate.elbo + entropy, grad=estimate.grad + dentropy)


def _score_of_f_lost(family, target, lam, eps):
    """The integrand lacks log q: the score-function version of a missing entropy."""
    return expectations.score_function(family, target, lam, eps)


def _kl_sign(family, target, lam, eps):
    estimate = bbvi.reparameterized_kl(family, target, lam, eps)
    kl, dkl = family.kl_standard_normal_and_grad(lam)
    return estimate._replace(elbo=estimate.elbo + 2 * kl, grad=estimate.grad + 2 * dkl)


def _mutating(family, target, lam, eps):
    eps *= 2.0
    return bbvi.reparameterized(family, target, lam, eps)


def _in_sigma(grad, family, lam, eps):
    return np.concatenate([grad[:, :2], grad[:, 2:] * np.exp(-lam[:, 2:])], axis=1)


def _baseline(baseline):
    return functools.partial(bbvi.score_function, baseline=baseline)


ESTIMATORS = {
    "pathwise times 1.1": (
        _on(bbvi.reparameterized, _grad(lambda g, *_: 1.1 * g)),
        r"grad is biased.*scaled by 1\.1\.",
    ),
    "score times 1.1": (
        _on(bbvi.score_function, _grad(lambda g, *_: 1.1 * g)),
        r"grad is biased.*scaled by 1\.1\.",
    ),
    "leave-one-out times 1.1": (
        _on(_baseline(bbvi.leave_one_out), _grad(lambda g, *_: 1.1 * g)),
        r"grad is biased.*scaled by 1\.1\.",
    ),
    "sticking the landing times 0.9": (
        _on(bbvi.sticking_the_landing, _grad(lambda g, *_: 0.9 * g)),
        r"grad is biased.*scaled by 0\.(89|9|91)\.",
    ),
    "sign": (
        _on(bbvi.reparameterized, _grad(lambda g, *_: -g)),
        "grad is biased.*sign is wrong",
    ),
    "both paths": (_both_paths, "grad is biased.*both gradient paths at once"),
    "summed over samples": (
        _on(bbvi.reparameterized, _grad(lambda g, family, lam, eps: g * len(eps))),
        "summed over the samples",
    ),
    "sigma for log sigma": (
        _on(bbvi.reparameterized, _grad(_in_sigma)),
        r"grad is biased.*columns \[2, 3\].*sigma for log sigma",
    ),
    "entropy missing": (_without_entropy, "biased.*the entropy is missing"),
    "log q missing from f": (_score_of_f_lost, "biased.*the entropy is missing"),
    "entropy twice": (_entropy_twice, "biased.*the entropy is counted twice"),
    "log p(z) dropped": (_without_prior, r"biased.*log p\(z\) is dropped"),
    "KL's sign": (_kl_sign, "biased.*KL to the prior has the wrong sign"),
    "baseline saw its sample": (_baseline(_seen), "grad is biased.*baseline that contains"),
    "baseline updated before use": (
        _baseline(_moving_average_updated_first),
        "grad is biased.*(scaled by|saw the sample)",
    ),
    "divisor S": (_baseline(_wrong_divisor), "grad is biased.*divisor S instead of S - 1"),
    "baseline over rows": (_baseline(_mean_over_rows), "rows interact.*over the datapoints"),
    "theta averaged over data": (
        _on(bbvi.reparameterized, _theta(lambda g, lam: g / len(lam))),
        r"grad_theta\['W'\] is biased.*averaged over the datapoints",
    ),
    "theta times 1.1": (
        _on(bbvi.score_function, _theta(lambda g, lam: 1.1 * g)),
        r"grad_theta\['W'\] is biased.*scaled by 1\.1\.",
    ),
    "theta dropped": (
        _on(bbvi.score_function, lambda est, *_: est._replace(grad_theta=None)),
        r"grad_theta.*missing.*dropped",
    ),
    "theta zero": (
        _on(bbvi.score_function, _theta(lambda g, lam: 0 * g)),
        r"grad_theta\['W'\] is biased.*vanishes",
    ),
    "theta though held": (
        _on(bbvi.reparameterized, lambda est, *_: est._replace(grad_theta=est.grad_theta or {})),
        "not None although theta is held",
    ),
    "elbo's constant": (
        _on(bbvi.reparameterized, lambda est, *_: est._replace(elbo=est.elbo + 0.5)),
        "elbo is biased",
    ),
    "hidden randomness": (
        _on(bbvi.reparameterized, _grad(lambda g, *_: g + STATEFUL.random())),
        "same arguments gave two answers.*hidden randomness",
    ),
    "changes eps": (_mutating, "changed lam or eps"),
    "promoted": (
        _on(bbvi.reparameterized, _grad(lambda g, *_: g + np.zeros(1))),
        "grad is float64 although lam, eps and the target are float32",
    ),
    "not averaged": (
        _on(bbvi.reparameterized, lambda est, f, t, lam, eps: est._replace(elbo=eps[..., 0])),
        "elbo has shape.*no mean over the samples",
    ),
    "not finite": (
        _on(bbvi.reparameterized, _grad(lambda g, *_: g + np.float32(np.inf))),
        "(grad is not finite|grad is float)",
    ),
    "no Estimate": (
        _on(bbvi.reparameterized, lambda est, *_: tuple(est)),
        "returned tuple",
    ),
}


@pytest.mark.parametrize("mistake", ESTIMATORS)
def test_check_estimator_rejects(mistake):
    estimator, message = ESTIMATORS[mistake]
    with pytest.raises(AssertionError, match=f"(?s){message}"):
        checks.check_estimator(estimator, np.random.default_rng(0), num_samples=(3,))


def test_check_estimator_refuses_to_judge_without_power():
    rng = np.random.default_rng(0)
    with pytest.raises(AssertionError, match="too much variance to check here"):
        checks.check_estimator(bbvi.score_function, rng, num_samples=(1,), max_rows=5000)


def test_check_estimator_wants_target_lam_and_exact_together():
    family = bbvi.DiagonalGaussian(2)
    target, lam, exact = checks.linear_gaussian_problem(family)
    with pytest.raises(ValueError, match="got target alone; expected target, lam and exact"):
        checks.check_estimator(
            bbvi.reparameterized, np.random.default_rng(0), family=family, target=target
        )
    assert (
        checks.check_estimator(
            bbvi.reparameterized,
            np.random.default_rng(0),
            family=family,
            target=target,
            lam=lam,
            exact=exact,
            num_samples=(2,),
        )
        is None
    )


def test_check_estimator_takes_a_toy_integrand():
    """The published quadratic f(z) = (z - k)^2, which has no theta and no entropy."""
    family, k = bbvi.DiagonalGaussian(1), -3.0
    f = of_functions(
        value=lambda z: np.sum((z - k) ** 2, axis=-1),
        value_and_dz=lambda z: (np.sum((z - k) ** 2, axis=-1), 2 * (z - k)),
        value_and_dtheta=lambda z, weights=None: (np.sum((z - k) ** 2, axis=-1), None),
        value_and_grads=lambda z, weights=None: (np.sum((z - k) ** 2, axis=-1), 2 * (z - k), None),
        num_data=1,
        latent_dim=1,
        dtype=np.dtype(np.float64),
    )
    lam = np.array([[1.0, 0.2]])
    variance = np.exp(0.4)
    exact = Estimate(np.array([16 + variance]), np.array([[8.0, 2 * variance]]), None)
    for estimator in (expectations.score_function, expectations.pathwise):
        given = {"family": family, "target": f, "lam": lam, "exact": exact}
        rng = np.random.default_rng(0)
        assert checks.check_estimator(estimator, rng, num_samples=(3,), **given) is None
        wrong = _on(estimator, _grad(lambda g, *_: 1.1 * g))
        with pytest.raises(AssertionError, match="grad is biased"):
            checks.check_estimator(wrong, rng, num_samples=(3,), **given)


MODEL = bbvi.DeepLatentModel(
    bbvi.StandardNormal(2), bbvi.MLP((2, 5, 3)), bbvi.BernoulliLikelihood()
)


def _backend(alter):
    """A back end made of the kernel with its Target altered."""

    class Altered:
        @staticmethod
        def target(model, theta, x):
            return alter(kernel.target(model, theta, x), theta, x)

    return Altered


def _grads(change):
    def alter(target, theta, x):
        def value_and_grads(z, weights=None):
            log_p, dz, dtheta = target.value_and_grads(z, weights)
            return change(log_p, dz, dtheta)

        return with_functions(target, value_and_grads=value_and_grads)

    return _backend(alter)


BACKENDS = {
    "scaled gradient": (
        _grads(lambda log_p, dz, dtheta: (log_p, dz * np.float32(1 + 1e-3), dtheta)),
        r"(value_and_grads: d/dz at S = 1, N = 1.*scaled by 1)|is float32",
    ),
    "averaged over data": (
        _grads(lambda p, dz, dtheta: (p, dz, {k: v / dz.shape[1] for k, v in dtheta.items()})),
        r"value_and_grads: d/d theta\['decoder.W0'\] at S = 1, N = 4.*averaged over the datapoints",
    ),
    "prior dropped in dz": (
        _backend(
            lambda target, theta, x: with_functions(
                target, value_and_dz=lambda z: (target.value(z), target.value_and_dz(z)[1] + z)
            )
        ),
        "value_and_dz: d/dz at",
    ),
    "weights ignored": (
        _backend(
            lambda target, theta, x: with_functions(
                target, value_and_dtheta=lambda z, weights=None: target.value_and_dtheta(z)
            )
        ),
        r"value_and_dtheta \(weights\): d/d theta",
    ),
    "key missing": (
        _grads(lambda p, dz, dtheta: (p, dz, {"decoder.W0": dtheta["decoder.W0"]})),
        "without a gradient",
    ),
    "squeezed": (
        _backend(
            lambda target, theta, x: with_functions(
                target, value=lambda z: target.value(z).squeeze()
            )
        ),
        r"value at S = 1, N = 1, float64 has shape \(\)",
    ),
    "promoted": (
        _grads(lambda p, dz, dtheta: (p.astype(np.float64), dz, dtheta)),
        "value_and_grads: log p at S = 1, N = 1, float32 is float64",
    ),
    "record": (
        _backend(lambda target, theta, x: target._replace(standard_normal_prior=False)),
        "target.standard_normal_prior is False",
    ),
    "changes x": (
        _backend(lambda target, theta, x: (np.multiply(x, 1.0001, out=x), target)[1]),
        "changed theta, x, z|value at",
    ),
}


@pytest.mark.parametrize("mistake", BACKENDS)
def test_check_backends_rejects(mistake):
    candidate, message = BACKENDS[mistake]
    with pytest.raises(AssertionError, match=f"(?s){message}"):
        checks.check_backends(MODEL, np.random.default_rng(0), candidate=candidate)


def test_check_backends_accepts_the_kernel_and_autodiff_itself():
    for candidate in (kernel, autodiff):
        rng = np.random.default_rng(0)
        assert checks.check_backends(MODEL, rng, candidate=candidate) is None


def test_elbo_integrand_through_layer_one_is_the_score_function():
    """The two layers are one: the ELBO's estimator is layer 1 on f = log p - log q."""

    def by_hand(family, target, lam, eps):
        f = elbo_integrand(family, target, lam)
        return expectations.score_function(family, f, lam, eps)

    assert checks.check_estimator(by_hand, np.random.default_rng(0), num_samples=(2,)) is None


@pytest.mark.parametrize(
    ("check", "argument", "message"),
    [
        (
            checks.check_model,
            None,
            "model is None, which has no latent_dim, init, log_joint, sample",
        ),
        (
            checks.check_model,
            bbvi.LinearGaussian,
            "model is the class LinearGaussian; expected an object",
        ),
        (checks.check_family, None, "family is None, which has no init"),
        (checks.check_family, bbvi.DiagonalGaussian, "family is the class DiagonalGaussian"),
        (checks.check_backends, None, "model is None, which has no latent_dim"),
        (checks.check_estimator, "reparameterized", "estimator is 'reparameterized', which has no"),
    ],
)
def test_what_cannot_be_checked_at_all_is_named(check, argument, message):
    with pytest.raises(TypeError, match=message):
        check(argument, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("check", "argument"),
    [
        (checks.check_model, bbvi.LinearGaussian(2, 3)),
        (checks.check_family, bbvi.DiagonalGaussian(2)),
        (checks.check_backends, bbvi.LinearGaussian(2, 3)),
        (checks.check_estimator, bbvi.reparameterized),
    ],
)
def test_a_check_takes_a_generator_and_no_seed(check, argument):
    with pytest.raises(TypeError, match="rng is int; expected a numpy Generator"):
        check(argument, 0)
