"""Which pods get a sidecar, and what that changes in them. Pure: a pod in, a pod out, with a reason."""
