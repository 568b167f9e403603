"""Alerts: a sentence to a webhook that takes Slack's JSON, and the exit code of a job."""

from __future__ import annotations

import json
import logging
import os
import time
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from monitoring.policy.decision import ACT, HEALTHY, TOO_FEW, WATCH
from purchasing_power.errors import DataError

log = logging.getLogger(__name__)

# 1 is a crash and 2 bad input, of this command as of others.
EXIT_CODES = {HEALTHY: 0, WATCH: 3, ACT: 4, TOO_FEW: 5}
ALERTING = (WATCH, ACT)
OFF = "none"
FROM_ENVIRONMENT = "env:"
TRIES, WAIT_S, TIMEOUT_S = 3, 0.5, 10.0


def webhook_url(given: str) -> str | None:
    """The URL to send to: as given, from the environment variable in ``env:NAME``, or ``None`` for ``none``.

    MLflow keeps parameters where all can read them, and who knows a webhook's URL can write to it: a secret one
    belongs in a variable.

    Raises
    ------
    DataError
        If it is no HTTP URL, or the variable is not set.
    """
    if given == OFF:
        return None
    name = given.removeprefix(FROM_ENVIRONMENT)
    url = os.environ.get(name, "") if given.startswith(FROM_ENVIRONMENT) else given
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        what = f"variable {name}" if given.startswith(FROM_ENVIRONMENT) else "the value given"
        raise DataError(f"webhook: {what} holds no http(s) URL; allowed are a URL, env:NAME and none. Set one of them.")
    return url


def send(url: str, text: str) -> bool:
    """Post ``{"text": …}``, three times at most; gives whether it arrived, and raises nothing.

    An alert that cannot be delivered must not cost the report that it is about.
    """
    body = json.dumps({"text": text}, ensure_ascii=False).encode()
    request = Request(url, data=body, headers={"Content-Type": "application/json; charset=utf-8"})
    for turn in range(TRIES):
        try:
            with urlopen(request, timeout=TIMEOUT_S):
                return True
        except (URLError, OSError, ValueError) as error:
            log.warning(
                "alert to %s not delivered (try %d of %d): %s",
                urlsplit(url).hostname,
                turn + 1,
                TRIES,
                type(error).__name__,
            )
        time.sleep(WAIT_S * 2**turn if turn + 1 < TRIES else 0)
    return False
