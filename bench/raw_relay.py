"""The floor: the same proxy without looking at the body."""

from bench.proxy import main


def rewrite(body: bytes) -> bytes:
    """Nothing."""
    return body


if __name__ == "__main__":
    main(rewrite)
