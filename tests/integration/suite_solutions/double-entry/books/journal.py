class Journal:
    def __init__(self):
        self.entries = []
        self._reversed = set()

    def book(self, *lines):
        if len(lines) < 2 or sum(cents for _, cents in lines) != 0:
            raise ValueError("an entry has two lines or more that add up to 0")
        self.entries.append(tuple(lines))
        return len(self.entries)

    def reverse(self, number):
        if number in self._reversed or not 1 <= number <= len(self.entries):
            raise ValueError(f"entry {number} can't be reversed")
        reversal = self.book(*((account, -cents) for account, cents in self.entries[number - 1]))
        self._reversed |= {number, reversal}
        return reversal
