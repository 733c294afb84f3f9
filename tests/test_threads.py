"""Hands of work on threads: order, errors, and BLAS as it was before."""

import os
import threading
import time
import weakref

import numpy as np
import pytest
import threadpoolctl

from bbvi import threads
from bbvi.threads import cut, one_blas_thread, run_shares, shares_of, thread_count


def blas_threads():
    """Of the libraries loaded when the first shares were run: NumPy's at least."""
    return one_blas_thread._count()


@pytest.mark.parametrize(("total", "parts"), [(10, 3), (3, 3), (7, 1), (0, 1), (2, 5)])
def test_cut_covers_everything_once_and_evenly(total, parts):
    slices = cut(total, parts)
    assert [i for part in slices for i in range(part.start, part.stop)] == list(range(total))
    lengths = [part.stop - part.start for part in slices]
    assert max(lengths) - min(lengths) <= 1


def test_deal_gives_no_empty_hand():
    assert shares_of([1, 2, 3], 5) == [[1], [2], [3]]
    assert shares_of([1, 2, 3], 2) == [[1], [2, 3]]


@pytest.mark.parametrize("shares", [[5], [1, 2], list(range(20))])
def test_results_come_in_the_order_of_the_shares(shares):
    assert run_shares(lambda share: share**2, shares) == [share**2 for share in shares]


def test_blas_is_held_to_one_thread_and_restored():
    before = blas_threads()
    inside = run_shares(lambda share: blas_threads(), [1, 2])
    assert all(set(found) == {1} for found in inside)
    assert blas_threads() == before


@pytest.mark.parametrize("bad", [0, 1])
def test_an_error_reaches_the_caller_and_blas_is_restored(bad):
    def work(share):
        if share == bad:
            raise ZeroDivisionError(f"share {share}")
        return share

    before = blas_threads()
    with pytest.raises(ZeroDivisionError, match=f"share {bad}"):
        run_shares(work, [0, 1])
    assert blas_threads() == before


def test_the_caller_takes_over_what_no_thread_has_begun(monkeypatch):
    pool, release = threads._Pool(), threading.Event()
    monkeypatch.setattr(threads, "_pool", lambda process: pool)
    blocker = threads._Job(lambda event: event.wait(), release)
    pool.submit([blocker])
    names = run_shares(lambda share: threading.current_thread().name, [0, 1])
    release.set()
    blocker.wait()
    assert blocker.take_result()
    assert names == [threading.current_thread().name] * 2


def test_hands_are_done_at_the_same_time():
    meeting = threading.Barrier(3)
    assert run_shares(lambda share: meeting.wait(timeout=10) >= 0, range(3)) == [True] * 3


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
        run_shares(lambda share: share, [0])
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
        run_shares(lambda share: both.wait(timeout=10), [0])
        first_left.set()
        finish.wait(timeout=10)

    def inside(share):
        both.wait(timeout=10)
        first_left.wait(timeout=10)
        seen.append(blas_threads())

    thread = threading.Thread(target=first)
    thread.start()
    run_shares(inside, [0])
    assert blas_threads() == before
    finish.set()
    thread.join()
    assert seen == [[1] * len(before)]

    other = threading.Thread(
        target=run_shares, args=(lambda share: seen.append(blas_threads()), [0])
    )
    other.start()
    other.join()
    assert seen[1] == [1] * len(before)
    assert blas_threads() == before


def test_a_hand_is_done_in_the_callers_context():
    everyone = threading.Barrier(3)

    def work(share):
        everyone.wait(timeout=10)
        return np.geterr()["over"]

    with np.errstate(over="ignore"):
        assert run_shares(work, range(3)) == ["ignore"] * 3


def test_what_waits_in_the_queue_keeps_nothing_alive(monkeypatch):
    pool, release = threads._Pool(), threading.Event()
    monkeypatch.setattr(threads, "_pool", lambda process: pool)
    blocker = threads._Job(lambda event: event.wait(), release)
    pool.submit([blocker])

    def work(share):
        return np.zeros(2)

    results = run_shares(work, [0, 1])
    kept = weakref.ref(work), weakref.ref(results[0])
    del work, results
    assert [reference() for reference in kept] == [None, None]
    release.set()
    blocker.wait()


def test_shares_within_shares():
    def outer(share):
        return run_shares(lambda inner: (share, inner), range(3))

    assert run_shares(outer, range(3)) == [[(share, i) for i in range(3)] for share in range(3)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_waits_for_whoever_sets_the_threads_of_blas(monkeypatch):
    """The child would inherit BLAS's own lock, and nobody there would open it."""
    begun, setting = threading.Event(), threading.Event()

    def slowly(counts):
        setting.set()
        begun.set()
        time.sleep(0.3)
        setting.clear()

    def enter():
        with one_blas_thread:
            pass

    monkeypatch.setattr(one_blas_thread, "_set", slowly)
    thread = threading.Thread(target=enter)
    thread.start()
    begun.wait()
    child = os.fork()
    if child == 0:
        os._exit(setting.is_set())
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    thread.join()
    assert code == 0
    with one_blas_thread:
        pass
