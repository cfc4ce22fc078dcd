import re

TEXT, ONE, MANY = 0, 1, 2
VALUE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(\.\.\.)?\}")


class Routes:
    def __init__(self):
        self._routes = []

    def add(self, pattern, name):
        parts = _read(pattern)
        shape = [(kind, text if kind == TEXT else "") for kind, text in parts]
        if any(shape == known for known, _, _ in self._routes):
            raise ValueError(f"{pattern} fits what another one fits")
        self._routes.append((shape, parts, name))
        self._routes.sort(key=lambda route: [kind for kind, _ in route[0]])

    def find(self, path):
        if not path.startswith("/"):
            return None
        pieces = [] if path == "/" else path[1:].split("/")
        for _, parts, name in self._routes:
            values = _fit(parts, pieces)
            if values is not None:
                return name, values
        return None


def _read(pattern):
    if not pattern.startswith("/"):
        raise ValueError(f"{pattern!r} does not begin with a slash")
    if pattern == "/":
        return []
    parts, names = [], set()
    pieces = pattern[1:].split("/")
    for index, piece in enumerate(pieces):
        value = VALUE.fullmatch(piece)
        if not piece or (not value and ("{" in piece or "}" in piece)):
            raise ValueError(f"{pattern}: {piece!r} is no part")
        if not value:
            parts.append((TEXT, piece))
            continue
        if value[1] in names or (value[2] and index < len(pieces) - 1):
            raise ValueError(f"{pattern}: {piece} can't stand there")
        names.add(value[1])
        parts.append((MANY if value[2] else ONE, value[1]))
    return parts


def _fit(parts, pieces):
    values = {}
    for index, (kind, text) in enumerate(parts):
        if kind == MANY:
            rest = "/".join(pieces[index:])
            return {**values, text: rest} if rest else None
        if index >= len(pieces) or (kind == TEXT and pieces[index] != text) or not pieces[index]:
            return None
        if kind == ONE:
            values[text] = pieces[index]
    return values if len(parts) == len(pieces) else None
