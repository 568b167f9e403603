"""Tests of the mirror's receiver: it answers at once, whatever happens behind it."""

from __future__ import annotations

import time
import urllib.request

from steps.deploy.shadow import HELD, mirrored


def test_the_mirror_answers_at_once_and_counts_what_it_lets_go() -> None:
    with mirrored() as held:
        began = time.monotonic()
        for _ in range(HELD + 3):
            request = urllib.request.Request(f"http://127.0.0.1:{held.port}/", b"{}")
            assert urllib.request.urlopen(request, timeout=5).status == 204
        assert (time.monotonic() - began) / (HELD + 3) < 0.1
        assert held.waiting.qsize() == HELD
        # The last ones are counted after they were answered.
        time.sleep(0.2)
        assert held.dropped == 3
