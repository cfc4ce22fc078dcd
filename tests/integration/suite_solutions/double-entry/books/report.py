def _belongs(name, account):
    return name == account or name.startswith(account + ":")


def balance(journal, account, until=None):
    entries = journal.entries if until is None else journal.entries[:until]
    return sum(cents for lines in entries for name, cents in lines if _belongs(name, account))


def statement(journal, account):
    running, found = 0, []
    for number, lines in enumerate(journal.entries, 1):
        moved = sum(cents for name, cents in lines if _belongs(name, account))
        if moved:
            running += moved
            found.append((number, moved, running))
    return found
