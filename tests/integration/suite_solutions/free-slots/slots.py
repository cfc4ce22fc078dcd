def free(busy, day, length, step=15):
    if length < 1 or step < 1:
        raise ValueError("length and step are 1 or more")
    first, last = day
    taken = [(start, end) for start, end in busy if start < end]
    starts = range(first, last - length + 1, step)
    return [at for at in starts if not any(start < at + length and at < end for start, end in taken)]
