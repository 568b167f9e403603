"""What a job leaves: pages, Evidently's report and workspace, metrics, alerts.

Imports everything else of monitoring. Start with :mod:`monitoring.reports.job_report`.
"""
