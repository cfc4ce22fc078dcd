"""``tierrouter replay``: what recorded calls would have cost, had a router file served them."""
