"""What all tests share: the fakes and samples of tests/unit are importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "unit"))
