from contextlib import contextmanager


class Editor:
    def __init__(self, text=""):
        self.text = text
        self._done, self._undone = [], []
        self._group = None
        self._typing_at = None

    def insert(self, at, piece):
        if not 0 <= at <= len(self.text):
            raise ValueError(f"{at} is not in the text")
        before = self.text
        self.text = before[:at] + piece + before[at:]
        is_typed = len(piece) == 1 and self._group is None
        goes_on = is_typed and at == self._typing_at and not piece.isspace()
        if piece:
            self._step(before, goes_on)
        self._typing_at = at + 1 if is_typed else None

    def delete(self, start, end):
        if not 0 <= start <= end <= len(self.text):
            raise ValueError(f"{start} to {end} is not in the text")
        before = self.text
        self.text = before[:start] + before[end:]
        self._typing_at = None
        if start < end:
            self._step(before, False)

    def undo(self):
        return self._move(self._done, self._undone)

    def redo(self):
        return self._move(self._undone, self._done)

    @contextmanager
    def group(self):
        if self._group is not None:
            yield
            return
        self._typing_at = None
        self._group = []
        before = self.text
        try:
            yield
        except BaseException:
            self.text, self._group = before, None
            raise
        has_steps, self._group = bool(self._group), None
        if has_steps and self.text != before:
            self._step(before, False)

    def _step(self, before, goes_on):
        if self._group is not None:
            self._group.append(before)
            return
        self._undone.clear()
        if not goes_on:
            self._done.append(before)

    def _move(self, taken, given):
        if self._group is not None:
            raise RuntimeError("not inside of a group")
        self._typing_at = None
        if not taken:
            return False
        given.append(self.text)
        self.text = taken.pop()
        return True
