"""``kubectl tierrouter``: what the cluster's routers do, and which revision they serve."""
