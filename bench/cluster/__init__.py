"""What the operator costs: how fast a change is in force, and what a thousand routers take."""
