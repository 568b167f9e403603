"""Encoder specs: a model's name with options, ``NAME?pooling=mean&prefix=query%3A%20``."""

from __future__ import annotations

from dataclasses import dataclass, fields
from difflib import get_close_matches
from urllib.parse import parse_qsl, quote, urlencode

from purchasing_power.errors import DataError

MEAN, CLS, MAX, LAST, WEIGHTED_MEAN = "mean", "cls", "max", "last", "weighted_mean"
POOLINGS = (MEAN, CLS, MAX, LAST, WEIGHTED_MEAN)
FLOAT32, ONNX_FLOAT32, ONNX_INT8 = "float32", "onnx-float32", "onnx-int8"
OPENVINO_BF16, OPENVINO_INT8 = "openvino-bf16", "openvino-int8"
RUNTIMES = (FLOAT32, ONNX_FLOAT32, ONNX_INT8, OPENVINO_BF16, OPENVINO_INT8)
# Left to the processor and to what is installed: the fastest that keeps float32's vectors, or nearly.
EXACT, AUTO = "exact", "auto"
RUNTIME_CHOICES = (EXACT, AUTO, *RUNTIMES)
# Runtimes of earlier versions, and those that take their place: the first that is installed.
RETIRED = {"bfloat16": (OPENVINO_BF16, ONNX_FLOAT32, FLOAT32), "int8": (ONNX_INT8, FLOAT32)}
DEVICES = ("auto", "cpu", "cuda")
# Options that are whole numbers: the least one, and of what.
NUMBERS = {"max_length": (1, "tokens"), "overlap": (0, "tokens"), "layers": (1, "layers")}


@dataclass(frozen=True)
class EncoderSpec:
    """What an encoder spec says; ``None`` where it is silent.

    Attributes
    ----------
    name
        ``"minilm"``, a model folder or a Hugging Face hub name.
    pooling
        How token vectors become one: one of ``POOLINGS``.
    max_length
        Most tokens in a window, special tokens and prefix included.
    overlap
        Tokens that neighbouring windows of a long text share.
    prefix
        Text that goes before every window, such as ``"query: "``.
    runtime
        What runs the model, one of ``RUNTIMES``, or of ``RETIRED`` in what an earlier version wrote. ``"exact"`` and
        ``"auto"`` must go through ``text.runtime_choice.resolve`` first.
    device
        ``"auto"`` (CUDA where torch sees it), ``"cpu"`` or ``"cuda"``.
    layers
        Lowest layers of the model that are run; the vectors are pooled from the last of them. The upper layers
        know the task that the model was trained for, which may not be the one at hand.
    """

    name: str
    pooling: str | None = None
    max_length: int | None = None
    overlap: int | None = None
    prefix: str | None = None
    runtime: str | None = None
    device: str | None = None
    layers: int | None = None

    def __str__(self) -> str:
        """Give the text that :func:`parse` reads."""
        stated = {name: getattr(self, name) for name in OPTIONS if getattr(self, name) is not None}
        return f"{self.name}?{urlencode(stated, quote_via=quote)}" if stated else self.name


OPTIONS = tuple(field.name for field in fields(EncoderSpec))[1:]


def parse(text: str) -> EncoderSpec:
    """Read ``NAME?option=value&option=value``; the options are percent-encoded as in a URL, the name is not.

    Raises
    ------
    DataError
        If an option is unknown, given twice, or has a value that is not allowed.
    """
    name, _, query = text.partition("?")
    if not name:
        raise DataError(
            f"encoder {text!r}: no name before the options. Write NAME?option=value, with minilm, a model folder "
            "or a hub name as NAME."
        )
    values: dict[str, str | int] = {}
    for option, value in parse_qsl(query, keep_blank_values=True):
        _check_option(text, option, option in values)
        values[option] = _value(text, option, value)
    if query and not values:
        raise DataError(f"encoder {text}: got {query!r} after the question mark. Write option=value there.")
    return EncoderSpec(name, **values)  # type: ignore[arg-type]


def _check_option(text: str, option: str, repeated: bool) -> None:
    if option not in OPTIONS:
        near = get_close_matches(option, OPTIONS, n=1)
        meant = f" Did you mean {near[0]}?" if near else " Correct the spelling."
        raise DataError(f"encoder {text}: got unknown option {option!r}; allowed are {', '.join(OPTIONS)}.{meant}")
    if repeated:
        raise DataError(f"encoder {text}: got {option} twice; each option may stand once. Remove one.")


def _value(text: str, option: str, value: str) -> str | int:
    allowed = {"pooling": POOLINGS, "runtime": RUNTIME_CHOICES, "device": DEVICES}.get(option)
    retired = option == "runtime" and value in RETIRED
    if allowed is not None and value not in allowed and not retired:
        raise DataError(f"encoder {text}: {option}: got {value!r}; allowed are {', '.join(allowed)}. Set one of them.")
    if option not in NUMBERS:
        return value
    least, of = NUMBERS[option]
    if not (value.isascii() and value.isdigit()) or int(value) < least:
        raise DataError(f"encoder {text}: {option}: got {value!r}; a whole number of {of}, {least} or more, is needed.")
    return int(value)
