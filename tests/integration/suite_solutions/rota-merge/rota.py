def merge(shifts):
    merged = []
    for start, end in sorted(shift for shift in shifts if shift[0] < shift[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
