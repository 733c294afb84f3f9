import hashlib
import os
import socket
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from bbvi.datasets import mnist
from bbvi.datasets.download import fetch
from bbvi.datasets.files import DataFile
from bbvi.datasets.mnist import GZIPPED, TRAIN_X

DATA = os.environ.get("BBVI_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="BBVI_DATA does not say where MNIST is")


@pytest.fixture
def no_data(tmp_path, monkeypatch):
    monkeypatch.delenv("BBVI_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        return


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    (folder / "good").mkdir(parents=True)
    (folder / "bad").mkdir()
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


@needs_data
def test_grey_mnist():
    train, test, validation = mnist()
    assert train.x.shape == (60000, 784)
    assert test.x.shape == (10000, 784)
    assert validation is None
    assert train.x.dtype == np.float32
    assert (train.x.min(), train.x.max()) == (0, 1)
    # The published mean of the training pixels.
    assert train.x.mean(dtype=np.float64) == pytest.approx(0.1306604, abs=1e-6)
    assert np.bincount(test.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip


@needs_data
def test_larochelle_is_binary_and_sorted_by_class():
    train, test, validation = mnist(binarize="larochelle")
    assert [len(part.x) for part in (train, validation, test)] == [50000, 10000, 10000]
    assert set(np.unique(test.x)) == {0.0, 1.0}
    assert train.labels is None
    # Sorted: the zeros come first and have far more ink than the ones after them.
    ink = test.x.sum(axis=1)
    assert ink[:900].mean() > 1.5 * ink[1000:2000].mean()


@needs_data
def test_amat_text_reads_as_the_packed_bits(tmp_path):
    packed = mnist(binarize="larochelle", dtype=np.float32)
    for name, part in (
        ("train", packed.train),
        ("valid", packed.validation),
        ("test", packed.test),
    ):
        text = np.full((len(part.x), 2 * 784), ord(" "), np.uint8)
        text[:, ::2] = part.x.astype(np.uint8) + ord("0")
        text[:, -1] = ord("\n")
        (tmp_path / f"binarized_mnist_{name}.amat").write_bytes(text.tobytes())
    again = mnist(tmp_path, binarize="larochelle")
    assert (again.test.x == packed.test.x).all()
    assert (again.train.x == packed.train.x).all()


@needs_data
def test_plain_idx_reads_as_the_gzipped(tmp_path):
    import gzip

    for name, file in GZIPPED.items():
        (tmp_path / name).write_bytes(gzip.decompress((Path(DATA) / file.name).read_bytes()))
    assert (mnist(tmp_path).test.x == mnist().test.x).all()


@needs_data
def test_binarizing_by_rule():
    assert set(np.unique(mnist(binarize="threshold").test.x)) == {0.0, 1.0}
    first, second = (
        mnist(binarize="stochastic", rng=np.random.default_rng(seed)).test.x for seed in (0, 1)
    )
    assert (first != second).any()
    with pytest.raises(TypeError, match="rng is None"):
        mnist(binarize="stochastic")


@needs_data
@pytest.mark.parametrize("damage", ["cut", "html", "flip", "pad"])
def test_a_damaged_file_is_refused(tmp_path, damage):
    for file in GZIPPED.values():
        (tmp_path / file.name).symlink_to(Path(DATA) / file.name)
    victim = tmp_path / GZIPPED[TRAIN_X.name].name
    content = victim.read_bytes()
    victim.unlink()
    changed = {
        "cut": content[:-100],
        "html": b"<html>Sign in</html>",
        "flip": content[:50] + bytes([content[50] ^ 1]) + content[51:],
        "pad": content + b"\x00",
    }[damage]
    victim.write_bytes(changed)
    match = {"cut": "truncated", "html": "web page", "flip": "sha256", "pad": "oversized"}[damage]
    with pytest.raises(ValueError, match=match):
        mnist(tmp_path)


def test_absent_data_is_explained_without_the_network(no_data, no_network):
    with pytest.raises(FileNotFoundError) as caught:
        mnist()
    message = str(caught.value)
    for file in GZIPPED.values():
        assert file.name in message
        assert file.sha256 in message
    assert str(no_data) in message
    assert "BBVI_DATA" in message
    assert "download=True" in message


def test_the_missing_file_of_several_is_named(tmp_path):
    names = [file.name for file in GZIPPED.values()]
    for name in names[1:]:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=f"lacks {names[0]}"):
        mnist(tmp_path)


def test_unknown_rule_and_dtype():
    with pytest.raises(ValueError, match="binarize is 'round'"):
        mnist(binarize="round")
    with pytest.raises(TypeError, match="dtype is int64"):
        mnist(dtype=np.int64)


def test_fetch_tries_the_mirrors_in_turn(server, tmp_path):
    pytest.importorskip("pooch")
    folder, address = server
    content = b"the data"
    file = DataFile("x.bin", hashlib.sha256(content).hexdigest(), len(content), len(content))
    (folder / "good" / "x.bin").write_bytes(content)
    (folder / "bad" / "x.bin").write_bytes(b"<html>not here</html>")
    mirrors = [address + "absent/", address + "bad/", address + "good/"]
    found = fetch(file, tmp_path / "into", mirrors)
    assert found.read_bytes() == content
    assert [path.name for path in (tmp_path / "into").iterdir()] == ["x.bin"]


def test_fetch_leaves_nothing_when_every_mirror_fails(server, tmp_path):
    pytest.importorskip("pooch")
    folder, address = server
    (folder / "bad" / "x.bin").write_bytes(b"<html>not here</html>")
    file = DataFile("x.bin", "0" * 64, 100, 100)
    with pytest.raises(ConnectionError, match=r"absent.*404.*bad.*hash"):
        fetch(file, tmp_path / "into", [address + "absent/", address + "bad/"])
    assert list((tmp_path / "into").glob("*")) == []


class Endless(Quiet):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(2**16))
        except OSError:
            return


def test_a_mirror_that_never_ends_is_left(tmp_path):
    pytest.importorskip("pooch")
    file = DataFile("x.bin", "0" * 64, 100_000, 100_000)
    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            with pytest.raises(ConnectionError, match="more than the expected 100000 bytes"):
                fetch(file, tmp_path / "into", [f"http://127.0.0.1:{running.server_port}"])
        finally:
            running.shutdown()
            thread.join()
    assert list((tmp_path / "into").glob("*")) == []


def test_mirrors_are_a_list(tmp_path):
    with pytest.raises(TypeError, match=r"mirrors is the string .*; expected a list"):
        mnist(tmp_path, download=True, mirrors="http://127.0.0.1/")


def test_download_fills_the_folder_only_when_asked(server, tmp_path):
    pytest.importorskip("pooch")
    _, address = server
    with pytest.raises(ConnectionError, match="no mirror gave train-images"):
        mnist(tmp_path / "into", download=True, mirrors=[address + "absent/"])


@needs_data
def test_download_from_a_loopback_mirror(server, tmp_path, monkeypatch):
    pytest.importorskip("pooch")
    folder, address = server
    for file in GZIPPED.values():
        (folder / "good" / file.name).symlink_to(Path(DATA) / file.name)
    mirrors = [address + "absent/", address + "good"]
    # "~" as typed, e.g. in a script, where no shell expands it.
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(folder)
    downloaded = mnist("~/into", download=True, mirrors=mirrors)
    assert len(list((tmp_path / "into").iterdir())) == 4
    assert (downloaded.test.x == mnist().test.x).all()


def test_download_without_pooch_says_what_to_install(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match="pip install pooch requests"):
        mnist(tmp_path, download=True)
