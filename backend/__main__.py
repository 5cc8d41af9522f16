"""`python -m backend`: the same as the console script `talker`."""

import sys

from backend.command.cli import main
from backend.command.native_messages import call_with_quiet_libraries

if __name__ == "__main__":
    sys.exit(call_with_quiet_libraries(main))
