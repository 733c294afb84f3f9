"""Posteriors of published data analyses with reference draws: the densities.

The models are those of posteriordb (Magnusson et al. 2022), most of them examples of Gelman and
Hill (2007).  Each function takes the data of one, a dict of numbers and lists, and returns the
`Posterior`, whose parameters have the names of the reference draws; `MODELS` lists them.

A linear regression needs of its data only what is left of them after a QR decomposition,

    |y - X b|^2 = |y - X b*|^2 + |R (b - b*)|^2,  b* the least-squares coefficients,

which is as exact and costs D^2 a sample instead of N D.  Constants of the likelihood and of the
priors are kept as in published log evidences: half-Cauchy and half-normal densities are those of
the whole line (not doubled, but for eight schools), and the mixture's beta(5, 5) has no constant.
"""

from collections.abc import Mapping
from typing import Any

import autograd.numpy as anp
import numpy as np

from bbvi.logs import LOG_2PI
from bbvi.models.eight_schools import eight_schools, log_cauchy, log_normal
from bbvi.models.posterior import Posterior
from bbvi.models.transforms import ordered, positive, real, simplex, stack, unit_interval
from bbvi.types import Array

Data = Mapping[str, Any]


def _column(data: Data, name: str) -> Array:
    return np.asarray(data[name], float)


def _flat(x: Array) -> Array:
    return 0.0 * x


def _regression(
    X: Array,
    y: Array,
    log_prior_sigma: Any = _flat,
    beta_scale: float = np.inf,
    intercept: str = "",
) -> Posterior:
    """y ~ N(X b, sigma^2 I): b flat or N(0, beta_scale^2), a prior of sigma > 0.

    With ``intercept`` the first coefficient has this name.
    """
    n, D = X.shape
    Q, R = np.linalg.qr(X)
    best = np.linalg.solve(R, Q.T @ y)
    rss = float(((y - X @ best) ** 2).sum())
    beta = {intercept: real(), "beta": real(D - 1)} if intercept else {"beta": real(D)}
    parameters = stack(**beta, sigma=positive())

    def log_density(u: Array) -> Array:
        b, sigma = u[..., :D], u[..., D]
        squares = rss + anp.sum(anp.dot(b - best, R.T) ** 2, axis=-1)
        log_p = -0.5 * squares / sigma**2 - n * (anp.log(sigma) + 0.5 * LOG_2PI)
        if np.isfinite(beta_scale):
            log_p = log_p + anp.sum(log_normal(b, beta_scale), axis=-1)
        return log_p + log_prior_sigma(sigma)

    return Posterior(log_density, transform=parameters)


def _with_ones(*columns: Array) -> Array:
    return np.stack([np.ones_like(columns[0]), *columns], axis=-1)


def _product(data: Data, names: str) -> Array:
    """A column, or the product of several: "height*male"."""
    return np.prod([_column(data, name) for name in names.split("*")], axis=0)


def _kidscore(*names: str) -> Any:
    def build(data: Data) -> Posterior:
        X = _with_ones(*(_product(data, name) for name in names))
        return _regression(X, _column(data, "kid_score"), lambda s: log_cauchy(s, 2.5))

    return build


def _earnings(log: bool, *names: str) -> Any:
    def build(data: Data) -> Posterior:
        earn = _column(data, "earn")
        X = _with_ones(*(_product(data, name) for name in names))
        return _regression(X, np.log(earn) if log else earn)

    return build


def mesquite(data: Data) -> Posterior:
    """The weight of mesquite bushes by their size."""
    names = ("diam1", "diam2", "canopy_height", "total_height", "density", "group")
    X = _with_ones(*(_column(data, name) for name in names))
    return _regression(X, _column(data, "weight"))


def logmesquite(data: Data) -> Posterior:
    """Its logarithm by theirs."""
    names = ("diam1", "diam2", "canopy_height", "total_height", "density")
    X = _with_ones(*(np.log(_column(data, name)) for name in names), _column(data, "group"))
    return _regression(X, np.log(_column(data, "weight")))


def logmesquite_logva(data: Data) -> Posterior:
    """Its logarithm by those of the canopy's volume and area."""
    area = _column(data, "diam1") * _column(data, "diam2")
    volume = area * _column(data, "canopy_height")
    X = _with_ones(np.log(volume), np.log(area), _column(data, "group"))
    return _regression(X, np.log(_column(data, "weight")))


def nes(data: Data) -> Posterior:
    """Party identification by ideology, race, age group, education, gender and income."""
    age = _column(data, "age_discrete")
    X = _with_ones(
        *(_column(data, name) for name in ("real_ideo", "race_adj")),
        *(np.asarray(age == group, float) for group in (2, 3, 4)),
        *(_column(data, name) for name in ("educ1", "gender", "income")),
    )
    return _regression(X, _column(data, "partyid7"))


def blr(data: Data) -> Posterior:
    """Bayesian linear regression without intercept: b ~ N(0, 10^2), sigma ~ N(0, 10^2)."""
    X = _column(data, "X")
    return _regression(X, _column(data, "y"), lambda s: log_normal(s, 10.0), beta_scale=10.0)


def autoregressive(data: Data) -> Posterior:
    """y_t ~ N(alpha + sum_k beta_k y_{t-k}, sigma^2), t > K."""
    y, K = _column(data, "y"), int(data["K"])
    X = _with_ones(*(y[K - k : len(y) - k] for k in range(1, K + 1)))
    return _regression(X, y[K:], lambda s: log_cauchy(s, 2.5), 10.0, intercept="alpha")


def gauss_mixture(data: Data) -> Posterior:
    """y_n ~ theta N(mu_1, sigma_1^2) + (1 - theta) N(mu_2, sigma_2^2), mu_1 < mu_2.

    (y - mu) / sigma is squared as it stands, and the larger logarithm is kept apart: far out, where
    a start may be, shorter forms lose all digits and promise densities without end.
    """
    y = _column(data, "y")
    parameters = stack(mu=ordered(2), sigma=positive(2), theta=unit_interval())

    def log_density(u: Array) -> Array:
        mu, sigma, theta = u[..., :2], u[..., 2:4], u[..., 4:]
        log_prior = anp.sum(log_normal(mu, 2.0) + log_normal(sigma, 2.0), axis=-1)
        shares = anp.log(theta), anp.log1p(-theta)
        log_1, log_2 = (
            log_normal(y - mu[..., k : k + 1], sigma[..., k : k + 1]) + log_share
            for k, log_share in enumerate(shares)
        )
        log_p = anp.sum(anp.logaddexp(log_1, log_2), axis=-1)
        return log_prior + 4 * (shares[0] + shares[1])[..., 0] + log_p

    return Posterior(log_density, transform=parameters)


def gp_regression(data: Data) -> Posterior:
    """y ~ N(0, K), K = alpha^2 exp(-(x - x')^2 / (2 rho^2)) + sigma I (sigma, not its square)."""
    x, y = _column(data, "x"), _column(data, "y")
    squares, eye = (x[:, None] - x) ** 2, np.eye(len(x))
    tiny = 1e-12 * eye  # of alpha^2, so that K is regular where sigma vanishes
    log_gamma_constant = float(25 * np.log(4) - np.sum(np.log(np.arange(1, 25))))

    def log_density(u: Array) -> Array:
        rho, alpha, sigma = u[..., 0], u[..., 1], u[..., 2]
        log_prior = log_gamma_constant + 24 * anp.log(rho) - 4 * rho
        log_prior = log_prior + log_normal(alpha, 2.0) + log_normal(sigma, 1.0)
        alpha, rho, sigma = (v[..., None, None] for v in (alpha, rho, sigma))
        K = alpha**2 * (anp.exp(-0.5 * squares / rho**2) + tiny) + sigma * eye
        log_det = anp.linalg.slogdet(K)[1]
        weighted = anp.linalg.solve(K, anp.ones(K.shape[:-2] + (1, 1)) * y[:, None])[..., 0]
        fit = anp.sum(weighted * y, axis=-1)
        return log_prior - 0.5 * (fit + log_det + len(y) * LOG_2PI)

    return Posterior(
        log_density, transform=stack(rho=positive(), alpha=positive(), sigma=positive())
    )


def garch11(data: Data) -> Posterior:
    """y_t ~ N(mu, s_t^2), s_t^2 = alpha_0 + alpha_1 (y_{t-1} - mu)^2 + beta_1 s_{t-1}^2, flat.

    alpha_1 and beta_1 are the first two of three shares.  The recursion is unrolled by doubling:
    with b_t = s_t^2 without its past, the sum of beta_1^j b_{t-j} over j < 2 n is that over j < n
    plus beta_1^n times the same n steps before.
    """
    y, first = _column(data, "y"), float(data["sigma1"])
    names = ("mu", "alpha0", "alpha1", "beta1")
    parameters = stack(mu=real(), alpha0=positive(), share=simplex(3))

    def log_density(u: Array) -> Array:
        mu, alpha0, alpha1, power = (u[..., k : k + 1] for k in range(4))
        residual = y - mu
        later = alpha0 + alpha1 * residual[..., :-1] ** 2
        variance = anp.concatenate([0 * mu + first**2, later], axis=-1)
        n = 1
        while n < len(y):
            before = anp.concatenate([0 * variance[..., :n], variance[..., :-n]], axis=-1)
            variance = variance + power * before
            power, n = power**2, 2 * n
        terms = residual**2 / variance + anp.log(variance) + LOG_2PI
        return -0.5 * anp.sum(terms, axis=-1)

    return Posterior(log_density, transform=parameters, report=lambda u: u[..., :4], names=names)


MODELS: Mapping[str, Any] = {
    "kidscore_momhs": _kidscore("mom_hs"),
    "kidscore_momiq": _kidscore("mom_iq"),
    "kidscore_momhsiq": _kidscore("mom_hs", "mom_iq"),
    "kidscore_interaction": _kidscore("mom_hs", "mom_iq", "mom_hs*mom_iq"),
    "earn_height": _earnings(False, "height"),
    "logearn_height": _earnings(True, "height"),
    "logearn_height_male": _earnings(True, "height", "male"),
    "logearn_interaction": _earnings(True, "height", "male", "height*male"),
    "mesquite": mesquite,
    "logmesquite": logmesquite,
    "logmesquite_logva": logmesquite_logva,
    "nes": nes,
    "blr": blr,
    "arK": autoregressive,
    "eight_schools_noncentered": eight_schools,
    "low_dim_gauss_mix": gauss_mixture,
    "gp_regr": gp_regression,
    "garch11": garch11,
}
"""posteriordb's name of each model -> a function of its data."""
