"""The admission webhook: a process of its own, since every pod of a namespace that opted in waits for it."""
