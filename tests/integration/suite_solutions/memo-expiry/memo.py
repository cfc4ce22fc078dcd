class Memo:
    def __init__(self, size, ttl, clock):
        self.size, self.ttl, self.clock = size, ttl, clock
        self._values = {}

    def get(self, key, default=None):
        self._forget_old()
        if key not in self._values:
            return default
        self._values[key] = self._values.pop(key)
        return self._values[key][0]

    def set(self, key, value):
        self._forget_old()
        self._values.pop(key, None)
        if len(self._values) >= self.size:
            del self._values[next(iter(self._values))]
        self._values[key] = (value, self.clock())

    def __len__(self):
        self._forget_old()
        return len(self._values)

    def _forget_old(self):
        now = self.clock()
        self._values = {key: kept for key, kept in self._values.items() if now - kept[1] < self.ttl}
