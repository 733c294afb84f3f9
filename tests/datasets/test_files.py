import gzip
import hashlib
import io

import numpy as np
import pytest

from bbvi.datasets.files import (
    DataFile,
    gunzip,
    parse_idx,
    read_checked,
    read_npz,
    search_folders,
    user_cache,
)


def described(content, unpacked=1000):
    return DataFile("data.bin", hashlib.sha256(content).hexdigest(), len(content), unpacked)


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def test_search_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("BBVI_DATA", raising=False)
    assert search_folders(None) == [user_cache()] == [tmp_path / "cache" / "bbvi"]
    monkeypatch.setenv("BBVI_DATA", str(tmp_path / "data"))
    assert search_folders(None) == [tmp_path / "data", user_cache()]
    assert search_folders(tmp_path / "mine") == [tmp_path / "mine"]


def test_read_checked_returns_the_right_file(tmp_path):
    (tmp_path / "data.bin").write_bytes(b"abc")
    assert read_checked(tmp_path / "data.bin", described(b"abc")) == b"abc"


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"abcdefg", "truncated: 7 bytes; expected 8"),
        (b"abcdefghi", "oversized: 9 bytes; expected 8"),
        (b"abcdefgH", "has sha256 .*; expected"),
        (b"<!DOCTYPE html><title>404</title>", "is a web page"),
        (b"\n<html>", "is a web page"),
        (b"", "truncated"),
    ],
)
def test_read_checked_refuses(tmp_path, content, match):
    (tmp_path / "data.bin").write_bytes(content)
    with pytest.raises(ValueError, match=match):
        read_checked(tmp_path / "data.bin", described(b"abcdefgh"))


def test_read_checked_names_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="is missing; expected sha256"):
        read_checked(tmp_path / "data.bin", described(b"abc"))


def test_gunzip_stops_at_the_cap():
    bomb = gzip.compress(bytes(5_000_000))
    assert len(gunzip(bomb, described(bomb, unpacked=5_000_000))) == 5_000_000
    with pytest.raises(ValueError, match="more than the 1000 bytes"):
        gunzip(bomb, described(bomb))


def test_gunzip_refuses_what_is_not_whole_gzip():
    content = gzip.compress(b"hello, hello, hello")
    with pytest.raises(ValueError, match="ends in the middle"):
        gunzip(content[:-4], described(content))
    with pytest.raises(ValueError, match="not gzip data"):
        gunzip(b"plain text", described(content))


def test_read_npz():
    content = npz(a=np.arange(3), b=np.eye(2))
    a, b = read_npz(content, described(content), ("a", "b"))
    assert a.tolist() == [0, 1, 2]
    assert (b == np.eye(2)).all()


def test_read_npz_refuses():
    content = npz(a=np.arange(3))
    with pytest.raises(ValueError, match="archive of b"):
        read_npz(content, described(content), ("b",))
    with pytest.raises(ValueError, match="more than the 10 allowed"):
        read_npz(content, described(content, unpacked=10), ("a",))
    with pytest.raises(ValueError, match="not the expected"):
        read_npz(content[:40], described(content), ("a",))
    pickled = npz(a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"allow_pickle|Object arrays"):
        read_npz(pickled, described(pickled), ("a",))


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4)])
def test_parse_idx(shape):
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    assert (parse_idx(idx(array), "x") == array).all()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "not an IDX file"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x00", "not an IDX file"),
        (idx(np.zeros(5, np.uint8))[:-1], "does not fit"),
        (idx(np.zeros(5, np.uint8)) + b"\x00", "does not fit"),
        (b"\x00\x00\x08\x03\x00\x00", "not an IDX file"),
        # 2^31 * 2^31 * 4 values are 0 modulo 2^64.
        (b"\x00\x00\x08\x03" + 2 * b"\x80\x00\x00\x00" + b"\x00\x00\x00\x04", "does not fit"),
    ],
)
def test_parse_idx_refuses(content, match):
    with pytest.raises(ValueError, match=match):
        parse_idx(content, "x")
