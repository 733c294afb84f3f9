import io
import time
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from bbvi.datasets import load_array, load_table
from bbvi.datasets.files import DataFile, read_npz


def table_of(tmp_path, content, header=None):
    (tmp_path / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_table(tmp_path / "t.csv", header)


@pytest.mark.parametrize(
    ("content", "x", "names"),
    [
        (b"\xef\xbb\xbf1.5\n2\n3\n", [[1.5], [2], [3]], None),
        (b"\xef\xbb\xbfa,b\n1,2\n", [[1, 2]], ("a", "b")),
        ('"1.5","2"\n3,4\n5,6\n', [[1.5, 2], [3, 4], [5, 6]], None),
        ('"height, cm","b"\r\n"1","2"\r\n', [[1, 2]], ("height, cm", "b")),
        ("1,2\r3,4\r", [[1, 2], [3, 4]], None),
        ('1, "2"\n\n 3 ,4\n   \n', [[1, 2], [3, 4]], None),
        ("größe\n1e-3\n-.5\n\n", [[1e-3], [-0.5]], ("größe",)),
        ("0,1\n1,0\n", [[0, 1], [1, 0]], None),
        ("5,6\n1,2\n", [[5, 6], [1, 2]], None),
    ],
)
def test_no_row_is_lost_and_no_name_is_data(tmp_path, content, x, names):
    table = table_of(tmp_path, content)
    assert table.x.tolist() == x
    assert table.names == names


@pytest.mark.parametrize("first", ["2019,2020", "1999, 2000,2001", '"0","1","2"'])
def test_numbers_that_may_be_names_are_refused_until_the_caller_decides(tmp_path, first):
    rest = ",".join("5" * (first.count(",") + 1)) + "\n"
    with pytest.raises(ValueError, match=r"names or data\..*header=True or header=False"):
        table_of(tmp_path, f"{first}\n{rest}")
    assert len(table_of(tmp_path, f"{first}\n{rest}", header=True).x) == 1
    data = table_of(tmp_path, f"{first}\n{rest}", header=False)
    assert len(data.x) == 2
    assert data.first_row() == "first row taken for data"
    assert table_of(tmp_path, "a,b\n1,2\n").first_row().endswith("column names (a, b)")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("1_000,2\n3,4\n", "row 1 has the field '1_000'"),
        ("3,4\n1_000,2\n", "row 2 has the field '1_000'"),
        ("1_000,2_000\n3,4\n", "row 1 has the field '1_000'"),
        ("\uff11\uff12,2,3\n", "row 1 has the field '\uff11\uff12'"),
        ("\uff11\uff12,\uff11\uff13\n1,2\n", "row 1 has the field '\uff11\uff12'"),
        ("a,b\n1,2\n\u0661,2\n", "row 2 has the field '\u0661'"),
        ("gr\xf6sse,b\n1,2\n".encode("latin-1"), r"t\.csv is not UTF-8.*Latin-1.*Save it as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), r"t\.csv is not UTF-8.*UTF-16.*Save it as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-le"), r"t\.csv.*UTF-16.*Save it as UTF-8"),
        ("id,2019,2020\n1,2,3\n", "row 1 has the field 'id'.*header=True"),
        ("1.5,NA\n2,3\n", "row 1 has the field 'NA'"),
        ("NA,NA\n2,3\n", "row 1 has the field 'NA'.*header=True"),
        ("?,?\n2,3\n", r"row 1 has the field '\?'"),
        ('"1,000","2,000"\n3,4\n', "row 1 has the field '1,000'"),
        ("\u22121,\u22122\n3,4\n", "row 1 has the field '\u22121'"),
        ("$5,$6\n3,4\n", r"row 1 has the field '\$5'"),
        ("1d3,2d3\n3,4\n", "row 1 has the field '1d3'"),
        ("2020-01-02,2020-01-03\n3,4\n", "row 1 has the field '2020-01-02'"),
        ("1\n\n2\n", "empty line stands before row 2"),
        ("1;2\n3;4\n", "separated by commas"),
        ("a,b\n1,2,3\n", "3 fields but the first row has 2"),
        ('1,"2\n3,4\n', "not a readable"),
        ("1,1e999\n", "NaN or infinite"),
        ("1,\n", "row 1 has the field ''"),
    ],
)
def test_a_doubtful_table_is_refused_by_name(tmp_path, content, match):
    with pytest.raises(ValueError, match=match):
        table_of(tmp_path, content)


def test_a_large_table_takes_a_few_times_its_size(tmp_path):
    """Without the tracing, 3 million rows of 18 MB take about two seconds."""
    rng = np.random.default_rng(0)
    x = rng.integers(1000, 9999, 300_000) / 100
    (tmp_path / "t.csv").write_text("\n".join(f"{value:05.2f}" for value in x))
    size = (tmp_path / "t.csv").stat().st_size
    tracemalloc.start()
    try:
        loaded = load_array(tmp_path / "t.csv")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (loaded[:, 0] == x).all()
    assert peak < 6 * size


def test_a_line_without_end_is_refused_fast(tmp_path):
    start = time.perf_counter()
    with pytest.raises(ValueError, match="a line of more than"):
        table_of(tmp_path, b"," * 100_000_000)
    assert time.perf_counter() - start < 10


def lying(shape, descr="<f8", content=bytes(24)):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


@pytest.mark.parametrize(
    "shape",
    ["(10**12, 3)", "(1000000000000, 3)", f"({2**70}, 3)", "(2, 3)", "(1, 2)", "(-1, -3)", "(1, 3"],
)
def test_a_header_that_lies_is_refused_before_memory_is_taken(tmp_path, shape):
    (tmp_path / "t.npy").write_bytes(lying("(1, 3)"))
    assert load_array(tmp_path / "t.npy").shape == (1, 3)
    (tmp_path / "t.npy").write_bytes(lying(shape))
    with pytest.raises(ValueError, match=r"t\.npy is not a readable \.npy"):
        load_array(tmp_path / "t.npy")


def mutated(content, rng):
    """One random change: bits, a cut, a splice, a repeat, or an interesting text."""
    data, at = bytearray(content), int(rng.integers(len(content)))
    kind = rng.integers(5)
    if kind == 0:
        for place in rng.integers(len(data), size=rng.integers(1, 5)):
            data[place] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        data[at : at + int(rng.integers(1, 9))] = rng.bytes(int(rng.integers(0, 9)))
    elif kind == 3:
        data[at:at] = data[at // 2 : at]
    else:
        texts = (b"\0", b"\xff\xfe", b"9" * 30, b"(", b"-1", b"'", b'"', b"1_0", b"nan", b",,")
        data[at : at + 2] = texts[int(rng.integers(len(texts)))]
    return bytes(data)


def fuzz(read, content, number, seed=0):
    """How often a table came, and the exceptions that are not documented."""
    rng, tables, others = np.random.default_rng(seed), 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(number):
            try:
                read(mutated(content, rng))
                tables += 1
            except ValueError as error:
                # Its subclass UnicodeDecodeError is not what is documented.
                if type(error) is not ValueError:
                    others.append(error)
            except Exception as error:
                others.append(error)
    return tables, others


def npy_file():
    file = io.BytesIO()
    np.save(file, np.arange(12.0).reshape(4, 3))
    return file.getvalue()


def npz_file(save):
    file = io.BytesIO()
    save(file, a=np.arange(12.0).reshape(4, 3))
    return file.getvalue()


def read_archive(content):
    (x,) = read_npz(content, DataFile("data.npz", "", len(content), 10_000), ("a",))
    assert x.nbytes <= 10_000


def read_lying(npy):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", npy)
    read_archive(file.getvalue())


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (npy_file(), "t.npy"),
        (lying("(1, 3)"), "t.npy"),
        (b"a,b\n1,2.5\n-3e2,4\n5,6\n7,8\n", "t.csv"),
        (b'\xef\xbb\xbf"1.5","2"\r\n3,4\r\n', "t.csv"),
    ],
    ids=["npy", "short npy", "csv with names", "quoted csv"],
)
def test_a_mutated_table_is_read_or_refused(tmp_path, content, name):
    def read(changed):
        (tmp_path / name).write_bytes(changed)
        x = load_array(tmp_path / name)
        assert x.ndim == 2
        assert np.isfinite(x).all()

    tables, others = fuzz(read, content, 2500)
    assert not others
    assert 0 < tables < 2500


@pytest.mark.parametrize(
    ("read", "content"),
    [
        (read_archive, npz_file(np.savez)),
        (read_archive, npz_file(np.savez_compressed)),
        (read_lying, npy_file()),
        (read_lying, lying("(1, 3)")),
    ],
    ids=["stored", "deflated", "npy inside", "short npy inside"],
)
def test_a_mutated_archive_is_read_or_refused(read, content):
    tables, others = fuzz(read, content, 2500)
    assert not others
    assert 0 < tables < 2500


def test_the_mutations_would_find_a_reader_without_care():
    """NumPy's and zipfile's errors as they are: what the readers document is something else."""

    def careless(content):
        np.load(io.BytesIO(content), allow_pickle=False)

    assert {type(error).__name__ for error in fuzz(careless, npy_file(), 2500)[1]} >= {"TokenError"}
    _, others = fuzz(careless, npz_file(np.savez), 2500)
    assert len({type(error).__name__ for error in others}) > 1
