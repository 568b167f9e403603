"""What ``serve`` needs: the deployer that keeps ``mlflow models serve`` on the version that a stage points at.

Imports ``tracking`` and the library. Start with :mod:`steps.deploy.deployment`, then ``switch``.
"""
