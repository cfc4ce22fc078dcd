import re

TOKEN = re.compile(r"\s*(?:(\d+\.\d+|\d+\.|\.\d+|\d+)|([A-Za-z]+\d+)|([A-Za-z]+)|([-+*/^(),]))")
FUNCTIONS = {"min": min, "max": max, "sum": lambda *values: sum(values)}


def evaluate(text, cells, _open=()):
    return _Parser(_tokens(text), cells, _open).whole()


def _tokens(text):
    found, at, text = [], 0, text.rstrip()
    while at < len(text):
        token = TOKEN.match(text, at)
        if not token:
            raise ValueError(f"can't read {text[at:]!r}")
        kind = ("number", "cell", "name", "sign")[token.lastindex - 1]
        found.append((kind, token[token.lastindex]))
        at = token.end()
    return [*found, ("end", "")]


class _Parser:
    def __init__(self, tokens, cells, open_cells):
        self.tokens, self.cells, self.open_cells = tokens, cells, open_cells
        self.at = 0

    def whole(self):
        value = self.sum()
        if self.tokens[self.at][0] != "end":
            raise ValueError(f"did not expect {self.tokens[self.at][1]!r}")
        return value

    def takes(self, *signs):
        if self.tokens[self.at][0] == "sign" and self.tokens[self.at][1] in signs:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def expect(self, sign):
        if not self.takes(sign):
            raise ValueError(f"expected {sign!r}")

    def sum(self):
        value = self.product()
        while sign := self.takes("+", "-"):
            other = self.product()
            value = value + other if sign == "+" else value - other
        return value

    def product(self):
        value = self.negative()
        while sign := self.takes("*", "/"):
            other = self.negative()
            value = value * other if sign == "*" else value / other
        return value

    def negative(self):
        return -self.negative() if self.takes("-") else self.power()

    def power(self):
        base = self.atom()
        return base ** self.negative() if self.takes("^") else base

    def atom(self):
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "cell":
            return self.cell(text)
        if kind == "name" and text in FUNCTIONS:
            self.expect("(")
            values = [self.sum()]
            while self.takes(","):
                values.append(self.sum())
            self.expect(")")
            return FUNCTIONS[text](*values)
        if (kind, text) == ("sign", "("):
            value = self.sum()
            self.expect(")")
            return value
        raise ValueError(f"did not expect {text!r}")

    def cell(self, name):
        value = self.cells.get(name, 0)
        if not isinstance(value, str):
            return value
        if name in self.open_cells:
            raise ValueError(f"{name} needs itself")
        return evaluate(value, self.cells, (*self.open_cells, name))
