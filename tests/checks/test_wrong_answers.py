"""Wrong answers that students write, and unusual right ones: each is named, each passes."""

import functools

import numpy as np
import pytest

from bbvi import Estimate, checks, reparameterized
from bbvi.checks import exercises

GENERIC = (
    "a dropped or misplaced term",
    "everything is scaled by",
    "it vanishes",
    "the right number of entries, stacked",
    "a sum or mean over the wrong axis (samples are axis 0, datapoints 1",
)
L2P = "np.log(2 * np.pi)"
LSE = "np.log(np.sum(np.exp(w - m), axis=0))"

# check -> (arguments, [(body of the wrong answer, part of the message)])
WRONG = {
    "log_normal": (
        "z, mean, log_scale",
        [
            ("(-0.5*((z-mean)/s)**2 - 0.5*np.log(2*np.pi*s)).sum(-1)", "log(2 pi sigma)"),
            (f"(0.5*((z-mean)/s)**2 - 0.5*{L2P} - log_scale).sum(-1)", "square has the wrong sign"),
            (f"(-0.5*((z-mean)/s)**2 - log_scale).sum(-1) - 0.5*{L2P}", "not once"),
            (f"(-0.5*((z-mean)*s)**2 - 0.5*{L2P} - log_scale).sum(-1)", "multiplied by sigma"),
            (f"(-0.5*((z-mean)/s) - 0.5*{L2P} - log_scale).sum(-1)", "square is missing"),
            (f"(-0.5*(z-mean)**2/s - 0.5*{L2P} - log_scale).sum(-1)", "sigma squared is meant"),
            (f"(-0.5*(z-mean)**2 - 0.5*{L2P} - log_scale).sum(-1)", "division by sigma"),
            (f"(-0.5*((z-mean)/s)**2 + 0.5*{L2P} - log_scale).sum(-1)", "constant"),
            (f"(-0.5*((z-mean)/s)**2 - {L2P} - log_scale).sum(-1)", "constant"),
            ("(-0.5*((z-mean)/s)**2 - 0.5*np.log(np.pi) - log_scale).sum(-1)", "log(2 pi)"),
            (f"(-0.5*((z-mean)/s)**2 - 0.5*{L2P} - s).sum(-1)", "sigma where its log"),
            (f"(-0.5*((z-mean)/s)**2 - 0.5*{L2P} - 2*log_scale).sum(-1)", "normalizer -log sigma"),
            (f"(-0.5*((z+mean)/s)**2 - 0.5*{L2P} - log_scale).sum(-1)", "z + mean"),
            (f"-(-0.5*((z-mean)/s)**2 - 0.5*{L2P} - log_scale).sum(-1)", "sign"),
            (f"(-0.5*((z-mean)/s)**2 - 0.5*{L2P} - log_scale).prod(-1)", "prod"),
            (f"(-0.5*((z-mean)/s)**2 - 0.5*{L2P} - log_scale).max(-1)", "max"),
            (
                f"-0.5*np.linalg.norm((z-mean)/s, axis=-1) - (log_scale + 0.5*{L2P}).sum(-1)",
                "length of the vector",
            ),
            (f"(-0.5*((z-mean[0])/s)**2 - 0.5*{L2P} - log_scale).sum(-1)", "first entry of mean"),
            (
                "np.log(np.sum(np.exp(-0.5*((z-mean)/s)**2)/np.sqrt(2*np.pi)/s, -1))",
                "densities of the dimensions are added",
            ),
            (
                f"(np.exp(-0.5*((z-mean)/s)**2) - 0.5*{L2P} - log_scale).sum(-1)",
                "exp of the square",
            ),
            (
                f"(-0.5*((z-mean)/s[0])**2 - 0.5*{L2P} - log_scale[0]).sum(-1)",
                "first entry of log_scale",
            ),
        ],
    ),
    "log_evidence": (
        "w",
        [
            (f"(m := w.max(0)) + {LSE} - np.log(w.shape[1])", "log N where log S"),
            (f"((m := w.max(0)) + {LSE}) / len(w)", "divided by S"),
            (f"((m := w.max(0)) + {LSE}) / np.log(len(w))", "divided by log S"),
            (f"(m := w.max(0)) + {LSE} - len(w)", "S was subtracted"),
            (f"(m := w.max(0)) + {LSE} / len(w)", "the log was divided by S"),
            (f"(m := w.max()) + {LSE} - np.log(len(w))", "one maximum"),
            ("(m := w.min(0)) + np.log(np.exp(w - m).mean(0))", "not the smallest"),
            ("(m := w.mean(0)) + np.log(np.exp(w - m).mean(0))", "not the smallest"),
            ("(m := w[0]) + np.log(np.exp(w - m).mean(0))", "not the smallest, the first"),
            ("w.max(0) + np.log(np.exp(w - w.max()).mean(0))", "is not what was added"),
            ("w.mean() + np.log(np.exp(w - w.mean(0)).mean(0))", "is not what was added"),
            ("w.max(0)", "largest term alone"),
            ("w.sum(0)", "multiplied"),
            ("np.log(np.exp(w).mean())", "everything"),
            ("np.log(np.exp(-w).mean(0))", "exp(-log p)"),
            ("np.exp(w).mean(0)", "density"),
            ("np.log10(np.exp(w).mean(0))", "log10"),
            (f"(m := w.max(0)) + {LSE} - 2*np.log(len(w))", "log(5)"),
            (
                "functools.reduce(lambda a, b: np.logaddexp(a, b) - np.log(2), w)",
                "the mean of two again and again",
            ),
        ],
    ),
    "elbo": (
        "p, q",
        [
            ("(q - p).mean(0)", "exchanged"),
            ("(p - q).mean()", "mean over everything"),
            ("p.mean(0) - q.sum(0)", "log_q was summed"),
            ("(p - 2*q).mean(0)", "counts twice"),
            ("np.exp(p - q).mean(0)", "weights p / q"),
            ("(p / q).mean(0)", "quotient of the logs"),
            ("(p - np.exp(q)).mean(0)", "q where log q"),
            ("(p - q)[0]", "first entry"),
            ("p.mean(0) - (np.exp(q)*q).sum(0)", "once more"),
            ("p.mean(0) + (np.exp(q)*q).mean(0)", "once more"),
            ("np.median(p - q, 0)", "median"),
            ("p.mean(0) - np.log(np.exp(q).mean(0))", "the log of a mean"),
            ("(p - q).max(0)", "max"),
            ("-q.mean(0)", "log_joint is not used|E[log p(x, z)] is missing"),
            ("(p - q).sum(0) / (len(p) - 1)", "S, the number of samples over"),
            ("(p - q).sum(0) / p.shape[1]", "5/3"),
        ],
    ),
    "kl_to_prior": (
        "mean, log_scale",
        [
            ("(0.5*(mean**2 + s**2) - log_scale).sum(-1) - 0.5", "every dimension, not once"),
            ("(0.5*(mean**2 + log_scale**2 - 1) - log_scale).sum(-1)", "sigma for log sigma"),
            ("(0.5*(mean**2 + s**4 - 1) - log_scale).sum(-1)", "sigma^4"),
            ("(0.5*(mean**2 + 1/s**2 - 1) - log_scale).sum(-1)", "1 / sigma^2"),
            ("(0.5*(mean**2 + s**2 - 1) - s).sum(-1)", "its log is meant"),
            ("(0.5*(mean + s**2 - 1) - log_scale).sum(-1)", "the mean is squared"),
            ("(0.5*(s**2 - mean**2 - 1) - log_scale).sum(-1)", "mean^2 / 2 has the wrong sign"),
            ("(0.5*(mean**2 + s**2 + 1) - log_scale).sum(-1)", "-1/2 of each dimension"),
            ("(0.5*(mean**2 + s**2 - 1)).sum(-1)", "-log sigma is missing"),
            ("(0.5*(mean**2 - 1) - log_scale).sum(-1)", "trace sigma^2 / 2 is missing"),
            ("(0.5*(mean**2/s**2 + s**2 - 1) - log_scale).sum(-1)", "divided by sigma"),
            ("(mean**2 + s**2 - 1 - log_scale).sum(-1)", ""),
            (
                "(0.5*(mean**2 - 1) - log_scale).sum(-1) + 0.5*(s**2).prod(-1)",
                "product of the variances",
            ),
            ("(0.5*(mean**2 + s**2 - 1) - log_scale).sum()", "datapoints"),
        ],
    ),
    "gaussian_kl": (
        "m, C, n, P",
        [
            ("kl(m, C, n, P, trace=np.trace(np.linalg.inv(P) * C, axis1=1, axis2=2))", "P @ C"),
            ("kl(m, C, n, P, inverse=1 / P)", "np.linalg.inv(C)"),
            ("kl(m, C, n, P, log_det=np.linalg.det(P) - np.linalg.det(C))", "determinants"),
            (
                "kl(m, C, n, P, log_det=np.log(np.linalg.det(P) * np.linalg.det(C)))",
                "sum of the log det",
            ),
            ("kl(m, C, n, P, distance=((m - n)**2).sum(1))", "distance of the means"),
            ("kl(m, C, n, P, inverse=np.linalg.inv(C))", "cov_q where that of cov_p"),
            ("kl(m, C, n, P, trace=np.trace(C, axis1=1, axis2=2))", "cov_p^-1 is missing"),
            ("kl(m, C, n, P) - 0.5 * np.linalg.slogdet(P)[1]", "log det cov_p is missing"),
            ("kl(m, C, n, P, trace=(np.linalg.inv(P) @ C).sum((1, 2)))", "sum of all entries"),
            ("kl(m, C, n, P) + 0.5", "0.5"),
            ("kl(m, C, n, P, distance=np.linalg.norm(m - n, axis=1))", "P^-1 once"),
            (
                "kl(m, C, n, P, distance=np.einsum('ni,nij->n', (m - n)**2, np.linalg.inv(P)))",
                "P^-1 once",
            ),
            ("kl(m, C, n, P).mean() + 0 * m[:, 0]", ""),
            ("-kl(m, C, n, P)", "sign"),
        ],
    ),
    "iwae_bound": (
        "p, q",
        [
            (
                "(m := (w := p - q).max(0)) + np.log(np.exp(w - m).sum(0)) - np.log(p.shape[1])",
                "log N where log S",
            ),
            ("np.log(np.exp(p - q).sum(0)) / len(p)", "divided by S"),
            ("(m := (w := p - q).max()) + np.log(np.exp(w - m).mean(0))", "one maximum"),
            ("np.log(np.exp(q - p).mean(0))", "exp(-log p)"),
            ("(m := (w := p - q).min(0)) + np.log(np.exp(w - m).mean(0))", "not the smallest"),
            ("np.log(np.exp(p).mean(0)) - np.log(np.exp(q).mean(0))", "quotient of means"),
            ("np.exp(p - q).mean(0)", "exponential"),
            ("(p - q).max(0)", "largest term alone"),
            (
                "(np.exp(w := p - q)*w).sum(0)/np.exp(w).sum(0)",
                "weighted mean of the log weights",
            ),
        ],
    ),
    "score": (
        "z, mean, log_scale",
        [
            (
                "np.stack([(z-mean)/s**2, ((z-mean)/s)**2 - 1], -1).reshape(len(z), len(mean), -1)",
                "interleaved",
            ),
            (
                "np.concatenate([(z-mean)*s**2, ((z-mean)/s)**2 - 1], -1)",
                "multiplied by sigma squared",
            ),
            ("np.concatenate([(z-mean), ((z-mean)/s)**2 - 1], -1)", "division by sigma^2"),
            ("np.concatenate([(z-mean)/s**2, (z-mean)**2 - 1], -1)", "not divided by sigma^2"),
            ("np.concatenate([(z-mean)/s**2, (z-mean)**2/s**3 - 1/s], -1)", "derivative in sigma"),
            ("np.concatenate([(z-mean)/s**2, ((z-mean)/s)**2 + 1], -1)", "-1 has the wrong sign"),
            ("np.concatenate([(z-mean)/s**2, 1 - ((z-mean)/s)**2], -1)", "sign"),
            ("np.concatenate([(z-mean)/s**2, (z-mean)/s - 1], -1)", "square is missing"),
            ("(z-mean)/s**2", "first half alone"),
            ("(z-mean)/s**2 + ((z-mean)/s)**2 - 1", "halves are added"),
        ],
    ),
    "score_gradient": (
        "f, h",
        [
            ("(h / f[..., None]).mean(0)", "divided by f"),
            ("(f.mean(0)[:, None] * h).mean(0)", "product of means"),
            ("(f[..., None] * h**2).mean(0)", "score is squared"),
            ("(f[..., None] * h).sum(0) / (len(f) - 1)", "S - 1"),
            ("(f[..., None] + h).mean(0)", "added"),
            ("(f[..., None] * h).mean(-1)", "axis"),
            ("np.einsum('sn,snp->p', f, h) / len(f)", "axis 0, 1|a sum over axis 1"),
            ("(f[..., None] * h)[0]", "first entry"),
        ],
    ),
    "pathwise_gradient": (
        "g, eps, log_scale",
        [
            ("np.concatenate([g, g*eps/s], -1).mean(0)", "divided by sigma"),
            ("np.concatenate([g*eps, g*eps*s], -1).mean(0)", "eps belongs"),
            ("np.concatenate([g*s, g*eps*s], -1).mean(0)", "sigma belongs"),
            ("np.concatenate([g, eps*s], -1).mean(0)", "df_dz is missing"),
            ("np.concatenate([g, -g*eps*s], -1).mean(0)", "sign of log sigma's"),
            ("-np.concatenate([g, g*eps*s], -1).mean(0)", "sign"),
            (
                "np.stack([g.mean(0), (g*eps*s).mean(0)], -1).reshape(len(log_scale), -1)",
                "interleaved",
            ),
            (
                "np.concatenate([g.sum(0), (g*eps*s).mean(0)], -1)",
                "summed over the samples in one half",
            ),
            ("np.concatenate([g, g*(eps**2 - 1)], -1).mean(0)", "score function's"),
            ("np.concatenate([g, g*(eps + s)], -1).mean(0)", "eps + sigma"),
        ],
    ),
    "score_variance": (
        "mean, s, k",
        [
            ("((d := mean - k)**4 + 14*d**2*s**2 + 15*s**4) / s", "divided by sigma"),
            ("((d := mean - k)**4 + 14*d**2*s**2 + 3*s**4) / s**2", "E eps^6 = 15"),
            ("((d := mean - k)**4 + 18*d**2*s**2 + 15*s**4) / s**2", "not subtracted"),
            ("((d := mean - k)**4 + 10*d**2*s**2 + 15*s**4) / s**2", "subtracted twice"),
            ("((d := mean + k)**4 + 14*d**2*s**2 + 15*s**4) / s**2", "mean + k"),
            ("((d := mean - k)**4 + 2*d**2*s**2 + 15*s**4) / s**2", "cross term"),
            ("(14*(d := mean - k)**2*s**2 + 15*s**4) / s**2", "d^4 is missing"),
        ],
    ),
    "leave_one_out": (
        "f",
        [
            ("(f.sum(0) + f) / (len(f) - 1)", "sign of f"),
            ("(f.sum() - f) / (f.size - 1)", "all datapoints together"),
            ("(f.sum(0) - f) / f.shape[1]", "divided by N"),
            ("np.roll(f, 1, 0)", "previous sample"),
            ("f.mean(0) - f", "counts once"),
            ("(np.cumsum(f, 0) - f) / (len(f) - 1)", "samples before it only"),
            ("np.full_like(f, f.mean())", "everything"),
            (
                "np.array([np.delete(f, s).mean() + 0*f[s] for s in range(len(f))])",
                "np.delete without an axis",
            ),
            ("np.cumsum(f, 0) / np.arange(1, len(f) + 1)[:, None]", "mean up to s"),
        ],
    ),
    "optimal_baseline": (
        "f, h",
        [
            ("(h**2).sum(0) / (f[..., None]*h**2).sum(0)", "upside down"),
            ("(f[..., None]*h**2).mean(0) / (h**2).sum(0)", "denominator is a mean"),
            ("(f[..., None]*h).mean(0) / (h**2).mean(0)", "numerator has h"),
            ("(f[..., None]*h**2).mean(0) / h.var(0)", "Var(h)"),
            ("(f[..., None]**2*h**2).sum(0) / (h**2).sum(0)", "h is squared"),
            ("(f[..., None]*h**2).sum((0, 1)) / (h**2).sum((0, 1))", "all datapoints"),
            ("(f[..., None]*h**2).sum() / (h**2).sum()", "everything"),
        ],
    ),
    "step_1": (
        "lam, rows, grad, rate",
        [
            ("put(lam, rows, rate * grad)", "overwritten"),
            ("put(lam, rows, lam[rows] + rate * grad[::-1])", "reversed order"),
            ("put(lam, rows, lam[rows] + rate * grad.sum(0))", "summed over the minibatch"),
            ("put(lam, rows, lam[rows] + grad / rate)", "divided by the rate"),
            ("put(lam, rows - 1, lam[rows - 1] + rate * grad)", "off by one"),
            ("put(lam, rows, lam[rows] * rate * grad)", "lam is multiplied"),
            ("put(lam, rows, lam[rows] * (1 + rate * grad))", "the step is multiplied by lam"),
            ("put(lam, rows, lam[rows] - grad)", "the sign, and the step size"),
            ("lam + rate * grad.mean()", "outside the minibatch moved"),
            ("put(lam, rows, lam[rows] + grad) * rate", "whole table"),
            ("lam", "nothing moved"),
            ("put(lam, rows, lam[rows] + rate * grad / np.linalg.norm(grad))", "normalized"),
        ],
    ),
    "theta_gradient": (
        "g, N",
        [
            ("N / len(g) * g.mean(0).sum(0)", "S where B is meant|S and B are exchanged"),
            ("N / g.shape[1] * g.sum(0).sum(0)", "summed over the samples"),
            ("N * g.mean((0, 1)) / g.shape[1]", "divided by B twice"),
            ("N / g.shape[2] * g.mean(0).sum(0)", "K, the number"),
            ("g.mean((0, 1))", "mean per datapoint"),
            ("N * g[0].mean(0)", "first"),
            ("N**2 / g.shape[1] * g.mean(0).sum(0)", "60"),
            ("-N * g.mean((0, 1))", "sign"),
            ("N / (N - g.shape[1]) * g.mean(0).sum(0)", "N / (N - B)"),
        ],
    ),
    "bernoulli_log_likelihood": (
        "x, l",
        [
            ("(x*p + (1-x)*(1-p)).sum(-1)", "p where log p"),
            ("((1-x)*np.log(1-p)).sum(-1)", "x log p is missing"),
            ("np.log(p).sum(-1)", "x is not used"),
            ("(x*l).sum(-1)", "softplus is missing|softplus(l) is missing"),
            ("(x*l + np.logaddexp(0, l)).sum(-1)", "softplus"),
            ("(x*l - np.maximum(l, 0)).sum(-1)", "log1p"),
            ("(-(x - p)**2).sum(-1)", "squared error"),
            ("(x*l - np.logaddexp(0, l)).sum()", "everything"),
            ("(x*l - np.abs(l) - np.log1p(np.exp(-np.abs(l)))).sum(-1)", "max(l, 0)"),
            ("(x*l - np.logaddexp(0, l)).prod(-1)", "prod"),
            ("(np.where(x == 1, l, -l) - np.logaddexp(0, l)).sum(-1)", "-softplus(l) alone"),
            ("((x - 1)*l - np.logaddexp(0, l)).sum(-1)", "x - 1 where x is meant"),
        ],
    ),
    "lecture_loss": (
        "x, mx, lx, z, mz, lz",
        [
            ("loss(x, mx, lx, z, mz, lz).sum() + 0 * z[:, 0]", "all images"),
            ("loss(x, mx, 2*lx, z, mz, lz)", "log_scale_x"),
            ("loss(x, mx, -lx, z, mz, lz)", "sigma"),
            ("loss(x, mx, lx, z, mz, -lz)", "log_scale_z|sigma"),
            ("loss(x, mx, lx, mz, mz, lz)", ""),
            ("loss(x, mx, lx, z, 0*mz, lz)", "z where z - mean_z"),
            ("loss(x, mx, lx, z, mz, lz) + 0.5*(z**2).sum(1)", "1/2 of z^2"),
            ("loss(x, mx, lx, z, mz, lz) - x.shape[1]*lx[:, 0]", "log sigma_x is missing"),
            ("loss(x, mx, lx, z, mz, lz) + lz.sum(1)", "log sigma_z is missing"),
            ("-loss(x, mx, lx, z, mz, lz)", "opposite sign"),
        ],
    ),
    "log_mixture": (
        "lw, lp",
        [
            ("np.log(np.sum(np.exp(lp - lw), -1))", "subtracted"),
            ("np.log(np.mean(np.exp(lw + lp), -1))", "divided by K"),
            ("(lw + lp).max(-1)", "largest component"),
            ("(lw + lp).sum(-1)", "logs are added"),
            ("np.log(np.sum(np.exp(lw + lp), 0))", "axis"),
            ("(m := (t := lw + lp).max()) + np.log(np.exp(t - m).sum(-1))", "one maximum"),
            ("np.log(np.sum(np.exp(lw * lp), -1))", "multiplies"),
            ("(lw + lp)[..., 0]", "max|min|median|first|alone|component"),
            ("np.logaddexp.reduce(lw + lp, -1) - np.logaddexp.reduce(lp, -1)", "sum of all N_k"),
            ("(lw * np.exp(lp)).sum(-1)", "log w_k as a weight"),
            (
                "(m := (lw + lp).min(-1)) + np.log(np.exp(lw + lp - m[..., None]).sum(-1))",
                "not the smallest",
            ),
        ],
    ),
    "full_covariance_transform": (
        "eps, mean, L",
        [
            ("mean + eps * L.sum(-1)", "elementwise"),
            ("mean - np.einsum('nij,snj->sni', L, eps)", "sign|wrong sign"),
            ("np.einsum('nij,snj->sni', L, eps + mean)", "mean is not multiplied"),
            ("mean + np.einsum('ij,snj->sni', L[0], eps)", "one L for all"),
            ("mean + eps", "L"),
            ("mean + np.einsum('nij,snj->sni', np.abs(L), eps)", "absolute value of factor"),
            ("mean + np.einsum('nij,nkj,snk->sni', L, L, eps) / 2", "its root is no half"),
            ("mean + eps @ L[0].T", "one L for all"),
            ("mean + eps + np.einsum('nij,snj->sni', L, eps)", "eps is added"),
            ("mean + 0.5 * np.einsum('nij,snj->sni', L, eps)", "halved"),
        ],
    ),
    "bernoulli_score": (
        "z, l",
        [
            ("z - 1/(1+np.exp(l))", "probability of 0|sign of logits|divided by"),
            ("z + 1/(1+np.exp(-l))", "z + p"),
            ("np.broadcast_to(1/(1+np.exp(-l)), z.shape)", "probability"),
            ("z - np.exp(l)", "exp(l)"),
            ("(z - 1/(1+np.exp(-l))).sum(-1)", "sum over axis 2"),
            ("(z - 1/(1+np.exp(-l))).mean(0)", "mean over axis 0"),
            ("z * (1/(1+np.exp(-l)))", ""),
        ],
    ),
    "masked_log_likelihood": (
        "x, seen, l",
        [
            ("(seen * (x*l + np.logaddexp(0, l))).sum(-1)", "softplus"),
            ("(seen[0] * (x*l - np.logaddexp(0, l))).sum(-1)", "one mask"),
            ("-(seen * (x*l - np.logaddexp(0, l))).sum(-1)", "sign"),
            ("(seen * (x*l)).sum(-1)", "softplus"),
            ("(seen * (x*l - np.logaddexp(0, l))).sum()", "everything"),
            ("(seen * x*(x*l - np.logaddexp(0, l))).sum(-1)", "with ink"),
        ],
    ),
    "posterior_mean": (
        "lw, v",
        [
            (
                "((w := np.exp(lw - lw.max())[..., None]) * v).sum(0) / w.sum(0)",
                "one maximum",
            ),
            ("(lw[..., None]*v).sum(0) / lw.sum(0)[:, None]", "log weights"),
            (
                "(np.exp(-lw)[..., None]*v).sum(0) / np.exp(-lw).sum(0)[:, None]",
                "1 / w|sign of log_w",
            ),
            ("(np.exp(lw)[..., None]*v).mean(0) / np.exp(lw).sum(0)[:, None]", "divided by S"),
            ("v[lw.argmax(0), np.arange(v.shape[1])]", "largest weight alone"),
            (
                "(np.exp(lw)[..., None]*v).sum(0) / np.exp(lw).max(0)[:, None]",
                "not normalized|largest weight",
            ),
            ("np.einsum('sn,snx->x', np.exp(lw), v) / np.exp(lw).sum()", ""),
            (
                "(((w := np.exp(lw - lw.max(0)))/w.sum(1)[:, None])[..., None]*v).sum(0)",
                "over the datapoints",
            ),
        ],
    ),
}
PARTS = {
    "gap_split": (
        "p, elbo, best",
        [
            ("(p - best, elbo - best)", "sign"),
            ("(p / best, best / elbo)", "quotient"),
            ("(p - best, p - elbo)", "whole gap"),
            ("((p - best).mean(), (best - elbo).mean())", "averaged"),
            ("(best, elbo)", "not a gap"),
            ("(p - best, (best - elbo) / np.abs(p))", "a fraction of log p"),
        ],
    ),
    "encoder_gradient": (
        "x, g",
        [
            ("(x.T @ g, g.mean(0))", "mean over the datapoints"),
            ("(-x.T @ g, -g.sum(0))", "sign"),
            ("(np.outer(x[0], g[0]), g[0])", "first datapoint"),
            ("(x.T @ g, g.sum(1))", "sums over the parameters"),
            ("(x.T @ g, g.sum())", "everything"),
            ("(x.T @ g, x.sum(0))", "x belongs to dA"),
        ],
    ),
}
TABLE = WRONG | PARTS


def helpers():
    """What the short answers of the table are written with."""

    def kl(m, C, n, P, inverse=None, trace=None, distance=None, log_det=None):
        inverse = np.linalg.inv(P) if inverse is None else inverse
        trace = np.trace(inverse @ C, axis1=1, axis2=2) if trace is None else trace
        if distance is None:
            distance = np.einsum("ni,nij,nj->n", m - n, inverse, m - n)
        if log_det is None:
            log_det = np.linalg.slogdet(P)[1] - np.linalg.slogdet(C)[1]
        return 0.5 * (trace + distance - m.shape[1] + log_det)

    def loss(x, mx, lx, z, mz, lz):
        pixels = (lx + 0.5 * ((x - mx) * np.exp(-lx)) ** 2).sum(axis=1)
        return pixels + (0.5 * z**2 - lz - 0.5 * ((z - mz) * np.exp(-lz)) ** 2).sum(axis=1)

    def put(lam, rows, values):
        lam = lam.copy()
        lam[rows] = values
        return lam

    return {"np": np, "functools": functools, "kl": kl, "loss": loss, "put": put}


def written(arguments, body):
    first = arguments.split(", ")
    setup = ""
    if "log_scale" in first:
        setup = "    s = np.exp(log_scale)\n"
    elif first == ["x", "l"]:
        setup = "    p = 1 / (1 + np.exp(-l))\n"
    if arguments == "f":
        setup += "    if len(f) < 2:\n        raise ValueError\n"
    names = helpers()
    exec(f"def answer({arguments}):\n{setup}    return {body}\n", names)
    return names["answer"]


@pytest.mark.parametrize(
    ("check", "number"),
    [(name, i) for name, (_, wrong) in TABLE.items() for i in range(len(wrong))],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_wrong_answer_is_named(check, number):
    arguments, wrong = TABLE[check]
    body, part = wrong[number]
    answer = written(arguments, body)
    for seed in (0, 2026):
        with pytest.raises(AssertionError) as caught:
            getattr(checks, f"check_{check}")(answer, np.random.default_rng(seed))
        message = str(caught.value).partition("Likely mistake: ")[2]
        assert not [phrase for phrase in GENERIC if phrase in message], message
        assert any(words in str(caught.value) for words in part.split("|")), message


TRAINING = [
    ("lam + rate * e.elbo[:, None]", "the .elbo of the estimate"),
    ("lam + rate * e.grad / 8", "divided by 8"),
    ("lam + e.grad", "rate is missing"),
    ("lam - rate * e.grad", "the sign"),
    ("lam + rate * e.grad.mean(0)", "each row of lam has its own"),
    ("lam + rate * e.grad / (t + 1)", "shrinks"),
    ("rate * e.grad", "lam is replaced"),
    ("lam + rate * np.sign(e.grad)", "sign of the gradient"),
    ("lam + 2 * rate * e.grad", "lam moves twice"),
]


@pytest.mark.parametrize(("step", "part"), TRAINING)
def test_a_wrong_step_of_the_loop_is_named(step, part):
    names = {"np": np}
    exec(
        "def fit(estimator, family, target, lam, rng, num_steps, rate):\n"
        "    for t in range(num_steps):\n"
        "        e = estimator(family, target, lam, family.noise(rng, 8, len(lam)))\n"
        f"        lam = {step}\n"
        "    return lam\n",
        names,
    )
    with pytest.raises(AssertionError, match=part):
        checks.check_step_1_loop(names["fit"], np.random.default_rng(0))


@pytest.mark.parametrize(
    ("z", "noise", "part"),
    [
        ("rng.random((num, D))", "rng.standard_normal((num, Dx))", "rng.random, rng.uniform"),
        ("rng.uniform(-1, 1, (num, D))", "rng.standard_normal((num, Dx))", "rng.uniform"),
        ("rng.uniform(-3**0.5, 3**0.5, (num, D))", "rng.standard_normal((num, Dx))", "rng.uniform"),
        ("rng.standard_normal((num, D))", "rng.uniform(-1, 1, (num, Dx))", "rng.uniform"),
        ("rng.laplace(size=(num, D))", "rng.standard_normal((num, Dx))", "another distribution"),
    ],
)
def test_draws_that_are_not_gaussian_are_named(z, noise, part):
    def sample(rng, W, b, log_sigma, num):
        names = {"rng": rng, "num": num, "D": W.shape[1], "Dx": len(W)}
        code = eval(z, names)
        return code @ W.T + b + np.exp(log_sigma) * eval(noise, names), code

    with pytest.raises(AssertionError, match=part):
        checks.check_ancestral_sampling(sample, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("elbo", "grad", "theta", "part"),
    [
        ("(a + b) / 2", "(a + b) / 2", "(a + b) / 4", r"grad_theta\[.*halved"),
        ("(a + b) / 2", "(a + b) / 2", "a", "not antithetic"),
        ("(a + b) / 2", "(a + b) / 4", "(a + b) / 2", "grad is halved"),
        ("(a + b) / 4", "(a + b) / 2", "(a + b) / 2", "elbo is halved"),
        ("(a + b) / 2", "(a - b) / 2", "(a + b) / 2", "difference"),
        ("(a + b) / 2", "a / 2 + b", "(a + b) / 2", "parentheses"),
    ],
)
def test_a_wrong_part_of_the_antithetic_estimate_is_named(elbo, grad, theta, part):
    def antithetic(family, target, lam, eps):
        one, other = (reparameterized(family, target, lam, sign * eps) for sign in (1, -1))
        slope = one.grad_theta and {
            key: eval(theta, {"a": one.grad_theta[key], "b": other.grad_theta[key]})
            for key in one.grad_theta
        }
        return Estimate(
            eval(elbo, {"a": one.elbo, "b": other.elbo}),
            eval(grad, {"a": one.grad, "b": other.grad}),
            slope,
        )

    with pytest.raises(AssertionError, match=part):
        checks.check_antithetic(antithetic, np.random.default_rng(0))


# check -> (arguments, a right answer written as few would write it)
RIGHT = {
    "log_normal": (
        "z, mean, log_scale",
        "np.log(np.prod(np.exp(-(z-mean)**2/(2*s*s)) / np.sqrt(2*np.pi*s*s), axis=2))",
    ),
    "elbo": ("p, q", "np.einsum('sn->n', p - q) / p.shape[0]"),
    "kl_to_prior": (
        "mean, log_scale",
        "np.array([sum(v) for v in (mean**2+s**2-1-np.log(s**2))/2])",
    ),
    "log_evidence": ("w", "np.array([np.logaddexp.reduce(c) for c in w.T]) - np.log(w.shape[0])"),
    "iwae_bound": ("p, q", "np.logaddexp.reduce(p - q - np.log(len(p)), axis=0)"),
    "score_gradient": ("f, h", "sum(a[:, None] * b for a, b in zip(f, h)) / len(f)"),
    "theta_gradient": ("g, N", "N * np.einsum('sbk->k', g) / (g.shape[0] * g.shape[1])"),
    "optimal_baseline": (
        "f, h",
        "np.einsum('sn,snp,snp->np', f, h, h) / np.einsum('snp,snp->np', h, h)",
    ),
    "leave_one_out": ("f", "f.mean(0) + (f.mean(0) - f) / (len(f) - 1)"),
    "bernoulli_score": ("z, l", "z / (1 + np.exp(l)) - (1 - z) / (1 + np.exp(-l))"),
    "posterior_mean": (
        "lw, v",
        "((w := np.exp(lw - lw.max(0)))[..., None] / w.sum(0)[:, None] * v).sum(0)",
    ),
    "full_covariance_transform": ("eps, mean, L", "mean + (L[None] * eps[:, :, None, :]).sum(-1)"),
    "log_mixture": ("lw, lp", "np.logaddexp.reduce(np.float64(lw) + lp, axis=-1)"),
    "masked_log_likelihood": ("x, seen, l", "(-np.logaddexp(0, (1 - 2*x)*l) * seen).sum(2)"),
}


@pytest.mark.parametrize("check", RIGHT)
def test_an_unusual_right_answer_passes(check):
    for seed in range(4):
        getattr(checks, f"check_{check}")(written(*RIGHT[check]), np.random.default_rng(seed))


@pytest.mark.parametrize("answer", [None, "x", {}, (), (1.0, 2.0), 3.0, [[1.0], [2.0, 3.0]], {1.0}])
def test_an_answer_of_another_kind_is_named_in_every_exercise(answer):
    """Nobody is shown an error of the check's own lines: which check it was is in its name."""
    others = {"check_answer", "check_step_1_loop"}
    for check in sorted(set(exercises.__all__) - others):
        with pytest.raises(AssertionError, match="Likely mistake"):
            getattr(exercises, check)(lambda *arguments: answer, np.random.default_rng(0))
