import heapq


class Jobs:
    def __init__(self):
        self._heap = []
        self._waiting = {}
        self._next = 0
        self._order = 0

    def add(self, payload, priority=0):
        token = self._next
        self._next += 1
        self._push(token, payload, priority)
        return token

    def pop(self):
        self._tidy()
        if not self._heap:
            raise IndexError("no job waits")
        _, _, token = heapq.heappop(self._heap)
        return self._waiting.pop(token)[1]

    def cancel(self, token):
        if self._waiting.pop(token, None) is None:
            return False
        self._tidy()
        return True

    def raise_priority(self, token, priority):
        if token not in self._waiting or priority <= self._waiting[token][0]:
            return False
        self._push(token, self._waiting[token][1], priority)
        self._tidy()
        return True

    def __len__(self):
        return len(self._waiting)

    def _push(self, token, payload, priority):
        self._order += 1
        self._waiting[token] = (priority, payload, self._order)
        heapq.heappush(self._heap, (-priority, self._order, token))

    def _is_stale(self, entry):
        waiting = self._waiting.get(entry[2])
        return waiting is None or waiting[2] != entry[1]

    def _tidy(self):
        if len(self._heap) > 2 * len(self._waiting) + 16:
            self._heap = [entry for entry in self._heap if not self._is_stale(entry)]
            heapq.heapify(self._heap)
        while self._heap and self._is_stale(self._heap[0]):
            heapq.heappop(self._heap)
