"""What ``tune`` needs: an Optuna study whose trials are MLflow runs, its workers, blend and report.

Imports ``tracking`` and the library. Start with :mod:`steps.study.trial_runs`, then ``setup``.
"""
