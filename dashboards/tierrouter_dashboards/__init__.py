"""The Grafana dashboards of charts/tierrouter, as code: ``python -m tierrouter_dashboards`` writes their files."""
