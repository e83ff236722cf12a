"""The helpers are plain modules in these folders, however pytest imports the tests."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent / folder) for folder in ("twin", "adapters", "stubbed")]
