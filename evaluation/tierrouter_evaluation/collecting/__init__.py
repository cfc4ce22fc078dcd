"""The native sidecar of a RegressionRun's Job: it brings what the harness wrote into the run's status, once."""
