"""What is handed over from real footage does not tell the lips; as recorded, it would."""

from __future__ import annotations

import pytest

from backend.evaluate.inputs import handed_over
from backend.evaluate.leak import leak
from backend.performance.curves import UPPER
from backend.preprocess.pipeline import preprocess
from backend.settings import EvaluateSettings, PreprocessSettings
from shared.jobs import Reporter
from tests.support.places import FOOTAGE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not FOOTAGE.is_dir(), reason="no footage: neither TALKER_FOOTAGE nor ../shared/footage is there"
    ),
]


@pytest.mark.parametrize(
    ("name", "as_recorded"), [("podium_5s_512", 0.0), ("flag_8s_512", 0.0), ("office_20s_450", 0.4)]
)
def test_what_is_handed_over_tells_little_of_the_lips(name, as_recorded, tmp_path):
    clip = FOOTAGE / f"{name}.mp4"
    if not clip.is_file():
        pytest.skip(f"{clip.name} is not in {FOOTAGE}")
    settings = PreprocessSettings(size=256, refine_poses=False, matting_size=128)
    subject = preprocess(clip, tmp_path / "subject", settings, Reporter())
    track, fps = subject.track(), float(subject.fps)
    told = {s: leak(handed_over(track, fps, s)[:, UPPER], track) for s in (0.0, 0.3, EvaluateSettings().smooth_s)}
    print(name, {seconds: round(share, 3) for seconds, share in told.items()})
    assert told[0.0] > as_recorded
    assert told[EvaluateSettings().smooth_s] < min(0.1, told[0.0])
