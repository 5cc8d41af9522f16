"""The person before other colours: cut out by the mattes, as often as the settings say."""

from __future__ import annotations

import torch

from backend.train.backdrops import Backdrops, before
from backend.train.data import Sample
from shared.camera import Intrinsics


def sample(alpha: float, person: float, plate: float) -> Sample:
    """A person of one grey behind which another is, a quarter of the picture without anybody."""
    mattes = torch.zeros(8, 8, 4)
    mattes[:, 2:, 1] = alpha
    share = mattes.sum(-1, keepdim=True)
    behind = torch.full((8, 8, 3), plate)
    camera = Intrinsics(8.0, 8.0, 4.0, 4.0, 8, 8)
    return Sample(share * person + (1 - share) * behind, mattes, behind, (slice(0, 2), slice(0, 2)), camera)


def test_a_soft_person_takes_their_own_share_of_a_pixel_along():
    seen = before(sample(0.4, person=0.8, plate=0.1), torch.tensor([1.0, 0.0, 0.5]))
    expected = 0.4 * 0.8 + 0.6 * torch.tensor([1.0, 0.0, 0.5])
    torch.testing.assert_close(seen.rgb[4, 5], expected)
    torch.testing.assert_close(seen.rgb[4, 0], torch.tensor([1.0, 0.0, 0.5]))
    torch.testing.assert_close(seen.background[4, 5], torch.tensor([1.0, 0.0, 0.5]))


def test_a_plate_that_is_wrong_where_nobody_is_teaches_nothing():
    wrong = sample(1.0, person=0.8, plate=0.1)
    wrong.rgb[:, :2] = 0.9
    seen = before(wrong, torch.tensor([0.0, 0.0, 1.0]))
    torch.testing.assert_close(seen.rgb[4, 0], torch.tensor([0.0, 0.0, 1.0]))
    torch.testing.assert_close(seen.rgb[4, 5], torch.full((3,), 0.8))


def test_so_many_steps_as_asked_for_see_another_colour():
    given = sample(1.0, 0.8, 0.1)
    changed = [Backdrops(0.25, 0).of(given, step) is not given for step in range(400)]
    assert 70 < sum(changed) < 130
    assert not any(Backdrops(0.0, 0).of(given, step) is not given for step in range(50))
    first, again = Backdrops(1.0, 3).of(given, 7), Backdrops(1.0, 3).of(given, 7)
    assert torch.equal(first.rgb, again.rgb)
    assert not torch.equal(first.rgb, Backdrops(1.0, 3).of(given, 8).rgb)
