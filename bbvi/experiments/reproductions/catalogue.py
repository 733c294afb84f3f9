"""Every reproduction by name, in one dict literal."""

from bbvi.experiments.reproductions import (
    aevb_monte_carlo_em,
    aevb_wake_sleep,
    autoencoder,
    belief_network,
    binary_toys,
    gaussian_variances,
    iwae_ordering,
    logistic_posterior,
    noisy_cone,
    relax_toys,
    signal_to_noise,
)
from bbvi.experiments.reproductions.entries import Reproduction

REPRODUCTIONS: dict[str, Reproduction] = {
    "noisy-cone": noisy_cone.ENTRY,
    "relax-toys": relax_toys.ENTRY,
    "gaussian-variances": gaussian_variances.ENTRY,
    "logistic-posterior": logistic_posterior.ENTRY,
    "binary-toys": binary_toys.ENTRY,
    "signal-to-noise": signal_to_noise.ENTRY,
    "autoencoder": autoencoder.ENTRY,
    "belief-network": belief_network.ENTRY,
    "iwae-ordering": iwae_ordering.ENTRY,
    "aevb-wake-sleep": aevb_wake_sleep.ENTRY,
    "aevb-monte-carlo-em": aevb_monte_carlo_em.ENTRY,
}
