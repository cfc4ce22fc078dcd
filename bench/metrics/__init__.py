"""What being seen costs: the text of `/metrics`, a turn's counts, its line in the log."""
