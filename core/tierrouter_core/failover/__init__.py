"""What to do when a provider fails: what happened, what it means, where the turn goes next, who is left alone."""
