"""Every reproduction by name, in one dict literal."""

from bbvi.experiments.reproductions import noisy_cone, relax_toys
from bbvi.experiments.reproductions.entries import Reproduction

REPRODUCTIONS: dict[str, Reproduction] = {
    "noisy-cone": noisy_cone.ENTRY,
    "relax-toys": relax_toys.ENTRY,
}
