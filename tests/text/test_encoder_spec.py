from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchasing_power.errors import DataError
from purchasing_power.text.encoder_spec import POOLINGS, EncoderSpec, parse


def test_a_name_alone_leaves_everything_open() -> None:
    assert parse("minilm") == EncoderSpec("minilm")
    assert str(EncoderSpec("minilm")) == "minilm"


def test_every_option_is_read() -> None:
    text = "a/b?pooling=cls&max_length=64&overlap=0&prefix=query%3A%20&runtime=onnx-int8&device=cpu&layers=4"
    assert parse(text) == EncoderSpec("a/b", "cls", 64, 0, "query: ", "onnx-int8", "cpu", 4)
    assert str(parse(text)) == text


@given(
    st.builds(
        EncoderSpec,
        name=st.text("ab/:%&=+# 红😀", min_size=1),
        pooling=st.none() | st.sampled_from(POOLINGS),
        max_length=st.none() | st.integers(1, 9999),
        overlap=st.none() | st.integers(0, 9999),
        prefix=st.none() | st.text("ab/:%&=+#? \n红😀"),
        runtime=st.sampled_from([None, "float32", "auto"]),
        layers=st.none() | st.integers(1, 99),
    )
)
def test_what_is_written_is_read_back(spec: EncoderSpec) -> None:
    assert parse(str(spec)) == spec


def test_a_folder_with_a_space_or_a_percent_sign_is_taken_as_it_stands() -> None:
    assert parse("/my models/50%20off?pooling=max").name == "/my models/50%20off"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("minilm?poling=mean", r"unknown option 'poling'; allowed are pooling, max_length.*Did you mean pooling\?"),
        ("minilm?zzz=1", r"unknown option 'zzz'.*Correct the spelling"),
        ("minilm?pooling=sum", "pooling: got 'sum'; allowed are mean, cls, max, last, weighted_mean"),
        ("minilm?runtime=fast", "runtime: got 'fast'; allowed are exact, auto, float32"),
        ("minilm?device=tpu", "device: got 'tpu'; allowed are auto, cpu, cuda"),
        ("minilm?max_length=0", "max_length: got '0'; a whole number of tokens, 1 or more"),
        ("minilm?overlap=-1", "overlap: got '-1'; a whole number of tokens, 0 or more"),
        ("minilm?overlap=½", "overlap: got '½'"),
        ("minilm?layers=0", "layers: got '0'; a whole number of layers, 1 or more"),
        ("minilm?pooling=mean&pooling=cls", "pooling twice"),
        ("minilm?cls", "unknown option 'cls'"),
        ("minilm?&", "after the question mark"),
        ("?pooling=mean", "no name before the options"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse(text)
