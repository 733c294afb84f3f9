import numpy as np
import pytest

from bbvi.datasets import digits
from bbvi.lectures.evidence import evidence_report
from bbvi.lectures.uses import learn_binary


@pytest.fixture(scope="module")
def report():
    x = digits().x.astype(np.float32)
    rng = np.random.default_rng(0)
    network, fit = learn_binary(x, rng, latent_dim=3, hidden=50, num_steps=1500, progress=False)
    return evidence_report(
        network,
        fit.theta,
        fit.phi,
        x[:60],
        rng,
        num_samples=1000,
        num_second_opinion=40,
        num_temperatures=100,
    )


def test_the_three_opinions_agree(report):
    found = {
        row["method"]: row
        for row in report.rows
        if row["images"] == 40 and (row["proposal"] == "tight" or row["method"] == "AIS")
    }
    assert list(found) == ["IS", "PSIS", "AIS"]
    for first, second in (("IS", "PSIS"), ("PSIS", "AIS"), ("IS", "AIS")):
        a, b = found[first], found[second]
        error = np.hypot(a["standard_error"], b["standard_error"])
        assert abs(a["log_evidence"] - b["log_evidence"]) < 5 * error
        assert abs(a["log_evidence"] - b["log_evidence"] + 0.5) > 5 * error


def test_the_tight_proposal_is_trusted_where_the_encoder_is_not(report):
    tight, encoder = (
        next(r for r in report.rows if r["images"] == 40 and r["proposal"] == proposal)
        for proposal in ("tight", "encoder")
    )
    assert tight["untrusted"] < 0.1 < encoder["untrusted"]
    assert tight["standard_error"] < 0.5 * encoder["standard_error"]


def test_the_bounds_rise_towards_the_evidence(report):
    bounds = [row["bound"] for row in report.bounds]
    assert bounds == sorted(bounds)
    assert [row["K"] for row in report.bounds] == [1, 5, 50, 500]
    ais = report.rows[-1]
    assert bounds[-1] < ais["log_evidence"] + 5 * ais["standard_error"]
    assert bounds[0] < bounds[-1] - 0.1


def test_every_image_has_its_khat(report):
    assert report.psis.khat.shape == (60,)
    assert report.rows[0]["untrusted"] == np.mean(report.psis.khat > report.psis.threshold)
    assert [row["images"] for row in report.rows] == [60, 60, 40, 40, 40, 40, 40]
