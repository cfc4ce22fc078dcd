import re

CODE = re.compile(r"([A-Z])([0-9]{2})-([1-6])-(left|right)")


def parse(code):
    found = CODE.fullmatch(code)
    if not found:
        raise ValueError(f"no shelf: {code!r}")
    aisle, bay, level, side = found.groups()
    return aisle, int(bay), int(level), side
