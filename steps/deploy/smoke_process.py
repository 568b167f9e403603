"""A version in a folder answers its own example; it imports MLflow alone, so that the version imports its own code."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from mlflow.pyfunc import load_model
from mlflow.pyfunc.scoring_server import CONTENT_TYPE_JSON, invocations

EXAMPLE = "serving_input_example.json"


def answer_example(home: Path) -> None:
    """Load the model in a folder and answer its own example as the server would.

    Raises
    ------
    RuntimeError
        If it carries no example, or answers it with an error.
    """
    example = home / EXAMPLE
    if not example.exists():
        raise RuntimeError(f"the version carries no {EXAMPLE}: log it with an input example")
    model = load_model(str(home))
    if (model.model_config or {}).get("responder", "") is None:
        # A kind that is scored in batch answers no request: its example is a frame.
        model.predict(model.input_example)
        return
    body = example.read_text(encoding="utf-8")
    reply = invocations(body, CONTENT_TYPE_JSON, model, model.metadata.get_input_schema())
    if reply.status != 200:
        raise RuntimeError(f"its own example was answered with {reply.status}")


def main() -> None:
    """Try the model in the folder given; the last line of what it writes says what was wrong."""
    logging.disable(logging.WARNING)
    try:
        answer_example(Path(sys.argv[1]))
    except RuntimeError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
