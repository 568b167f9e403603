"""A fetched version tried in a process of its own: it loads with pickle forbidden and predicts its example."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

from mlflow.pyfunc import load_model
from mlflow.pyfunc.scoring_server import CONTENT_TYPE_JSON, invocations

from steps.deploy import settings
from steps.deploy.server_process import environment
from tracking import runs

EXAMPLE = "serving_input_example.json"
WITHIN_S = 180


def problem(home: Path) -> str | None:
    """Why a fetched version must not be served, in one line, or ``None`` where it passed.

    The process that tries it imports what a worker imports, so that it can neither harm this one nor
    borrow a module from it.
    """
    command = [sys.executable, "-m", __name__, str(home)]
    # The example is nobody's request.
    variables = {settings.LOG_VARIABLE: ""}
    try:
        done = subprocess.run(
            command,
            env=environment(variables),
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            cwd=runs.ROOT,
        )
    except subprocess.TimeoutExpired:
        return f"the smoke test did not end within {WITHIN_S} s"
    if done.returncode == 0:
        return None
    last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return f"the smoke test failed: {last[:300]}"


def main() -> None:
    """Load the model in the folder given and answer its own example as the server would."""
    logging.disable(logging.WARNING)
    home = Path(sys.argv[1])
    example = home / EXAMPLE
    if not example.exists():
        raise SystemExit(f"the version carries no {EXAMPLE}: log it with an input example")
    model = load_model(str(home))
    body = example.read_text(encoding="utf-8")
    answer = invocations(body, CONTENT_TYPE_JSON, model, model.metadata.get_input_schema())
    if answer.status != 200:
        raise SystemExit(f"its own example was answered with {answer.status}")


if __name__ == "__main__":
    main()
