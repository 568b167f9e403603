"""Tests of the purchase model as a kind: what its encoders' arithmetic lets differ."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from purchasing_power.kinds.purchase import Purchase
from purchasing_power.model.flat_params import model_params

KIND = Purchase()


@pytest.mark.parametrize(
    ("params", "levels", "bound"),
    [
        ({"representation": "tfidf", "encoder": "minilm?runtime=openvino-int8"}, (0.2, 0.4), 1e-6),
        ({"encoder": "minilm"}, (0.2, 0.4), 1e-6),
        ({"encoder": "minilm?runtime=onnx-float32"}, (20.0, 400.0), 1e-6),
        ({"encoder": "minilm?runtime=openvino-bf16"}, (0.2, 0.4), 1e-3),
        ({"encoder": "minilm?runtime=int8"}, (), 1e-3),
        ({"encoder": "minilm?runtime=openvino-bf16"}, (20.0, 400.0), 0.4),
        ({"head": "textcnn", "representation": "none", "encoder": "minilm?runtime=openvino-bf16"}, (0.2, 0.4), 1e-3),
    ],
)
def test_served_predictions_may_differ_by_the_rounding_of_an_encoder_in_fewer_bits_alone(
    params: dict[str, str], levels: tuple[float, ...], bound: float
) -> None:
    model = SimpleNamespace(params=model_params(**params), score_levels=levels, target=SimpleNamespace(thresholds=()))
    assert KIND.rounding(model) == pytest.approx(bound)  # type: ignore[arg-type]
