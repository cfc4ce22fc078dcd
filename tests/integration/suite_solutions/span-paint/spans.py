from bisect import bisect_left, bisect_right


class Spans:
    def __init__(self):
        self._starts, self._ends, self._colours = [], [], []

    def paint(self, start, end, colour):
        if start >= end:
            return
        at = self._cut(start, end)
        if at > 0 and self._ends[at - 1] == start and self._colours[at - 1] == colour:
            start = self._starts[at - 1]
            self._replace(at - 1, at, [])
            at -= 1
        if at < len(self._starts) and self._starts[at] == end and self._colours[at] == colour:
            end = self._ends[at]
            self._replace(at, at + 1, [])
        self._replace(at, at, [(start, end, colour)])

    def erase(self, start, end):
        if start < end:
            self._cut(start, end)

    def at(self, x):
        at = bisect_right(self._starts, x) - 1
        return self._colours[at] if at >= 0 and x < self._ends[at] else None

    def spans(self):
        return list(zip(self._starts, self._ends, self._colours, strict=True))

    def length(self, colour):
        return sum(end - start for start, end, found in self.spans() if found == colour)

    def first_free(self, size, start=0):
        if size < 1:
            raise ValueError("size is 1 or more")
        at = bisect_right(self._ends, start)
        while at < len(self._starts) and self._starts[at] < start + size:
            start = max(start, self._ends[at])
            at += 1
        return start

    def _cut(self, start, end):
        """Take colour away; gives where a part that begins at start belongs."""
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end)
        kept = []
        if first < last:
            if self._starts[first] < start:
                kept.append((self._starts[first], start, self._colours[first]))
            if self._ends[last - 1] > end:
                kept.append((end, self._ends[last - 1], self._colours[last - 1]))
            self._replace(first, last, kept)
        return bisect_left(self._starts, start)

    def _replace(self, first, last, parts):
        self._starts[first:last] = [start for start, _, _ in parts]
        self._ends[first:last] = [end for _, end, _ in parts]
        self._colours[first:last] = [colour for _, _, colour in parts]
