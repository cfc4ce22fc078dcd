"""Suites: running them, reading what harnesses write of them, and bringing results to a RegressionRun."""
