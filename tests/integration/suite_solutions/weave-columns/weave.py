def _places(length, rows):
    """Each character's column and row, in the order of the text."""
    for index in range(length):
        column, step = divmod(index, rows)
        yield (rows - 1 - step if column % 2 else step), column, index


def weave(text, rows):
    return "".join(text[index] for _, _, index in sorted(_places(len(text), rows)))


def unweave(text, rows):
    order = [index for _, _, index in sorted(_places(len(text), rows))]
    back = dict(zip(order, text, strict=True))
    return "".join(back[index] for index in range(len(text)))
