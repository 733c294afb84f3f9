import json
import zipfile

import numpy as np
import pytest

from bbvi.experiments.checkpoints import (
    NAME,
    PREVIOUS,
    flatten_state,
    foreign_files,
    load_checkpoint,
    resume_logs,
    save_checkpoint,
    unflatten_state,
)
from bbvi.experiments.identity import digest
from bbvi.inference.arguments import begin_with_encoder
from bbvi.lectures.networks import lecture_network
from bbvi.nets import astype
from bbvi.optimizers import adam, sgd

SETTINGS = {"rate": 0.1, "sizes": (3, 4)}


def begin(seed=0, dtype=np.float32, optimizer=None, observed=6):
    network, rng = lecture_network(observed, hidden=5), np.random.default_rng(seed)
    theta = astype(network.model.init(rng), dtype)
    x = np.zeros((7, observed), dtype)
    optimizer = optimizer or adam(0.1)
    return begin_with_encoder(network.encoder, theta, x, rng, optimizer)


def save(folder, seed=0, epoch=3, **changes):
    state = begin(seed)._replace(trace=[(1, -2.5, 0.25, 7), (2, -2.0, 0.5, 14)], position=4)
    rng = np.random.default_rng(seed)
    rng.random(seed + 1)
    save_checkpoint(folder, state, rng, epoch, settings=SETTINGS, **changes)
    return state, rng


def same(first, second):
    left, right = flatten_state(first), flatten_state(second)
    return left.keys() == right.keys() and all(
        left[k].dtype == right[k].dtype and np.array_equal(left[k], right[k]) for k in left
    )


def rewrite(folder, **changes):
    """Change a record as its author would: with a fitting sha256."""
    record = json.loads((folder / NAME).read_text())
    record.pop("record_sha256")
    record.update(changes)
    (folder / NAME).write_text(json.dumps({**record, "record_sha256": digest(record)}))


def test_what_was_saved_is_loaded_to_the_bit(tmp_path):
    state, rng = save(tmp_path, epochs=[{"epoch": 1, "objective": -1.25}])
    loaded, record = load_checkpoint(tmp_path, SETTINGS, begin(seed=9))
    assert same(loaded, state)
    assert not same(loaded, begin(seed=9))
    assert loaded.trace == state.trace
    assert isinstance(loaded.position, int)
    assert type(loaded.theta_moments) is type(state.theta_moments)
    again = np.random.default_rng(5)
    again.bit_generator.state = record["rng"]
    assert again.random() == rng.random()
    assert record["epochs"] == [{"epoch": 1, "objective": -1.25}]
    assert record["epoch"] == 3


def test_an_optimizer_without_state_is_restored_too():
    state = begin(optimizer=sgd(0.1))
    assert same(unflatten_state(begin(1, optimizer=sgd(0.1)), flatten_state(state), "x"), state)


def test_two_generations_stay(tmp_path):
    for epoch in (1, 2, 3):
        save(tmp_path, epoch=epoch)
    names = ["checkpoint-00002.npz", "checkpoint-00003.npz", PREVIOUS, NAME]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


@pytest.mark.parametrize("damaged", [NAME, "checkpoint-00003.npz"])
@pytest.mark.parametrize("how", ["bit", "empty", "gone", "cut"])
def test_a_damaged_checkpoint_costs_one_epoch(tmp_path, damaged, how):
    before, _ = save(tmp_path, seed=1, epoch=2)
    save(tmp_path, seed=2, epoch=3)
    path = tmp_path / damaged
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if how == "gone":
        path.unlink()
    else:
        half = len(content) // 2
        path.write_bytes({"bit": bytes(content), "empty": b"", "cut": content[:half]}[how])
    with pytest.warns(UserWarning, match="from the checkpoint before it"):
        loaded, record = load_checkpoint(tmp_path, SETTINGS, begin())
    assert record["epoch"] == 2
    assert same(loaded, before)


def test_a_users_file_of_a_checkpoints_name_is_never_deleted(tmp_path):
    (tmp_path / "checkpoint-12345.npz").write_bytes(b"mine")
    for epoch in (1, 2, 3):
        save(tmp_path, epoch=epoch)
    assert (tmp_path / "checkpoint-12345.npz").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "change",
    [
        {"settings": None}, {"settings": [1]}, {"arrays": None}, {"arrays": 3}, {"sha256": None},
        {"arrays": "/"}, {"arrays": ".."},
    ],
)  # fmt: skip
def test_a_forged_record_is_the_documented_error(tmp_path, change):
    save(tmp_path)
    rewrite(tmp_path, **change)
    with pytest.raises((ValueError, FileNotFoundError), match=r"damaged|missing"):
        load_checkpoint(tmp_path, SETTINGS, begin())


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"rng": None, "epochs": []}, "damaged: rng"),
        ({"epochs": []}, "damaged: rng"),
        ({"rng": np.random.default_rng(0).bit_generator.state, "epochs": None}, "no epochs"),
        ({"rng": np.random.default_rng(0).bit_generator.state, "epochs": [3]}, "no epochs"),
    ],
)
def test_a_sound_sum_over_a_record_without_its_parts_is_the_documented_error(
    tmp_path, record, what
):
    with pytest.raises(ValueError, match=what):
        resume_logs(tmp_path, record, ["epochs"], np.random.default_rng(1))


def test_a_negative_position_is_the_documented_error(tmp_path):
    state = begin()
    save_checkpoint(
        tmp_path, state._replace(position=-3), np.random.default_rng(0), 1, settings=SETTINGS
    )
    with pytest.raises(ValueError, match="its position is -3"):
        load_checkpoint(tmp_path, SETTINGS, begin())


def test_a_record_nested_too_deep_is_the_documented_error(tmp_path):
    save(tmp_path)
    (tmp_path / NAME).write_text("[" * 100_000)
    with pytest.raises(ValueError, match="not a checkpoint, or damaged"):
        load_checkpoint(tmp_path, SETTINGS, begin())


def test_an_array_that_nobody_expects_is_not_read(tmp_path):
    import hashlib
    import io
    import tracemalloc

    state, _ = save(tmp_path)
    file = io.BytesIO()
    bomb = np.zeros(30_000_000)
    np.savez_compressed(file, **flatten_state(state), bomb=bomb)
    compressed = file.getvalue()
    file = io.BytesIO()
    np.savez(file, **flatten_state(state))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.npy", bytes(240_000_000))
    path = tmp_path / "checkpoint-00003.npz"
    for content, sound in ((compressed, False), (file.getvalue(), True)):
        path.write_bytes(content)
        rewrite(tmp_path, sha256=hashlib.sha256(content).hexdigest())
        tracemalloc.start()
        try:
            if sound:
                assert same(load_checkpoint(tmp_path, SETTINGS, begin())[0], state)
            else:
                with pytest.raises(ValueError, match="is compressed"):
                    load_checkpoint(tmp_path, SETTINGS, begin())
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()


def test_what_a_killed_writer_left_is_cleared_and_nothing_else(tmp_path):
    left = (".checkpoint-00002.npz.bbvi-999999999-4", ".checkpoint.json.bbvi-999999999-4")
    kept = ("checkpoint-best.npz", ".notes", "notes.json", "checkpoint-00001.npz")
    for name in (*left, *kept):
        (tmp_path / name).write_bytes(b"half")
    assert foreign_files(tmp_path) == ["checkpoint-best.npz", "notes.json"]
    save(tmp_path, epoch=3)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {*kept, "checkpoint-00003.npz", NAME}


def test_death_between_the_two_files_leaves_the_earlier_checkpoint(tmp_path, monkeypatch):
    first, _ = save(tmp_path, epoch=1)

    def die(path, record):
        raise KeyboardInterrupt

    monkeypatch.setattr("bbvi.experiments.checkpoints.write_json", die)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, seed=1, epoch=2)
    loaded, record = load_checkpoint(tmp_path, SETTINGS, begin())
    assert record["epoch"] == 1
    assert same(loaded, first)


def test_nothing_is_pickled(tmp_path):
    save(tmp_path)
    with np.load(tmp_path / "checkpoint-00003.npz", allow_pickle=False) as arrays:
        assert all(arrays[key].dtype.kind in "fi" for key in arrays)


def test_no_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint to continue"):
        load_checkpoint(tmp_path, SETTINGS, begin())


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"rate": 0.2, "sizes": (3, 4)}, r"another run: rate is 0\.1 there and 0\.2 here"),
        ({"rate": 0.1}, "sizes is"),
        ({**SETTINGS, "more": 1}, "more is None there and 1 here"),
    ],
)
def test_another_run(tmp_path, settings, match):
    save(tmp_path)
    with pytest.raises(ValueError, match=match):
        load_checkpoint(tmp_path, settings, begin())


@pytest.mark.parametrize("change", [{"format": 99}, {"bbvi": "0.0.0"}, {"code": "other"}])
def test_another_version(tmp_path, change):
    save(tmp_path)
    rewrite(tmp_path, **change)
    with pytest.raises(ValueError, match="another version"):
        load_checkpoint(tmp_path, SETTINGS, begin())


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"format": 1}', "\x00\x01"])
def test_a_record_that_is_not_one(tmp_path, text):
    save(tmp_path)
    (tmp_path / NAME).write_text(text)
    with pytest.raises(ValueError, match="not a checkpoint, or damaged"):
        load_checkpoint(tmp_path, SETTINGS, begin())


def test_a_changed_record(tmp_path):
    save(tmp_path)
    text = (tmp_path / NAME).read_text()
    (tmp_path / NAME).write_text(text.replace('"epoch": 3', '"epoch": 4'))
    with pytest.raises(ValueError, match="changed or damaged"):
        load_checkpoint(tmp_path, SETTINGS, begin())


def test_damaged_and_missing_arrays(tmp_path):
    save(tmp_path)
    path = tmp_path / "checkpoint-00003.npz"
    content = path.read_bytes()
    path.write_bytes(content[:-50])
    with pytest.raises(ValueError, match="damaged"):
        load_checkpoint(tmp_path, SETTINGS, begin())
    path.unlink()
    with pytest.raises(FileNotFoundError, match="not its arrays"):
        load_checkpoint(tmp_path, SETTINGS, begin())


def test_arrays_that_are_no_archive(tmp_path):
    import hashlib

    save(tmp_path)
    (tmp_path / "checkpoint-00003.npz").write_bytes(b"not a zip")
    rewrite(tmp_path, sha256=hashlib.sha256(b"not a zip").hexdigest())
    with pytest.raises(ValueError, match="not an archive"):
        load_checkpoint(tmp_path, SETTINGS, begin())


def test_arrays_of_another_shape_or_dtype(tmp_path):
    save(tmp_path)
    with pytest.raises(ValueError, match="does not fit this run"):
        load_checkpoint(tmp_path, SETTINGS, begin(dtype=np.float64))
    with pytest.raises(ValueError, match="does not fit this run"):
        load_checkpoint(tmp_path, SETTINGS, begin(observed=8))
    with pytest.raises(ValueError, match="is missing"):
        unflatten_state(begin(), {}, "x")


def test_a_path_in_the_record_cannot_lead_elsewhere(tmp_path):
    (tmp_path / "run").mkdir()
    save(tmp_path / "run")
    (tmp_path / "run" / "checkpoint-00003.npz").rename(tmp_path / "elsewhere.npz")
    rewrite(tmp_path / "run", arrays="../elsewhere.npz")
    with pytest.raises(FileNotFoundError, match=r"elsewhere\.npz is missing"):
        load_checkpoint(tmp_path / "run", SETTINGS, begin())


def test_of_long_settings_the_place_that_differs_is_told(tmp_path):
    one, other = (f"{'a' * 300}{number}{'b' * 300}" for number in (1, 2))
    save_checkpoint(tmp_path, begin(), np.random.default_rng(0), 1, settings={"network": one})
    with pytest.raises(ValueError, match="of another run") as error:
        load_checkpoint(tmp_path, {"network": other}, begin())
    said = str(error.value)
    assert "aa1bb" in said
    assert "aa2bb" in said
    assert said.count("a" * 25) == 0
    assert len(said) < 350 + len(str(tmp_path))
