"""A render folder comes back into a scene: strips, camera, performance."""

import pytest


@pytest.fixture
def headless(addon):
    return addon.headless


def test_the_take_lies_on_the_timeline_at_the_lines_frame(bpy, addon, scene, make_take):
    done = addon.headless.bring_back(make_take(), 11)
    assert (done.frame_start, done.frame_end) == (11, 22)
    print(done)
