"""`python -m backend`: the same as the console script `talker`."""

import sys

from backend.cli import main

sys.exit(main())
