"""The deployer: what keeps ``mlflow models serve`` on the version that a stage points at."""
