from collections import deque


class Circle(ValueError):
    def __init__(self, path):
        super().__init__(" -> ".join([*path, path[0]]))
        self.path = path


def waves(needs):
    left = {target: set(its) for target, its in needs.items()}
    for its in needs.values():
        for each in its:
            left.setdefault(each, set())
    needed_by = {}
    for target, its in left.items():
        for each in its:
            needed_by.setdefault(each, []).append(target)
    missing = {target: len(its) for target, its in left.items()}
    found, wave = [], sorted(target for target, count in missing.items() if count == 0)
    while wave:
        found.append(wave)
        following = []
        for target in wave:
            for other in needed_by.get(target, ()):
                missing[other] -= 1
                if missing[other] == 0:
                    following.append(other)
        wave = sorted(following)
    if sum(map(len, found)) < len(left):
        raise Circle(_shortest_circle(left))
    return found


def _shortest_circle(needs):
    circles = [path for path in (_circle_from(start, needs) for start in sorted(needs)) if path]
    return min(circles, key=lambda path: (len(path), path))


def _circle_from(start, needs):
    """The shortest and then smallest circle in which start is the smallest target."""
    waiting = deque([[start]])
    seen = set()
    while waiting:
        path = waiting.popleft()
        for each in sorted(needs[path[-1]]):
            if each == start:
                return path
            if each > start and each not in seen:
                seen.add(each)
                waiting.append([*path, each])
    return None
