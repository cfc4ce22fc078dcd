from goods import Unknown


class Till:
    def __init__(self, prices, offers):
        self.prices, self.offers = prices, offers
        self.counts = {}

    def scan(self, name, pieces=1):
        if name not in self.prices:
            raise Unknown(name)
        self.counts[name] = self.counts.get(name, 0) + pieces

    def total(self):
        left = sum(self.prices[name] * pieces for name, pieces in self.counts.items())
        for offer in self.offers:
            left -= offer.saving(self.counts, self.prices, left)
        return left

    def receipt(self):
        lines = [f"{name} x {pieces}: {pieces * self.prices[name]}" for name, pieces in sorted(self.counts.items())]
        return [*lines, f"total: {self.total()}"]
