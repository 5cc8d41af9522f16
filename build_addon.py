#!/usr/bin/env python3
"""The one entry point of the repository: build the Blender extension, run the demo, the checks, the tests.

    python3 build_addon.py            dist/m2dao_talker-VERSION-PLATFORM.zip, validated by Blender's own tool
    python3 build_addon.py demo       the main job, end to end, into a .blend
    python3 build_addon.py check      formatting, lint, types, spelling, the rules of the house; --fix mends some
    python3 build_addon.py test       check, then the tests; further arguments go to pytest; --window: in a real window
    python3 build_addon.py release    the zips for every platform, and the extension repository that serves them
    python3 build_addon.py bundle     extension, wheels and model files in one zip, for machines without a network

Needs Python 3.11 or 3.13 and pip, nothing else; environments are made under .venv/ and used again.
"""

import sys

if sys.version_info[:2] not in ((3, 11), (3, 13)):
    sys.stderr.write("build_addon.py needs Python 3.11 or 3.13; this is %d.%d.\n" % sys.version_info[:2])  # noqa: UP031
    sys.exit(2)

from tools.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
