def visits(events, gap):
    latest = {}
    found = []
    for visitor, second, page in sorted(events, key=lambda event: event[1]):
        visit = latest.get(visitor)
        if visit is None or second - visit["end"] > gap:
            visit = latest[visitor] = {"visitor": visitor, "start": second, "end": second, "pages": [page]}
            found.append(visit)
            continue
        visit["end"] = second
        if visit["pages"][-1] != page:
            visit["pages"].append(page)
    return sorted(found, key=lambda visit: (visit["start"], visit["visitor"]))
