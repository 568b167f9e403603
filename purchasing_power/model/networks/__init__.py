"""Networks trained with torch: perceptron and text CNN here, language models in ``finetune``.

Imports ``text`` and ``model`` up to ``features``, never ``heads``.
Start with :mod:`~purchasing_power.model.networks.objective`, then ``skorch_training``.
"""
