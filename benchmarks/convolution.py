"""A convolutional autoencoder's ELBO and all its gradients: this kernel, torch eager and jax.

    pip install -e ".[bench]"
    python benchmarks/convolution.py            # about a minute

N = 128 images of 28 x 28, float32; encoder: 16 and 32 channels 3 x 3 with stride 2, then dense to
lam; decoder: its mirror image.  One draw of z for each image, the same noise for all.  Each
contender's ELBO and gradients are compared with the float64 autograd reference before the clock
runs.  The floor is the kernel's matrix products alone, at the shapes of its blocks, on its threads.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl
from timing import interleaved

import bbvi
from bbvi.backends import autodiff, kernel
from bbvi.backends.kernel.conv_layers import ConvLayers
from bbvi.backends.kernel.linear_maps import places_of
from bbvi.environment import environment
from bbvi.experiments.csv_and_json import format_table, write_csv, write_json
from bbvi.nets import Conv, ConvNet, Dense, TransposedConv, astype, join, part
from bbvi.threads import cut, run_shares, thread_count
from bbvi.types import Array, Theta

PIXELS, D = 784, 2
ENCODER = ConvNet((1, 28, 28), (Conv(16, 3, 2, 1), Conv(32, 3, 2, 1), Dense(2 * D)))
DECODER = ConvNet(
    D, (Dense((32, 7, 7)), TransposedConv(16, 3, 2, 1, 1), TransposedConv(1, 3, 2, 1, 1))
)
FAMILY = bbvi.DiagonalGaussian(D)
MODEL = bbvi.DeepLatentModel(bbvi.StandardNormal(D), DECODER, bbvi.BernoulliLikelihood())
LOG_2PI = float(np.log(2 * np.pi))
TOLERANCE = 2e-3

Run = Callable[[], Any]


def main() -> int:
    args = parse()
    threadpoolctl.threadpool_limits(args.threads, user_api="blas")
    rng = np.random.default_rng(args.seed)
    theta, phi = part(MODEL.init(rng), "decoder"), ENCODER.init(rng)
    x = (rng.random((args.images, PIXELS)) < 0.3).astype(np.float64)
    eps = rng.standard_normal((1, args.images, D))
    expected = _ours(autodiff, theta, phi, x, eps)()
    theta, phi = astype(theta, np.float32), astype(phi, np.float32)
    x, eps = x.astype(np.float32), eps.astype(np.float32)
    makers = {"torch": _torch, "jax.jit": _jax}
    contenders = {"kernel": _ours(kernel, theta, phi, x, eps)}
    for name in (name for name in makers if name not in args.without):
        contenders[name] = makers[name](theta, phi, x, eps, args.threads)
    for name, run in contenders.items():
        compare(name, run(), expected)
    contenders["floor"] = _products_alone(theta, phi, args.images)
    times = interleaved(contenders, args.rounds, args.seconds)
    rows = [{"contender": name, "ms": ms} for name, ms in times.items()]
    lines = [{"contender": name, "ms": f"{ms:.2f}"} for name, ms in times.items()]
    print(format_table(lines, ("contender", "ms")))
    for name in ("torch", "jax.jit", "floor"):
        if name in times:
            print(f"{name} / kernel: {times[name] / times['kernel']:.2f}")
    args.out.mkdir(parents=True, exist_ok=True)
    write_csv(args.out / "convolution.csv", rows)
    write_json(args.out / "convolution.json", environment() | {"threads": args.threads})
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=128, help="N (default 128)")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contender (9)")
    parser.add_argument("--seconds", type=float, default=0.3, help="length of a turn (0.3)")
    parser.add_argument(
        "--threads", type=int, default=2, help="of all but jax, which takes every CPU (default 2)"
    )
    parser.add_argument("--without", nargs="*", default=[], choices=("torch", "jax.jit"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("bbvi-out/benchmarks"))
    return parser.parse_args()


def compare(name: str, found: list[Array], expected: list[Array]) -> None:
    """Stop unless the mean ELBO and every gradient agree with the reference."""
    for a, b in zip(found, expected, strict=True):
        worst = np.abs(np.asarray(a) - b).max() / np.abs(b).max()
        if np.shape(a) != np.shape(b) or not worst <= TOLERANCE:
            sys.exit(f"{name} disagrees with the reference: relative difference {worst:.1e}.")


def _flat(elbo: Any, theta: Theta, phi: Theta) -> list[Array]:
    return [elbo, *(theta[k] for k in sorted(theta)), *(phi[k] for k in sorted(phi))]


def _ours(backend: Any, theta: Theta, phi: Theta, x: Array, eps: Array) -> Run:
    def run() -> list[Array]:
        lam, pullback = backend.encode(ENCODER, phi, x)
        target = backend.unchecked_target(MODEL, join(decoder=theta), x)
        elbo, grad, dtheta = bbvi.reparameterized_mc(FAMILY, target, lam, eps)
        return _flat(elbo.mean(), part(dtheta, "decoder"), pullback(grad))

    return run


def _torch(theta: Theta, phi: Theta, x: Array, eps: Array, threads: int) -> Run:
    import torch
    from torch.nn.functional import conv2d, conv_transpose2d, relu, softplus

    torch.set_num_threads(threads)
    params = [{k: torch.tensor(v, requires_grad=True) for k, v in p.items()} for p in (theta, phi)]
    images, noise = torch.tensor(x).view(-1, 1, 28, 28), torch.tensor(eps[0])

    def elbo(t: Any, p: Any) -> Any:
        h = relu(conv2d(images, p["W0"], p["b0"], 2, 1))
        h = relu(conv2d(h, p["W1"], p["b1"], 2, 1))
        lam = h.flatten(1) @ p["W2"] + p["b2"]
        z = lam[:, :D] + torch.exp(lam[:, D:]) * noise
        h = relu(z @ t["W0"] + t["b0"]).view(-1, 32, 7, 7)
        h = relu(conv_transpose2d(h, t["W1"], t["b1"], 2, 1, 1))
        logits = conv_transpose2d(h, t["W2"], t["b2"], 2, 1, 1)
        log_lik = (images * logits - softplus(logits)).sum((1, 2, 3))
        log_prior = -0.5 * (z**2 + LOG_2PI).sum(-1)
        return log_lik + log_prior + (lam[:, D:] + 0.5 * (noise**2 + LOG_2PI)).sum(-1)

    def run() -> list[Array]:
        each = elbo(*params)
        tensors = [value for p in params for value in p.values()]
        grads = iter(torch.autograd.grad(each.sum(), tensors))
        found = [{k: next(grads).numpy() for k in p} for p in params]
        return _flat(each.mean().detach().numpy(), *found)

    return run


def _jax(theta: Theta, phi: Theta, x: Array, eps: Array, threads: int) -> Run:
    import jax
    import jax.numpy as jnp

    def conv(h: Any, weight: Any, bias: Any) -> Any:
        names = ("NCHW", "OIHW", "NCHW")
        out = jax.lax.conv_general_dilated(
            h, weight, (2, 2), ((1, 1), (1, 1)), dimension_numbers=names
        )
        return out + bias[:, None, None]

    def transposed(h: Any, weight: Any, bias: Any) -> Any:
        names = ("NCHW", "OIHW", "NCHW")
        flipped = weight.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
        out = jax.lax.conv_general_dilated(
            h, flipped, (1, 1), ((1, 2), (1, 2)), lhs_dilation=(2, 2), dimension_numbers=names
        )
        return out + bias[:, None, None]

    def total(t: Any, p: Any, images: Any, noise: Any) -> Any:
        h = jax.nn.relu(conv(images, p["W0"], p["b0"]))
        h = jax.nn.relu(conv(h, p["W1"], p["b1"]))
        lam = h.reshape(len(h), -1) @ p["W2"] + p["b2"]
        z = lam[:, :D] + jnp.exp(lam[:, D:]) * noise
        h = jax.nn.relu(z @ t["W0"] + t["b0"]).reshape(-1, 32, 7, 7)
        h = jax.nn.relu(transposed(h, t["W1"], t["b1"]))
        logits = transposed(h, t["W2"], t["b2"])
        log_lik = (images * logits - jax.nn.softplus(logits)).sum((1, 2, 3))
        log_prior = -0.5 * (z**2 + LOG_2PI).sum(-1)
        return (log_lik + log_prior + (lam[:, D:] + 0.5 * (noise**2 + LOG_2PI)).sum(-1)).sum()

    compiled = jax.jit(jax.value_and_grad(total, (0, 1)))
    given = jax.device_put((theta, phi, x.reshape(-1, 1, 28, 28), eps[0]))

    def run() -> list[Array]:
        value, (dtheta, dphi) = jax.block_until_ready(compiled(*given))
        return _flat(value / len(x), dtheta, dphi)

    return run


def _products_alone(theta: Theta, phi: Theta, num_images: int) -> Run:
    """The three products of each layer, on memory that is there; the encoder's first has two."""
    rows = cut(num_images, thread_count(None))
    R = rows[0].stop
    triples = []
    for net, params in ((ENCODER, phi), (DECODER, theta)):
        for linear in ConvLayers(net, params, 1.0).parts:
            W = np.ascontiguousarray(linear.weight)
            width = R * int(np.prod(places_of(linear)))
            made = [np.ones((len(W), width), np.float32), np.ones((W.shape[1], width), np.float32)]
            triples.append((W, *made, net is ENCODER and linear.number == 0))
    outs = [
        [(np.empty_like(a), np.empty_like(b), np.empty_like(W)) for W, a, b, _ in triples]
        for _ in rows
    ]

    def work(share: int) -> None:
        for (W, a, b, first), (out_a, out_b, out_W) in zip(triples, outs[share]):
            np.matmul(W, b, out=out_a)
            np.matmul(a, b.T, out=out_W)
            if not first:
                np.matmul(W.T, a, out=out_b)

    return lambda: run_shares(work, range(len(rows)))


if __name__ == "__main__":
    sys.exit(main())
