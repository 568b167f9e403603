"""Fine-tuning of a language model: documents in, trained weights out, resumable.

Imports ``networks`` and ``text``. Start with :mod:`~purchasing_power.model.networks.finetune.scorer`, then ``fit``.
"""
