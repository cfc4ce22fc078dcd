"""Texts that have to fit where the API server keeps them."""


def shortened(text: str, most: int) -> str:
    """A text of at most ``most`` characters; one that goes on says so by its end."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
