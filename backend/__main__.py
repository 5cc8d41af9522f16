"""`python -m backend`: the same as the console script `talker`."""

import os
import sys


def main() -> int:
    """Run the command line; its exit status."""
    _leave_the_current_folder()
    from backend.command.cli import main as run
    from backend.command.native_messages import call_with_quiet_libraries

    return call_with_quiet_libraries(run)


def _leave_the_current_folder() -> None:
    """Python -m puts the current folder before everything else: a queue.py in it would be taken for Python's own."""
    source = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not sys.flags.safe_path and sys.path[0] in ("", os.getcwd()) and os.getcwd() != source:
        del sys.path[0]


if __name__ == "__main__":
    sys.exit(main())
