"""Benchmark results to the cheapest policy that holds a quality floor.

Needs numpy (extra ``analysis``). Pure: text and a generator of random numbers go in, values come out.
"""
