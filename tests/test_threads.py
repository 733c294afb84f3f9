"""Hands of work on threads: order, errors, and BLAS as it was before."""

import threading
import weakref

import numpy as np
import pytest
import threadpoolctl

from bbvi import threads
from bbvi.threads import cut, deal, one_blas_thread, run_hands, thread_count


def blas_threads():
    """Of the libraries loaded when the first hands were run: NumPy's at least."""
    return one_blas_thread._count()


@pytest.mark.parametrize(("total", "parts"), [(10, 3), (3, 3), (7, 1), (0, 1), (2, 5)])
def test_cut_covers_everything_once_and_evenly(total, parts):
    slices = cut(total, parts)
    assert [i for part in slices for i in range(part.start, part.stop)] == list(range(total))
    lengths = [part.stop - part.start for part in slices]
    assert max(lengths) - min(lengths) <= 1


def test_deal_gives_no_empty_hand():
    assert deal([1, 2, 3], 5) == [[1], [2], [3]]
    assert deal([1, 2, 3], 2) == [[1], [2, 3]]


@pytest.mark.parametrize("hands", [[5], [1, 2], list(range(20))])
def test_results_come_in_the_order_of_the_hands(hands):
    assert run_hands(lambda hand: hand**2, hands) == [hand**2 for hand in hands]


def test_blas_is_held_to_one_thread_and_restored():
    before = blas_threads()
    inside = run_hands(lambda hand: blas_threads(), [1, 2])
    assert all(set(found) == {1} for found in inside)
    assert blas_threads() == before


@pytest.mark.parametrize("bad", [0, 1])
def test_an_error_reaches_the_caller_and_blas_is_restored(bad):
    def work(hand):
        if hand == bad:
            raise ZeroDivisionError(f"hand {hand}")
        return hand

    before = blas_threads()
    with pytest.raises(ZeroDivisionError, match=f"hand {bad}"):
        run_hands(work, [0, 1])
    assert blas_threads() == before


def test_the_caller_takes_over_what_no_thread_has_begun(monkeypatch):
    crew, release = threads._Crew(), threading.Event()
    monkeypatch.setattr(threads, "_crew", lambda process: crew)
    blocker = threads._Job(lambda event: event.wait(), release)
    crew.submit([blocker])
    names = run_hands(lambda hand: threading.current_thread().name, [0, 1])
    release.set()
    blocker.wait()
    assert blocker.take_result()
    assert names == [threading.current_thread().name] * 2


def test_hands_are_done_at_the_same_time():
    meeting = threading.Barrier(3)
    assert run_hands(lambda hand: meeting.wait(timeout=10) >= 0, range(3)) == [True] * 3


def test_entering_concurrently_restores_once():
    before = blas_threads()
    inside, leave = threading.Event(), threading.Event()

    def other():
        with one_blas_thread:
            inside.set()
            leave.wait()

    thread = threading.Thread(target=other, daemon=True)
    thread.start()
    inside.wait()
    with one_blas_thread:
        assert thread_count(None) == min(before)
    assert thread_count(None) == min(before)
    leave.set()
    thread.join()
    assert blas_threads() == before


@pytest.mark.parametrize("moment", ["entering", "leaving"])
def test_what_an_interrupt_left_is_restored_when_somebody_asks(moment, monkeypatch):
    before = blas_threads()
    actual, calls = one_blas_thread._set, []

    def interrupted(counts):
        calls.append(counts)
        if len(calls) == (1 if moment == "entering" else 2):
            actual([1] * len(counts))
            raise KeyboardInterrupt
        actual(counts)

    monkeypatch.setattr(one_blas_thread, "_set", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_hands(lambda hand: hand, [0])
    assert thread_count(None) == min(before)
    assert blas_threads() == before


def test_the_thread_count():
    assert thread_count(3) == 3
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        assert thread_count(None) == 1
    with pytest.raises(ValueError, match="num_threads is 0; expected at least 1"):
        thread_count(0)
    with pytest.raises(TypeError, match=r"num_threads is 1\.5"):
        thread_count(1.5)


def test_callers_in_several_threads_hold_blas_and_give_it_back_whoever_leaves_last():
    before = blas_threads()
    both, first_left, finish = threading.Barrier(2), threading.Event(), threading.Event()
    seen = []

    def first():
        run_hands(lambda hand: both.wait(timeout=10), [0])
        first_left.set()
        finish.wait(timeout=10)

    def inside(hand):
        both.wait(timeout=10)
        first_left.wait(timeout=10)
        seen.append(blas_threads())

    thread = threading.Thread(target=first)
    thread.start()
    run_hands(inside, [0])
    assert blas_threads() == before
    finish.set()
    thread.join()
    assert seen == [[1] * len(before)]

    other = threading.Thread(target=run_hands, args=(lambda hand: seen.append(blas_threads()), [0]))
    other.start()
    other.join()
    assert seen[1] == [1] * len(before)
    assert blas_threads() == before


def test_a_hand_is_done_in_the_callers_context():
    everyone = threading.Barrier(3)

    def work(hand):
        everyone.wait(timeout=10)
        return np.geterr()["over"]

    with np.errstate(over="ignore"):
        assert run_hands(work, range(3)) == ["ignore"] * 3


def test_what_waits_in_the_queue_keeps_nothing_alive(monkeypatch):
    crew, release = threads._Crew(), threading.Event()
    monkeypatch.setattr(threads, "_crew", lambda process: crew)
    blocker = threads._Job(lambda event: event.wait(), release)
    crew.submit([blocker])

    def work(hand):
        return np.zeros(2)

    results = run_hands(work, [0, 1])
    kept = weakref.ref(work), weakref.ref(results[0])
    del work, results
    assert [reference() for reference in kept] == [None, None]
    release.set()
    blocker.wait()


def test_hands_within_hands():
    def outer(hand):
        return run_hands(lambda inner: (hand, inner), range(3))

    assert run_hands(outer, range(3)) == [[(hand, i) for i in range(3)] for hand in range(3)]
