def changes(old, new):
    return [text for _, text in sorted(_changes(old, new, ()), key=lambda found: found[0])]


def _changes(old, new, path):
    for key in {**old, **new}:
        here = (*path, key)
        if key in old and key in new:
            before, after = old[key], new[key]
            if isinstance(before, dict) and isinstance(after, dict):
                yield from _changes(before, after, here)
            elif isinstance(before, dict) or isinstance(after, dict):
                yield from _leaves(before, here, "-")
                yield from _leaves(after, here, "+")
            elif type(before) is not type(after) or before != after:
                yield (_name(here), 0), f"~ {_name(here)}: {before!r} -> {after!r}"
        elif key in old:
            yield from _leaves(old[key], here, "-")
        else:
            yield from _leaves(new[key], here, "+")


def _leaves(value, path, sign):
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key), sign)
    else:
        yield (_name(path), sign == "+"), f"{sign} {_name(path)} = {value!r}"


def _name(path):
    return ".".join(path)
