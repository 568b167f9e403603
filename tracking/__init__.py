"""MLflow plumbing that the steps and the monitoring jobs share."""
