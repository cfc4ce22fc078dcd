class Bundle:
    def __init__(self, name, every, free):
        self.name, self.every, self.free = name, every, free

    def saving(self, counts, prices, total):
        pieces = counts.get(self.name, 0) // self.every * self.free
        return pieces * prices[self.name] if pieces else 0


class PercentOff:
    def __init__(self, percent, minimum):
        self.percent, self.minimum = percent, minimum

    def saving(self, counts, prices, total):
        return total * self.percent // 100 if total >= self.minimum else 0
