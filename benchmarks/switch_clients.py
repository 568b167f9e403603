"""Clients of a server, in a process of their own: each asks again and again and tries a request again once.

Half of them keep their connection, half make a new one for each request. They ask until standard input is
closed, and print one JSON line of counts. Run by ``benchmarks/switch.py``.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import threading
from collections import Counter

TIMEOUT_S = 30


def ask(connection: http.client.HTTPConnection, body: bytes) -> bool:
    """Whether a request is answered with 200; the connection is closed where it is not."""
    try:
        connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status == 200
    except (OSError, http.client.HTTPException):
        connection.close()
        return False


def client(port: int, body: bytes, kept: bool, pause_s: float, stop: threading.Event, counts: Counter[str]) -> None:
    """Ask until told to stop; count requests, those tried again, and those that failed twice."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    kind = "kept" if kept else "new"
    while not stop.wait(pause_s):
        counts["requests"] += 1
        counts[f"requests_{kind}"] += 1
        if not ask(connection, body):
            counts[f"retried_{kind}"] += 1
            if not ask(connection, body):
                counts["failed"] += 1
        if not kept:
            connection.close()
    connection.close()


def main() -> None:
    """Run the clients until standard input is closed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, required=True, help="of each kind")
    parser.add_argument("--pause_s", type=float, default=0.0, help="between two requests of a client")
    body = json.dumps({"dataframe_records": [{"user_id": "client", "x": 1.0}]}).encode()
    args = parser.parse_args()
    stop = threading.Event()
    each: list[Counter[str]] = [Counter() for _ in range(2 * args.clients)]
    threads = [
        threading.Thread(target=client, args=(args.port, body, number % 2 == 0, args.pause_s, stop, counts))
        for number, counts in enumerate(each)
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    total: Counter[str] = Counter(requests=0, failed=0)
    for counts in each:
        total.update(counts)
    print(json.dumps(total))


if __name__ == "__main__":
    main()
