"""Canaries of synthetic fleets whose truth is known: how often they are judged wrongly, and how soon rightly."""
