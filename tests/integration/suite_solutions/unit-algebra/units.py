import re

FACTOR = re.compile(r"\s*(?:(1)|([A-Za-z]+)(?:\s*\^\s*(-?\s*[0-9]+))?)\s*")


def simplify(text):
    powers, at, sign = {}, 0, 1
    while True:
        factor = FACTOR.match(text, at)
        if not factor:
            raise ValueError(f"no unit at {at}")
        if factor[2]:
            power = int((factor[3] or "1").replace(" ", ""))
            powers[factor[2]] = powers.get(factor[2], 0) + sign * power
        at = factor.end()
        if at == len(text):
            break
        if text[at] not in "*/":
            raise ValueError(f"neither * nor / at {at}")
        sign = 1 if text[at] == "*" else -1
        at += 1
    above = [_written(name, powers[name]) for name in sorted(powers) if powers[name] > 0]
    below = ["/" + _written(name, -powers[name]) for name in sorted(powers) if powers[name] < 0]
    return ("*".join(above) or "1") + "".join(below)


def _written(name, power):
    return name if power == 1 else f"{name}^{power}"
