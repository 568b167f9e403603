"""Networks trained with torch: perceptron and text CNN here, language models in ``finetune``.

Imports ``model`` and ``text``. Start with :mod:`~purchasing_power.model.networks.objective`, then ``skorch_training``.
"""
