"""The reference densities against the same ones written out, datum by datum, with scipy."""

import numpy as np
import pytest
from scipy import stats

from bbvi.backends import autodiff
from bbvi.models.eight_schools import EIGHT_SCHOOLS
from bbvi.models.reference_posteriors import MODELS

RNG = np.random.default_rng(0)
N = 30


def normal(x, mean, sd):
    return stats.norm.logpdf(x, mean, sd).sum()


def half_cauchy(sigma, scale):
    """Not doubled."""
    return stats.cauchy.logpdf(sigma, scale=scale)


KIDS = {
    "kid_score": 80 + 15 * RNG.standard_normal(N),
    "mom_hs": RNG.integers(0, 2, N),
    "mom_iq": 100 + 15 * RNG.standard_normal(N),
}
EARNINGS = {
    "earn": np.exp(10 + RNG.standard_normal(N)),
    "height": RNG.integers(60, 75, N),
    "male": RNG.integers(0, 2, N),
}
BUSHES = {
    name: np.exp(0.3 * RNG.standard_normal(N))
    for name in ("diam1", "diam2", "canopy_height", "total_height", "density", "weight")
} | {"group": RNG.integers(0, 2, N)}
ELECTION = {
    "partyid7": RNG.integers(1, 8, N),
    "age_discrete": RNG.integers(1, 5, N),
    "gender": RNG.integers(1, 3, N),
} | {name: RNG.integers(1, 6, N) for name in ("real_ideo", "race_adj", "educ1", "income")}
WALK = {"K": 3, "y": np.cumsum(RNG.standard_normal(N)) / 3}
TWO = {"y": np.concatenate([RNG.normal(-2, 1, N), RNG.normal(3, 1, N)])}
CURVE = {"x": np.linspace(-5, 5, 7), "y": RNG.standard_normal(7)}
VOLATILE = {"y": 2 + RNG.standard_normal(N), "sigma1": 0.7}
LINEAR = {"X": RNG.standard_normal((N, 3)), "y": RNG.standard_normal(N)}


def kidscore(mean, k):
    def log_p(u):
        hs, iq = KIDS["mom_hs"], KIDS["mom_iq"]
        return normal(KIDS["kid_score"], mean(u[:k], hs, iq), u[k]) + half_cauchy(u[k], 2.5)

    return log_p


def earnings(mean, k, log):
    def log_p(u):
        y = np.log(EARNINGS["earn"]) if log else EARNINGS["earn"]
        return normal(y, mean(u[:k], EARNINGS["height"], EARNINGS["male"]), u[k])

    return log_p


def weight(u):
    b = BUSHES
    mean = u[0] + u[1] * b["diam1"] + u[2] * b["diam2"] + u[3] * b["canopy_height"]
    mean = mean + u[4] * b["total_height"] + u[5] * b["density"] + u[6] * b["group"]
    return normal(b["weight"], mean, u[7])


def log_weight(u):
    b = {k: np.log(v) for k, v in BUSHES.items() if k != "group"}
    mean = u[0] + u[1] * b["diam1"] + u[2] * b["diam2"] + u[3] * b["canopy_height"]
    mean = mean + u[4] * b["total_height"] + u[5] * b["density"] + u[6] * BUSHES["group"]
    return normal(b["weight"], mean, u[7])


def log_weight_by_volume(u):
    area = BUSHES["diam1"] * BUSHES["diam2"]
    mean = u[0] + u[1] * np.log(area * BUSHES["canopy_height"]) + u[2] * np.log(area)
    return normal(np.log(BUSHES["weight"]), mean + u[3] * BUSHES["group"], u[4])


def party(u):
    e = ELECTION
    mean = u[0] + u[1] * e["real_ideo"] + u[2] * e["race_adj"]
    for group in (2, 3, 4):
        mean = mean + u[1 + group] * (e["age_discrete"] == group)
    mean = mean + u[6] * e["educ1"] + u[7] * e["gender"] + u[8] * e["income"]
    return normal(e["partyid7"], mean, u[9])


def linear(u):
    prior = normal(u[:3], 0, 10) + normal(u[3], 0, 10)
    return prior + normal(LINEAR["y"], LINEAR["X"] @ u[:3], u[3])


def walk(u):
    y, total = WALK["y"], normal(u[:4], 0, 10) + half_cauchy(u[4], 2.5)
    for t in range(3, N):
        mean = u[0] + u[1] * y[t - 1] + u[2] * y[t - 2] + u[3] * y[t - 3]
        total += normal(y[t], mean, u[4])
    return total


def schools(u):
    t, mu, tau = u[:8], u[8], u[9]
    prior = normal(t, 0, 1) + normal(mu, 0, 5) + stats.halfcauchy.logpdf(tau, scale=5)
    return prior + normal(EIGHT_SCHOOLS["y"], mu + tau * t, EIGHT_SCHOOLS["sigma"])


def mixture(u):
    total = normal(u[:2], 0, 2) + normal(u[2:4], 0, 2)
    total += stats.beta.logpdf(u[4], 5, 5) - np.log(630)
    for y in TWO["y"]:
        p = u[4] * stats.norm.pdf(y, u[0], u[2]) + (1 - u[4]) * stats.norm.pdf(y, u[1], u[3])
        total += np.log(p)
    return total


def curve(u):
    rho, alpha, sigma = u
    prior = stats.gamma.logpdf(rho, 25, scale=0.25) + normal(alpha, 0, 2) + normal(sigma, 0, 1)
    x = CURVE["x"]
    K = [[alpha**2 * np.exp(-((a - b) ** 2) / (2 * rho**2)) for a in x] for b in x]
    K = np.array(K) + sigma * np.eye(7)
    return prior + stats.multivariate_normal.logpdf(CURVE["y"], np.zeros(7), K)


def volatile(u):
    mu, alpha0, alpha1, beta1 = u[:4]
    variance, total = VOLATILE["sigma1"] ** 2, 0.0
    for t, y in enumerate(VOLATILE["y"]):
        if t > 0:
            variance = alpha0 + alpha1 * (VOLATILE["y"][t - 1] - mu) ** 2 + beta1 * variance
        total += normal(y, mu, np.sqrt(variance))
    return total


CASES = {
    "kidscore_momhs": (KIDS, kidscore(lambda b, hs, iq: b[0] + b[1] * hs, 2)),
    "kidscore_momiq": (KIDS, kidscore(lambda b, hs, iq: b[0] + b[1] * iq, 2)),
    "kidscore_momhsiq": (KIDS, kidscore(lambda b, hs, iq: b[0] + b[1] * hs + b[2] * iq, 3)),
    "kidscore_interaction": (
        KIDS,
        kidscore(lambda b, hs, iq: b[0] + b[1] * hs + b[2] * iq + b[3] * hs * iq, 4),
    ),
    "earn_height": (EARNINGS, earnings(lambda b, h, m: b[0] + b[1] * h, 2, log=False)),
    "logearn_height": (EARNINGS, earnings(lambda b, h, m: b[0] + b[1] * h, 2, log=True)),
    "logearn_height_male": (
        EARNINGS,
        earnings(lambda b, h, m: b[0] + b[1] * h + b[2] * m, 3, log=True),
    ),
    "logearn_interaction": (
        EARNINGS,
        earnings(lambda b, h, m: b[0] + b[1] * h + b[2] * m + b[3] * h * m, 4, log=True),
    ),
    "mesquite": (BUSHES, weight),
    "logmesquite": (BUSHES, log_weight),
    "logmesquite_logva": (BUSHES, log_weight_by_volume),
    "nes": (ELECTION, party),
    "blr": (LINEAR, linear),
    "arK": (WALK, walk),
    "eight_schools_noncentered": (EIGHT_SCHOOLS, schools),
    "low_dim_gauss_mix": (TWO, mixture),
    "gp_regr": (CURVE, curve),
    "garch11": (VOLATILE, volatile),
}


def test_every_model_has_its_case():
    assert CASES.keys() == MODELS.keys()


@pytest.mark.parametrize("name", CASES)
def test_the_density_is_that_of_the_table(name):
    data, log_p = CASES[name]
    model = MODELS[name](data)
    z = 0.7 * np.random.default_rng(1).standard_normal((12, 2, model.latent_dim))
    u = model.transform.forward(z)
    expected = np.array([[log_p(v) for v in row] for row in u]) + model.transform.log_jacobian(z)
    target = autodiff.target(model, {}, np.zeros((2, 1)))
    np.testing.assert_allclose(target.value(z), expected, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_its_gradient_is_that_of_differences(name):
    model = MODELS[name](CASES[name][0])
    z = 0.5 * np.random.default_rng(2).standard_normal((4, 1, model.latent_dim))
    target = autodiff.target(model, {}, model.x)
    log_p, dz = target.value_and_dz(z)
    for d in range(model.latent_dim):
        step = 1e-5 * np.eye(model.latent_dim)[d]
        slope = (target.value(z + step) - target.value(z - step)) / 2e-5
        rounding = 1e-9 * np.abs(log_p).max()
        np.testing.assert_allclose(dz[..., d], slope, rtol=1e-5, atol=1e-6 + rounding)


@pytest.mark.parametrize("name", CASES)
def test_far_out_no_density_is_without_end(name):
    """Rounding must not promise what the density does not hold: no start may run after it."""
    model = MODELS[name](CASES[name][0])
    z = np.random.default_rng(3).choice([-150.0, -30.0, 0.0, 30.0], (400, 1, model.latent_dim))
    with np.errstate(all="ignore"):
        log_p = model.log_joint({}, model.x, z)
    assert not (log_p > 1e4).any()


def test_a_wrong_density_is_seen(monkeypatch):
    monkeypatch.setitem(CASES, "arK", (WALK, lambda u: walk(u) + 1e-3))
    with pytest.raises(AssertionError):
        test_the_density_is_that_of_the_table("arK")


def test_eight_schools_reports_the_effects():
    model = MODELS["eight_schools_noncentered"](EIGHT_SCHOOLS)
    z = np.arange(10.0) / 10
    np.testing.assert_allclose(model.constrain(z)[:8], 0.8 + np.exp(0.9) * z[:8])
    assert model.names[7:] == ("theta[8]", "mu", "tau")
