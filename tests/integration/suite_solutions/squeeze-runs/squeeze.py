import re
from itertools import groupby

RUN = re.compile(r"~(.)([1-9][0-9]*);", re.DOTALL)


def squeeze(text):
    parts = []
    for letter, group in groupby(text):
        length = len(list(group))
        parts.append(f"~{letter}{length};" if length >= 4 or letter == "~" else letter * length)
    return "".join(parts)


def expand(text):
    parts, at = [], 0
    while at < len(text):
        if text[at] != "~":
            parts.append(text[at])
            at += 1
            continue
        run = RUN.match(text, at)
        if not run:
            raise ValueError(f"no run at {at}")
        parts.append(run[1] * int(run[2]))
        at = run.end()
    whole = "".join(parts)
    if squeeze(whole) != text:
        raise ValueError("squeeze never gives this")
    return whole
