"""The hostile campaign's short version passes, and it reports what is planted."""

import contextlib
import subprocess
import sys

import faults
import numpy as np
import pytest

import bbvi
from bbvi.inference import Fit


@pytest.mark.slow
def test_the_short_campaign_ends_as_it_should_and_sees_every_broken_target():
    command = [sys.executable, faults.__file__, "--quick", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith(" 0 failures")
    controls = [name for of in faults.CONTROLS.values() for name in of]
    assert len(set(controls)) == len(controls) >= 10
    for name in controls:
        assert f"control: {name} " in done.stdout


def test_failures_come_first_and_a_control_that_sees_nothing_is_one(monkeypatch):
    def campaign(rng, count):
        yield from [("sound", "")] * count
        yield "planted", "KeyError: 'x'"

    blind = {"a blind control": (contextlib.nullcontext, campaign, 2, "sound")}
    monkeypatch.setattr(faults, "CAMPAIGNS", {"files": (campaign, 3, 30)})
    monkeypatch.setattr(faults, "CONTROLS", {"files": blind})
    table, failures = faults.report(["files"], True, 0)
    assert failures == 2
    _, first, example, second, *rest = table.splitlines()
    assert first.split() == ["planted", "1", "1"]
    assert example.strip() == "KeyError: 'x'"
    assert second.startswith("control: a blind control")
    assert rest[1].split() == ["sound", "3", "0"]


def test_a_fit_whose_list_of_names_is_damaged_is_refused(tmp_path):
    path = tmp_path / "fit.npz"
    model = bbvi.LinearGaussian(2, 4)
    x = np.random.default_rng(0).standard_normal((6, 4))
    rng = np.random.default_rng(1)
    bbvi.fit_bbvi(model, bbvi.DiagonalGaussian(2), x, rng, num_steps=1, progress=False).save(path)
    content = path.read_bytes()
    place = content.rindex(b"theta/W")
    path.write_bytes(content[:place] + b"thetb" + content[place + 5 :])
    with pytest.raises(ValueError, match="holds no fit that can be read"):
        Fit.load(path)


def test_a_fit_that_would_unpack_to_more_than_its_file_is_refused(tmp_path):
    path = tmp_path / "bomb.npz"
    columns = {f"trace/{key}": np.zeros(1) for key in ("step", "elbo", "seconds", "evaluations")}
    table = {**columns, "lam": np.zeros((10**6, 2)), "has_phi": np.array(False)}
    np.savez_compressed(path, **table)
    with pytest.raises(ValueError, match="is compressed"):
        Fit.load(path)
    np.savez(path, **table, other=np.zeros(10**6))
    assert Fit.load(path).lam.shape == (10**6, 2)
