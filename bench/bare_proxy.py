"""The yardstick: a proxy that parses and rewrites every body with the standard library, as a simple router would."""

import json

from bench.proxy import main


def rewrite(body: bytes) -> bytes:
    """Parse and write again."""
    return json.dumps(json.loads(body)).encode()


if __name__ == "__main__":
    main(rewrite)
