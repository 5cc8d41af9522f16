"""Which of two experts on a mouth is believed, and how far."""

import numpy as np
import pytest

from backend.performance.curves import SPEECH_CURVES
from backend.performance.mouth_prior import SHAPES
from backend.performance.read_out import ReadOut, read_out
from backend.settings import SpeechSettings

JAW = SPEECH_CURVES.index("jawOpen")
SMILE = SPEECH_CURVES.index("mouthSmileLeft")
FPS = 25


class Footage:
    """`seconds` of a mouth whose jaw moves and whose other curves stand still, with what two experts say of it."""

    def __init__(self, seconds: int, seed: int = 0) -> None:
        self.seconds, self._draw = seconds, np.random.default_rng(seed)
        self.jaw = self.unrelated()
        self.speech = np.full((len(self.jaw), len(SPEECH_CURVES)), 0.2)
        self.speech[:, JAW] = 0.3 + 0.1 * self.jaw
        self.fold = np.minimum(np.arange(len(self.jaw)) * 5 // len(self.jaw), 4)

    def unrelated(self) -> np.ndarray:
        """(T,) of deviation 1, as slow as mouths are."""
        knots = self._draw.standard_normal(self.seconds * 4 + 1)
        moves = np.interp(np.arange(self.seconds * FPS) / FPS * 4, np.arange(len(knots)), knots)
        return (moves - moves.mean()) / moves.std()

    def nets(self, told: np.ndarray) -> np.ndarray:
        """(T, 6) outputs whose first is `told`."""
        return np.stack([told, *(self.unrelated() for _ in range(5))], axis=1)

    def shapes(self, told: np.ndarray) -> np.ndarray:
        """(T, 5) shapes whose jaw is `told`."""
        shapes = np.zeros((len(told), len(SHAPES)))
        shapes[:, SHAPES.index("jaw")] = 0.4 + 0.3 * told
        return shapes

    def read(self, nets: np.ndarray, prior: np.ndarray) -> ReadOut:
        return read_out(
            self.nets(nets), self.shapes(prior), self.speech, self.fold, float(self.seconds), SpeechSettings()
        )

    def error(self, found: ReadOut) -> float:
        """Of the jaw, as a share of its variance."""
        return float(np.square(found.out_of_fold[:, JAW] - 0.1 * self.jaw).mean() / 0.01)


def test_the_expert_who_tells_the_mouth_is_believed_and_the_other_is_not():
    footage = Footage(20)
    for nets, prior in ((footage.jaw, footage.unrelated()), (footage.unrelated(), footage.jaw)):
        found = footage.read(nets, prior)
        assert footage.error(found) < 0.15 and found.correlation[JAW] > 0.9
    by_nets, by_prior = footage.read(footage.jaw, footage.unrelated()), footage.read(footage.unrelated(), footage.jaw)
    jaw = SHAPES.index("jaw")
    assert abs(by_prior.prior_matrix[jaw, JAW]) > 5 * abs(by_nets.prior_matrix[jaw, JAW])
    assert abs(by_nets.matrix[0, JAW]) > 5 * np.abs(by_prior.matrix[:, JAW]).max()


def test_two_experts_together_are_better_than_each_of_them():
    footage = Footage(60)
    nets, prior = (footage.jaw + 0.8 * footage.unrelated() for _ in range(2))
    both, one, other = (
        footage.error(footage.read(*said))
        for said in ((nets, prior), (nets, footage.unrelated()), (footage.unrelated(), prior))
    )
    assert both < 0.85 * min(one, other)


@pytest.mark.parametrize("seed", range(4))
def test_three_seconds_of_footage_are_enough_for_a_mouth_that_moves(seed):
    footage = Footage(3, seed)
    found = footage.read(footage.unrelated(), footage.jaw + 0.7 * footage.unrelated())
    moves = (footage.shapes(footage.jaw) - found.prior_offset) @ found.prior_matrix
    assert moves[:, JAW].std() > 0.25 * 0.1
    assert np.corrcoef(moves[:, JAW], footage.jaw)[0, 1] > 0.9


@pytest.mark.parametrize(("seconds", "worst"), [(3, 1.6), (20, 1.15), (60, 1.05)])
def test_experts_who_tell_nothing_do_little_harm(seconds, worst):
    errors = []
    for seed in range(5):
        footage = Footage(seconds, seed)
        errors.append(footage.error(footage.read(footage.unrelated(), footage.unrelated())))
    assert np.mean(errors) < worst


def test_what_is_meant_has_the_footages_quantiles_where_something_is_told_and_nothing_elsewhere():
    footage = Footage(40)
    found = footage.read(footage.jaw + footage.unrelated(), footage.jaw + footage.unrelated())
    assert found.out_of_fold[:, JAW].std() < 0.09
    assert (np.diff(found.told, axis=0) > 0).all() and (np.diff(found.meant, axis=0) > 0).all()
    truth = footage.speech[:, JAW] - footage.speech[:, JAW].mean()
    for share, knot in zip((0.05, 0.5, 0.95), (1, 4, 7), strict=True):
        assert found.meant[knot, JAW] == pytest.approx(np.quantile(truth, share), abs=0.02)
    assert np.array_equal(found.meant[:, SMILE], found.told[:, SMILE])
    assert np.abs(found.out_of_fold[:, SMILE]).max() < 1e-6


def test_nothing_is_enlarged_without_end():
    footage = Footage(40)
    found = footage.read(footage.jaw + 3 * footage.unrelated(), footage.jaw + 3 * footage.unrelated())
    assert (np.diff(found.meant, axis=0) <= 3.01 * np.diff(found.told, axis=0) + 1e-9).all()


def test_weights_are_never_negative():
    footage = Footage(20)
    found = footage.read(footage.jaw, -footage.jaw)
    jaw = SHAPES.index("jaw")
    assert found.prior_matrix[jaw, JAW] * 0.3 < 0.1 * 0.2
    assert footage.error(found) < 0.15
