"""``tierrouter tune``: the cheapest policy that holds a quality floor, from a benchmark or from regression runs."""
