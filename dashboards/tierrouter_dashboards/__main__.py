"""``python -m tierrouter_dashboards``."""

from tierrouter_dashboards.files import write

if __name__ == "__main__":
    write()
