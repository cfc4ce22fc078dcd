"""``tierrouter regress``: suites of tasks, their results, and what follows from them."""
