def report(readings):
    total = count = falls = 0
    low = high = before = None
    for reading in readings:
        total += reading
        count += 1
        if before is None:
            low = high = reading
        else:
            falls += reading < before
            low, high = min(low, reading), max(high, reading)
        before = reading
    return {
        "count": count,
        "mean": total / count if count else None,
        "spread": high - low if count else None,
        "falls": falls,
    }
