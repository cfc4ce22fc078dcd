def averages(temperatures, size):
    if size < 1:
        raise ValueError(f"size is {size}, and has to be 1 or more")
    starts = range(len(temperatures) - size + 1)
    return [sum(temperatures[start : start + size]) / size for start in starts]
