"""The former name of `bbvi.experiments.user_integrand`, kept for one release."""

from bbvi.experiments.user_integrand import Integrand

__all__ = ["Integrand"]
