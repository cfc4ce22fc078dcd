"""Agents' own records of their calls, read as the calls of a replay: a module an agent, and one for turn tables."""
