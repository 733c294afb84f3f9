import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bbvi.optimizers import adam, advance, cosine_decay, put_rows, sgd, take_rows
from bbvi.plain_optimizers import adagrad, rmsprop


def adam_by_the_paper(params, grads, rate, beta1=0.9, beta2=0.999, tiny=1e-8):
    """Kingma and Ba, Algorithm 1, one step at a time, ascending."""
    m = v = np.zeros_like(params)
    for t, g in enumerate(grads, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        params = params + rate * m_hat / (np.sqrt(v_hat) + tiny)
    return params


def test_sgd_ascends():
    optimizer = sgd(0.1)
    params, state = optimizer.update(np.array([2.0, -1.0]), optimizer.init(np.zeros(2)), np.ones(2))
    np.testing.assert_allclose(params, [1.2, 0.9])
    assert state == ()


def test_adam_is_algorithm_1():
    rng, optimizer = np.random.default_rng(0), adam(0.05, 0.8, 0.99, 1e-6)
    start, grads = rng.standard_normal((3, 2)), rng.standard_normal((7, 3, 2))
    params, state = start, optimizer.init(start)
    for g in grads:
        params, state = optimizer.update(g, state, params)
    expected = adam_by_the_paper(start, grads, 0.05, 0.8, 0.99, 1e-6)
    np.testing.assert_allclose(params, expected, rtol=1e-10)
    assert state.steps == 7


def test_rmsprop_is_its_equation():
    rng, optimizer = np.random.default_rng(0), rmsprop(0.05, 0.8, 1e-6)
    start, grads = rng.standard_normal((3, 2)), rng.standard_normal((7, 3, 2))
    params, state, owned, own_state = start, optimizer.init(start), start.copy(), None
    own_state = optimizer.init(owned)
    expected, v = start, np.zeros_like(start)
    for g in grads:
        params, state = optimizer.update(g, state, params)
        owned, own_state = advance(optimizer, g, own_state, owned)
        v = 0.8 * v + 0.2 * g**2
        expected = expected + 0.05 * g / np.sqrt(v + 1e-6)
    np.testing.assert_allclose(params, expected, rtol=1e-10)
    np.testing.assert_array_equal(owned, params)
    with pytest.raises(ValueError, match="decay is 1"):
        rmsprop(0.1, decay=1)


def test_adagrad_is_its_equation():
    rng, optimizer = np.random.default_rng(0), adagrad(0.05, 1e-6)
    start, grads = rng.standard_normal((3, 2)), rng.standard_normal((7, 3, 2))
    params, state = start, optimizer.init(start)
    owned, own_state = start.copy(), optimizer.init(start)
    for g in grads:
        params, state = optimizer.update(g, state, params)
        owned, own_state = advance(optimizer, g, own_state, owned)
    np.testing.assert_array_equal(owned, params)
    expected = start + sum(
        0.05 * g / (np.sqrt((grads[: k + 1] ** 2).sum(axis=0)) + 1e-6) for k, g in enumerate(grads)
    )
    np.testing.assert_allclose(params, expected, rtol=1e-10)
    with pytest.raises(ValueError, match="rate is 0"):
        adagrad(0)


def test_dicts_are_optimized_entry_by_entry():
    rng = np.random.default_rng(0)
    params = {"W": rng.standard_normal((2, 3)), "log_sigma": np.array(0.3)}
    grads = {"W": rng.standard_normal((2, 3)), "log_sigma": np.array(-2.0)}
    optimizer = adam(0.1)
    state = optimizer.init(params)
    moved = params
    for _ in range(3):
        moved, state = optimizer.update(grads, state, moved)
    for key in params:
        expected = adam_by_the_paper(params[key], [grads[key]] * 3, 0.1)
        np.testing.assert_allclose(moved[key], expected, rtol=1e-10, atol=1e-14)


@settings(max_examples=30)
@given(st.lists(st.sets(st.integers(0, 4), min_size=1), min_size=1, max_size=8))
def test_each_row_keeps_its_own_moments(batches):
    """A table moved by minibatches equals one Adam per row, run on that row's steps alone."""
    rng, optimizer = np.random.default_rng(len(batches)), adam(0.1)
    start = rng.standard_normal((5, 2))
    lam, state, seen = start.copy(), optimizer.init(start, rows=True), [[] for _ in range(5)]
    for batch in batches:
        rows = np.array(sorted(batch))
        grad, before, moments = rng.standard_normal((len(rows), 2)), lam.copy(), state.first.copy()
        lam[rows], moved = optimizer.update(grad, take_rows(state, rows), lam[rows])
        put_rows(state, rows, moved)
        others = np.setdiff1d(np.arange(5), rows)
        np.testing.assert_array_equal(lam[others], before[others])
        np.testing.assert_array_equal(state.first[others], moments[others])
        for row, g in zip(rows, grad):
            seen[row].append(g)
    for row, grads in enumerate(seen):
        np.testing.assert_allclose(lam[row], adam_by_the_paper(start[row], grads, 0.1), atol=1e-12)
    np.testing.assert_array_equal(state.steps[:, 0], [len(grads) for grads in seen])


def test_sgd_has_no_rows_to_keep():
    optimizer = sgd(0.1)
    state = optimizer.init(np.zeros((3, 2)), rows=True)
    rows = np.array([1])
    assert take_rows(state, rows) == ()
    assert put_rows(state, rows, ()) is None


@pytest.mark.parametrize("make", [sgd, adam])
@pytest.mark.parametrize("rate", [0.1, np.float64(0.1)])
def test_float32_stays_float32(make, rate):
    optimizer, params = make(rate), {"a": np.zeros((2, 2), np.float32), "b": np.float32(1.0)}
    state = optimizer.init(params)
    for _ in range(2):
        params, state = optimizer.update(params, state, params)
    assert {np.asarray(value).dtype for value in params.values()} == {np.dtype(np.float32)}
    table = np.zeros((3, 2), np.float32)
    state = optimizer.init(table, rows=True)
    moved, moved_state = optimizer.update(table, state, table)
    assert moved.dtype == np.float32
    if moved_state:
        assert moved_state.first.dtype == np.float32


def test_arguments_are_not_changed():
    optimizer, params, grad = adam(0.1), np.ones(2), np.ones(2)
    state = optimizer.init(params)
    optimizer.update(grad, state, params)
    assert not state.first.any()
    assert state.steps == 0
    np.testing.assert_array_equal(params, 1)


def test_adam_finds_a_maximum():
    optimizer, a = adam(0.1), np.array([3.0, -2.0])
    state = optimizer.init(a)
    for _ in range(500):
        a, state = optimizer.update(-2 * (a - 1), state, a)
    np.testing.assert_allclose(a, 1, atol=1e-3)


def test_a_decaying_rate_falls_from_the_rate_to_zero():
    rate = cosine_decay(0.2, num_steps=10)
    steps = np.arange(1, 14)
    sizes = rate(steps)
    assert sizes[0] == pytest.approx(0.2)
    assert sizes[10:] == pytest.approx(0)
    assert (np.diff(sizes[:11]) < 0).all()
    optimizer = adam(rate)
    params, state = np.zeros(1), optimizer.init(np.zeros(1))
    moves = []
    for _ in range(12):
        moved, state = optimizer.update(np.ones(1), state, params)
        moves.append(float((moved - params)[0]))
        params = moved
    np.testing.assert_allclose(moves, sizes[:12], rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("make", [sgd, adam, lambda rate: cosine_decay(rate, 5)])
@pytest.mark.parametrize("rate", [0.0, -0.1, np.nan, np.inf])
def test_a_rate_must_be_positive(make, rate):
    with pytest.raises(ValueError, match=r"rate is .*expected a positive step size"):
        make(rate)


@pytest.mark.parametrize("make", [sgd, adam, lambda rate: cosine_decay(rate, 5)])
@pytest.mark.parametrize("rate", ["0.1", None])
def test_a_rate_must_be_a_number(make, rate):
    with pytest.raises(TypeError, match=r"rate is .*expected a positive step size"):
        make(rate)


def test_only_adam_takes_a_decaying_rate():
    decay = cosine_decay(0.1, 5)
    assert adam(decay).init(np.zeros(2)).steps == 0
    with pytest.raises(TypeError, match=r"rate is .*\(function\)"):
        sgd(decay)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: adam(0.1, beta1=1.0), r"beta1 is 1\.0; expected a decay in \[0, 1\)"),
        (lambda: adam(0.1, beta2=-0.1), r"beta2 is -0\.1; expected a decay"),
        (lambda: adam(0.1, tiny=0.0), r"tiny is 0\.0; expected a small positive number"),
        (lambda: cosine_decay(0.1, 0), "num_steps is 0; expected at least 1"),
    ],
)
def test_what_would_divide_by_zero_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
def test_overwriting_gives_the_same_numbers_in_the_same_arrays(rows, order):
    rng, optimizer = np.random.default_rng(0), adam(0.1)
    start = np.asarray(rng.standard_normal((300, 400)), order=order)
    params, kept = start.copy(order="K"), start.copy(order="K")
    state, same = optimizer.init(params, rows=rows), optimizer.init(kept, rows=rows)
    for _ in range(3):
        grad = rng.standard_normal(start.shape)
        before = params.copy()
        moved, state = optimizer.update(grad, state, params)
        assert (params == before).all()
        params = moved
        result, same = advance(optimizer, grad, same, kept)
        assert result is kept
        assert (kept == params).all()
        assert (same.second == state.second).all()
        assert (same.steps == state.steps).all()


def test_an_optimizer_without_overwriting_is_advanced_by_its_update():
    params = np.ones(3)
    moved, _ = advance(sgd(0.5), np.ones(3), (), params)
    assert moved.tolist() == [1.5] * 3
    assert params.tolist() == [1.0] * 3


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-9), (np.float32, 1e-3)])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.0, 0.999), (0.9, 0.0), (0.0, 0.0)])
def test_thousands_of_steps_follow_algorithm_1(betas, dtype, rtol):
    rng, optimizer = np.random.default_rng(0), adam(0.01, *betas)
    sizes = np.exp(3 * rng.standard_normal((3, 2)))
    grads = (sizes * rng.standard_normal((3000, 3, 2))).astype(dtype)
    start = rng.standard_normal((3, 2)).astype(dtype)
    params, state = start, optimizer.init(start)
    table, row_state = start, optimizer.init(start, rows=True)
    for g in grads:
        params, state = optimizer.update(g, state, params)
        table, row_state = optimizer.update(g, row_state, table)
    expected = adam_by_the_paper(start.astype(float), grads.astype(float), 0.01, *betas)
    np.testing.assert_allclose(params, expected, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(table, params, rtol=rtol * 1e-2, atol=rtol * 1e-2)


@pytest.mark.parametrize("rows", [False, True])
def test_an_array_without_entries_stays_so(rows):
    optimizer, nothing = adam(0.1), np.zeros((0, 3))
    moved, state = optimizer.update(nothing, optimizer.init(nothing, rows=rows), nothing)
    assert moved.shape == state.first.shape == (0, 3)


def test_a_dict_with_scalars_and_large_arrays_moves_as_its_parts_do():
    rng, optimizer = np.random.default_rng(0), adam(0.1)
    params = {"W": rng.standard_normal((300, 400)), "s": np.zeros(()), "b": np.zeros(5)}
    grad = {key: rng.standard_normal(value.shape) for key, value in params.items()}
    moved, _ = optimizer.update(grad, optimizer.init(params), params)
    for key, value in params.items():
        alone, _ = optimizer.update(grad[key], optimizer.init(value), value)
        assert moved[key].shape == value.shape
        assert (moved[key] == alone).all()
