from itertools import pairwise


def label(levels):
    words = []
    for before, after in pairwise(levels):
        step = after - before
        words.append("rising" if step > 0.05 else "falling" if step < -0.05 else "slack")
    return words
