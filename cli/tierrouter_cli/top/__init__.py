"""``tierrouter top``: what a sidecar, or those of a namespace, do now."""
