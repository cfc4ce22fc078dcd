"""How a revision takes over: who tries it, what is counted of both, and when that is enough to judge."""
