"""The hand-derived back end: batched log-joints and gradients in blocked NumPy.

For a `DeepLatentModel` with decoder outputs l(z) and a block of R rows (samples x datapoints),

    log p(x, z) = log p(z) + log p(x | l),       h_k = a(W_k^T h_{k-1} + b_k),   l = W^T h + b.

The matrix products with W (H x Dx) cost 2 R H Dx operations each, one for the value, one for d/dz
and one for d/dtheta: the floor.  Everything else is passes over (Dx, R) numbers, each as dear as
several percent of a product, so that what is fast is what needs few of them:

1. *Rows in blocks.*  (S, N, Dx) arrays are never formed.  A block of about 2 MB goes through all
   passes while it is near the processor, in buffers that are used again; memory does not grow
   with S or N (`blocks`).
2. *Features first.*  Activations are (width, R), so that sums over pixels run along contiguous
   memory: matrix-vector products with a vector of ones (`layers`).
3. *One transcendental function for a Bernoulli pixel.*  With y = 1 - 2 x and f = 1 + exp(y l),

       log p(x | l) = -sum_j log f_j,       d log p / dl = y / f - y,

   so that the exp of the value is the derivative's as well, and the logarithm is taken of products
   of 16 factors at once (`likelihoods.bernoulli`).  Constants of a gradient, as a Gaussian's
   1 / sigma, are put on the narrow hidden layer (`layers`).
4. *Data once.*  y is shared by all samples of a datapoint: it is laid out once for a block's rows,
   serves the blocks after it that hold other samples of the same datapoints, and is kept where
   theta and x stay for several evaluations, as in Step 1.
5. *Biases for nothing.*  With a row of ones below h, [W; b^T]^T [h; 1] adds them inside the
   product, where the rows are so many that stacking W and b is cheap.
6. *Gradients as products.*  With g = d log p / dl for all rows, d/dh = W g, and
   d/dW = (w h) g^T sums over samples and datapoints inside the product; the weights w (S, N) of
   an estimator go on the narrow h.
7. *Threads around blocks.*  A thread takes whole blocks through products and passes, BLAS held to
   one thread in each; where a thread's share is too small to pay for its waking, one thread does
   it all (`evaluate`, `bbvi.threads`).

``x . l = h . (W x) + b . x`` would save the pass that forms y l, for one more product of H x Dx
per *datapoint*; that is worth more than a pass only beyond some 20 samples, and it turns a certain
pixel's exact 0 into a difference of large numbers, so it is not used.

A `ConvNet` decoder or encoder goes through the same blocks: its convolutions are matrix products on
columns, laid out in runs of R numbers because features come first (`linear_maps`, `conv_layers`).

A prior and a likelihood are each a small module of functions: `priors` and `likelihoods` map the
model's type to them, and a new one is one entry there.  One that is not there is differentiated by
autograd, alone, inside each block (`by_autodiff`).
"""

from bbvi.backends.kernel.encoder import encode
from bbvi.backends.kernel.prepared import check_supports, supports
from bbvi.backends.kernel.targets import target, unchecked_target

__all__ = ["check_supports", "encode", "supports", "target", "unchecked_target"]
