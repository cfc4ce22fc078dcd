def split(line):
    values, at = [], 0
    while True:
        value, at = _quoted(line, at + 1) if line[at : at + 1] == '"' else _plain(line, at)
        values.append(value)
        if at == len(line):
            return values
        at += 1


def _plain(line, at):
    end = line.find(",", at)
    end = len(line) if end < 0 else end
    return line[at:end], end


def _quoted(line, at):
    parts = []
    while True:
        end = line.find('"', at)
        if end < 0:
            raise ValueError("a quote is never closed")
        parts.append(line[at:end])
        if line[end + 1 : end + 2] != '"':
            break
        parts.append('"')
        at = end + 2
    if line[end + 1 : end + 2] not in ("", ","):
        raise ValueError("text after a closing quote")
    return "".join(parts), end + 1
