class Basket:
    def __init__(self, items=()):
        self.items = list(items)

    def add(self, name, count=1):
        self.items.extend([name] * count)
        return self

    def counts(self):
        found = {}
        for name in self.items:
            found[name] = found.get(name, 0) + 1
        return found
