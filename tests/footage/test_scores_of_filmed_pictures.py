"""Scores of pictures on real footage: the order in which what spoils a picture is punished, and who is who."""

from __future__ import annotations

import numpy as np
import pytest

from backend.evaluate import metrics
from backend.evaluate.identity import SAME_PERSON, FaceIdentity, identity_distance, why_missing
from backend.evaluate.perceptual import difference, perceptual, structure
from backend.face.landmarker import Landmarker
from backend.media.decode import read_frames
from tests.support.places import FOOTAGE
from tests.support.scored_pictures import blurred, compressed, cracked, needled, noisy, shifted

CLIPS = ("office_20s_450.mp4", "podium_5s_512.mp4", "flag_8s_512.mp4")

pytestmark = pytest.mark.skipif(
    not all((FOOTAGE / name).is_file() for name in CLIPS),
    reason="no footage: neither TALKER_FOOTAGE nor ../shared/footage is there",
)


def filmed(name: str, every: int, count: int) -> list[np.ndarray]:
    frames = []
    for index, (_, rgb) in enumerate(read_frames(FOOTAGE / name)):
        if index % every == 0:
            frames.append(np.ascontiguousarray(rgb))
        if len(frames) == count:
            break
    return frames


@pytest.mark.parametrize("name", CLIPS)
def test_the_perceptual_distance_rises_with_what_spoils_a_picture_and_cracks_cost_more_than_light(name):
    recorded = filmed(name, 1, 1)[0]
    own, everywhere = structure(recorded), np.ones(recorded.shape[:2], np.float32)

    def distance(drawn: np.ndarray) -> float:
        return perceptual(difference(structure(drawn), own), everywhere)

    ways = {
        "blur": [blurred(recorded, sigma) for sigma in (0.5, 1, 2, 4)],
        "noise": [noisy(recorded, deviation) for deviation in (1, 3, 8, 20)],
        "shift": [shifted(recorded, px) for px in (0.25, 0.5, 1, 3)],
        "JPEG": [compressed(recorded, quality) for quality in (95, 75, 40, 10)],
        "needles": [needled(recorded, count) for count in (10, 50, 200, 800)],
        "cracks": [cracked(recorded, count) for count in (2, 4, 8, 16)],
    }
    print()
    for way, spoilt in ways.items():
        told = [(distance(drawn), metrics.psnr(drawn, recorded)) for drawn in spoilt]
        print(f"{name}, {way}: " + ", ".join(f"{d:.3f} ({level:.1f} dB)" for d, level in told))
        assert (np.diff([0.0] + [d for d, _ in told]) > 0.003).all(), way
    needles, light = ways["needles"][1], np.clip(recorded.astype(int) + 8, 0, 255).astype(np.uint8)
    assert metrics.psnr(light, recorded) < metrics.psnr(needles, recorded)
    assert distance(needles) > 4 * distance(light)
    assert distance(ways["cracks"][0]) > 4 * distance(light)


@pytest.mark.skipif(why_missing() is not None, reason="dlib or its net is not installed here (docs/evaluation.md)")
def test_a_person_a_second_later_is_the_same_and_another_one_is_not():
    net = FaceIdentity.find()
    assert net is not None
    people = []
    with Landmarker(None, max_faces=1) as landmarker:
        for name in CLIPS:
            frames = filmed(name, 25, 5)
            people.append([net.descriptor(rgb, landmarker.find(rgb)[0].landmarks) for rgb in frames])
    later = [identity_distance(a, b) for one in people for a, b in zip(one, one[1:], strict=False)]
    others = [identity_distance(a[0], b[0]) for i, a in enumerate(people) for b in people[:i]]
    print(f"\na second later: {np.round(later, 2)}, other people: {np.round(others, 2)}")
    assert max(later) < SAME_PERSON < min(others)
