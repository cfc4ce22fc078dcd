"""Puts this folder on the path, so that the tests share their examples."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
