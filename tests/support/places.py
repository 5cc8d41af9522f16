"""Where things lie that tests need."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""
FOOTAGE = Path(os.environ.get("TALKER_FOOTAGE") or ROOT.parent / "shared" / "footage")
"""Real clips, which are not part of the repository; tests that need them lie in tests/footage and skip without."""
