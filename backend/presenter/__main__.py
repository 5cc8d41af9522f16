"""`python -m backend.presenter FOLDER`: draw the demo's footage and line of dialogue; prints where they are as JSON."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from backend.presenter.make import make_demo_material
from backend.terminal import ProgressBar
from shared.jobs import Reporter

if len(sys.argv) != 2:
    sys.exit("usage: python -m backend.presenter FOLDER")
with ProgressBar() as bar:
    material = make_demo_material(Path(sys.argv[1]), Reporter(bar.show))
print(json.dumps({name: str(path) for name, path in asdict(material).items()}))
