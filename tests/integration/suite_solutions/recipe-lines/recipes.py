import re
from fractions import Fraction

UNITS = {"g": "g", "kg": "kg", "ml": "ml", "l": "l", "tsp": "tsp", "tbsp": "tbsp", "cup": "cup", "cups": "cup"}


def parse(line):
    words = line.split()
    amount = Fraction(0)
    has_amount = False
    if words and re.fullmatch(r"[0-9]+", words[0]):
        amount, has_amount = Fraction(int(words.pop(0))), True
    if words and re.fullmatch(r"[0-9]+/[0-9]+", words[0]):
        above, below = words.pop(0).split("/")
        if int(below) == 0:
            raise ValueError("a fraction of 0 parts")
        amount, has_amount = amount + Fraction(int(above), int(below)), True
    unit = UNITS[words.pop(0)] if words and words[0] in UNITS else ""
    if not words:
        raise ValueError(f"no name: {line!r}")
    return amount if has_amount else Fraction(1), unit, " ".join(words)
