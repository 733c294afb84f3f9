"""Waiting for other processes."""

import time

import pytest


def wait_until(ready, seconds=60):
    end = time.monotonic() + seconds
    while not (answer := ready()):
        if time.monotonic() > end:
            pytest.fail("waited too long")
        time.sleep(0.02)
    return answer
