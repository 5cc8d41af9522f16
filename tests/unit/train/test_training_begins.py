"""How a training begins: anew, where it stopped, with another round for a finished model; and what it says of it."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from backend.command.verbs import train as train_verb
from backend.performance.curves import SPEECH_CURVES
from backend.settings import SpeechSettings
from backend.train.resuming import Trained
from backend.train.trainer import prepare, settings_key, steps, train
from shared import layout
from shared.errors import Cancelled, InputError
from shared.jobs import Reporter
from shared.training import Did, Length, Start, TrainingState, newest_training, read_training
from tests.support.synthetic_subject import FRAMES, TINY

SHORT = replace(TINY, steps=10)


@pytest.fixture(autouse=True)
def no_speech(monkeypatch):
    """The speech model has tests of its own; half a second of a tone would teach it nothing."""

    def hear_nothing(subject, folder, *arguments, **options) -> None:
        np.save(folder.heard_file, np.full((FRAMES, len(SPEECH_CURVES)), np.nan, np.float32))

    monkeypatch.setattr("backend.train.driving.learn_speech", hear_nothing)


def _train(subject, start: Start, **changes) -> Trained:
    return train(subject, replace(SHORT, start=start, **changes), Reporter())


def _stop_after(subject, limit: int, start: Start = Start.ANEW, **changes) -> None:
    """Train, and cancel when `limit` steps of the training are done."""
    done: list[int] = []
    report = Reporter(
        lambda progress: done.append(progress.step) if progress.phase == "train" else None,
        lambda: bool(done) and done[-1] >= limit - 1,  # asked when the step is done, before it is told
        min_interval_s=0.0,
    )
    with pytest.raises(Cancelled):
        train(subject, replace(SHORT, start=start, **changes), report)


def _checkpoint(subject):
    return layout.model_folder(subject.root, "m2dao") / layout.CHECKPOINT_FILE


def _state(subject) -> TrainingState:
    state = newest_training(layout.model_folder(subject.root, "m2dao"))
    assert state is not None
    return state


def _weights(subject) -> dict[str, torch.Tensor]:
    return load_file(layout.model_folder(subject.root, "m2dao") / layout.MODEL_WEIGHTS_FILE)


def _same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_a_training_says_what_it_did_and_leaves_a_finished_checkpoint(subject):
    done = _train(subject, Start.ANEW)
    assert (done.did, done.steps, done.new_steps) == (Did.ANEW, 10, 10)
    assert done.sentence().startswith("The head is trained: model m2dao, 10 steps, ")
    state = _state(subject)
    assert (state.recipe, state.preset, state.rounds, state.step) == ("m2dao", "draft", (Length(10),), 10)
    assert state.is_finished


@pytest.mark.parametrize("start", [Start.RESUME, Start.AUTO])
def test_a_finished_model_is_left_as_it_is_and_says_so(subject, start):
    _train(subject, Start.ANEW)
    before = _checkpoint(subject).read_bytes()
    done = _train(subject, start)
    assert (done.did, done.steps, done.new_steps) == (Did.NOTHING, 10, 0)
    assert "is finished already (10 steps" in done.sentence() and "nothing was trained" in done.sentence()
    assert _checkpoint(subject).read_bytes() == before


def test_an_interrupted_training_goes_on_from_where_it_stopped_to_the_same_weights(subject):
    _train(subject, Start.ANEW)
    whole = _weights(subject)
    _stop_after(subject, 4)
    assert (_state(subject).step, _state(subject).progress) == pytest.approx((4, 0.4))
    assert _same(_weights(subject), whole), "the finished model stays in use until the new one is whole"
    done = _train(subject, Start.AUTO)
    assert (done.did, done.steps, done.new_steps) == (Did.RESUMED, 10, 6)
    assert done.sentence().startswith("The training went on from 40% and is done: model m2dao, 10 steps")
    assert _same(_weights(subject), whole)


def test_more_trains_a_finished_model_for_another_round(subject):
    _train(subject, Start.ANEW)
    before = _weights(subject)
    done = _train(subject, Start.MORE, steps=6)
    assert (done.did, done.steps, done.new_steps) == (Did.MORE, 16, 6)
    assert done.sentence().startswith("The model m2dao was trained on, by 6 steps: now 16 steps")
    assert _state(subject).rounds == (Length(10), Length(6))
    assert _state(subject).is_finished
    assert not _same(_weights(subject), before)
    config = json.loads((_checkpoint(subject).parent / layout.MODEL_CONFIG_FILE).read_text())
    assert config["training"]["steps"] == 16
    assert config["training"]["rounds"] == [{"steps": 10, "minutes": None}, {"steps": 6, "minutes": None}]


def test_a_further_round_moves_the_fields_again_and_has_no_still_start(subject):
    run = prepare(subject, replace(SHORT, static_share=0.5, joint_share=0.5))
    for _ in steps(run):
        pass
    assert run.portrait.facial_field is not None
    fields = dict(run.portrait.facial_field.named_parameters())
    still = {name: value.clone() for name, value in fields.items()}
    run.settings = replace(run.settings, joint_share=0.0)
    run.begin_round(Length(4))
    assert (run.progress, run.round_step, run.step) == (0.0, 0, 10)
    list(steps(run))
    assert run.step == 14
    moved = [
        name for name, value in run.portrait.facial_field.named_parameters() if not torch.equal(value, still[name])
    ]
    assert moved


def test_an_interrupted_further_round_is_gone_on_with_in_its_own_length(subject):
    _train(subject, Start.ANEW)
    _stop_after(subject, 3, Start.MORE, steps=6)
    assert (_state(subject).step, _state(subject).progress) == pytest.approx((13, 0.5))
    done = _train(subject, Start.AUTO)
    assert (done.did, done.steps, done.new_steps) == (Did.RESUMED, 16, 3)
    assert _train(subject, Start.AUTO).did is Did.NOTHING, "more time is no other model"


def test_more_for_a_job_that_was_killed_before_its_end_adds_no_second_round(subject):
    _train(subject, Start.ANEW)
    _stop_after(subject, 3, Start.MORE, steps=6)
    assert _train(subject, Start.MORE, steps=6).steps == 16


def test_a_training_goes_on_in_no_other_length_than_it_began(subject):
    _stop_after(subject, 4)
    with pytest.raises(InputError, match="stopped at 40% of 10 steps: 3 min cannot go on with it. Resume"):
        _train(subject, Start.RESUME, minutes=3.0)
    assert _state(subject).step == 4


@pytest.mark.parametrize("changes", [{"seed": 1}, {"steps": 5}, {"preset": "standard"}])
def test_other_settings_begin_anew_by_themselves(subject, changes):
    _train(subject, Start.ANEW)
    done = _train(subject, Start.AUTO, **changes)
    assert done.did is Did.ANEW
    assert done.steps == changes.get("steps", 10)


@pytest.mark.parametrize("start", [Start.RESUME, Start.MORE])
def test_there_must_be_a_checkpoint_of_the_same_settings_to_go_on_from(subject, start):
    with pytest.raises(InputError, match="There is no checkpoint .* Train anew"):
        _train(subject, start)
    _train(subject, Start.ANEW)
    with pytest.raises(InputError, match=r"other settings \(seed: 0, not 1\).*train anew"):
        _train(subject, start, seed=1)


def test_a_checkpoint_that_is_cut_short_says_nothing(subject):
    _train(subject, Start.ANEW)
    path = _checkpoint(subject)
    assert read_training(path.with_name("none")) is None
    data = path.read_bytes()
    for damaged in (data[:-1], data[:20], b"", b"\xff" * 64, b"\x02" + bytes(7) + b"[]"):
        path.write_bytes(damaged)
        assert read_training(path) is None
    assert _train(subject, Start.AUTO).did is Did.ANEW


def test_the_length_is_no_part_of_what_rounds_share_but_the_holdout_is(subject):
    key = settings_key(subject, SHORT)
    assert settings_key(subject, replace(SHORT, steps=99, minutes=2.0, start=Start.MORE, threads=2)) == key
    assert settings_key(subject, replace(SHORT, holdout=11)) != key


def test_checkpoints_from_before_a_setting_was_there_are_gone_on_with_where_it_changes_nothing(subject):
    values = {**asdict(SHORT), "footage": subject.info.source_sha256}
    for name in (
        "speech",
        "holdout_fold",
        "holdout_gap_s",
        "start",
        "checkpoint_s",
        "preview_s",
        "threads",
        "engine",
        "steps",
        "more_for_long",
        "minutes",
        "model",
    ):
        del values[name]
    later = {
        "portrait": ("own_audio", "poses", "upper", "start", "harmonics", "layered", "inside_share", "lip_curves"),
        "rates": ("attention", "harmonics"),
        "losses": ("attention",),
    }
    for group, names in later.items():
        for name in names:
            del values[group][name]
    for name in ("masks", "annealing", "supervision", "densify"):
        del values[name]
    assert settings_key(subject, SHORT) == hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    assert settings_key(subject, replace(SHORT, speech=SpeechSettings(steps=20))) != settings_key(subject, SHORT)
    assert settings_key(subject, replace(SHORT, masks="hard")) != settings_key(subject, SHORT)
    kept_out = replace(SHORT, holdout=3)
    keys = {
        settings_key(subject, replace(kept_out, **other)) for other in ({"holdout_gap_s": 0.0}, {}, {"holdout_fold": 1})
    }
    assert len(keys) == 3


def test_the_voice_is_learnt_by_the_trainings_settings(subject, monkeypatch):
    asked = []

    def note(subject, folder, frames, report, settings, **options) -> None:
        asked.append(settings)
        np.save(folder.heard_file, np.full((FRAMES, len(SPEECH_CURVES)), np.nan, np.float32))

    monkeypatch.setattr("backend.train.driving.learn_speech", note)
    _train(subject, Start.ANEW, seed=3, speech=SpeechSettings(steps=20, seed=4))
    assert asked == [SpeechSettings(steps=20, seed=7)]


def test_learning_the_voice_counts_as_training_time_up_to_half_of_it(subject):
    run = prepare(subject, replace(SHORT, minutes=2.0))
    run.elapsed_s = 30.0
    assert run.progress == pytest.approx(30 / 120)
    run.speech_s = 40.0
    assert run.progress == pytest.approx(30 / 80)
    run.speech_s = 500.0
    assert run.progress == pytest.approx(30 / 60)
    run.begin_round(Length(None, 1.0))
    run.elapsed_s += 30.0
    assert run.progress == pytest.approx(0.5), "the voice is learnt in the first round"


def test_the_time_for_the_voice_is_kept_and_told_and_counts_for_a_portrait_that_uses_it(subject, monkeypatch):
    clock = iter(np.arange(0.0, 1e6, 6.0))
    monkeypatch.setattr("backend.train.trainer.time.perf_counter", lambda: float(next(clock)))
    _stop_after(subject, 4)
    _train(subject, Start.RESUME)
    record = subject.model(None).training_record()
    assert (record["speech_minutes"], record["minutes"]) == pytest.approx((0.1, 0.1 + 10 * 0.1))
    baseline = replace(SHORT.portrait, recipe="talkinggaussian", drive="audio", field="net", jaw_link=False)
    train(subject, replace(SHORT, portrait=baseline), Reporter())
    record = subject.model("talkinggaussian").training_record()
    assert (record["speech_minutes"], record["minutes"]) == pytest.approx((0.0, 10 * 0.1))


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        ({}, Start.ANEW),
        ({"resume": False, "more": False}, Start.ANEW),
        ({"resume": True}, Start.RESUME),
        ({"resume": "auto"}, Start.AUTO),
        ({"more": True}, Start.MORE),
        ({"more": True, "resume": "auto"}, Start.MORE),
        ({"start": "auto"}, Start.AUTO),
        ({"start": "resume", "minutes": 2}, Start.RESUME),
    ],
)
def test_the_verb_begins_as_it_is_told_and_returns_what_was_done(subject, monkeypatch, arguments, start):
    asked = []

    def pretend(subject, settings, report, refine_poses):
        asked.append(settings.start)
        return Trained(layout.model_folder(subject.root, "m2dao"), Did.MORE, 900, 2.5, new_steps=300)

    monkeypatch.setattr("backend.train.trainer.train", pretend)
    result = train_verb({"subject": str(subject.root), **arguments}, Reporter())
    assert asked == [start]
    assert (result["model"], result["did"], result["steps"], result["minutes"]) == ("m2dao", "more", 900, 2.5)
    assert result["message"] == "The model m2dao was trained on, by 300 steps: now 900 steps, 2.5 min."


def test_a_model_that_was_copied_under_another_name_is_trained_on(subject):
    first = _train(subject, Start.ANEW)
    shutil.copytree(first.folder, first.folder.with_name("copied"))
    done = _train(subject, Start.MORE, model="copied")
    assert (done.did, done.folder.name, done.new_steps) == (Did.MORE, "copied", 10)


def test_other_settings_are_named_before_anything_is_prepared(subject, monkeypatch):
    _train(subject, Start.ANEW)
    monkeypatch.setattr("backend.train.trainer.prepare", None)
    with pytest.raises(InputError, match=r"block: 2, not 3; losses.mouth: 2.0, not 1.0"):
        _train(subject, Start.MORE, block=3, losses=replace(SHORT.losses, mouth=1.0))


def _rendered(subject, moved_cm: float = 0.0) -> None:
    """Give the subject poses by rendering, moved by so much to the right."""
    track = subject.track()
    poses, offsets = track.camera_from_head.copy(), track.shape_offsets
    poses[:, 0, 3] += moved_cm
    replace(track, rendered_poses=poses, rendered_shape_offsets=offsets).save(subject.root / layout.TRACK_FILE)


def _under(poses: str):
    return replace(SHORT.portrait, poses=poses)


@pytest.mark.parametrize("learned", ["refined", "rendered", "landmarks"])
@pytest.mark.parametrize("asked", ["refined", "rendered"])
def test_a_model_is_gone_on_with_under_the_poses_that_it_learned_under(subject, learned, asked):
    _rendered(subject)
    _train(subject, Start.ANEW, portrait=_under(learned))
    assert _train(subject, Start.MORE, portrait=_under(asked)).did is Did.MORE
    assert subject.model(None).training_record()["settings"]["portrait"]["poses"] == learned


def test_anew_and_automatic_are_under_the_poses_asked_for(subject):
    _rendered(subject)
    _train(subject, Start.ANEW)
    assert _train(subject, Start.AUTO, portrait=_under("rendered")).did is Did.ANEW
    assert subject.model(None).training_record()["settings"]["portrait"]["poses"] == "rendered"


def test_another_training_that_was_stopped_is_resumed_though_the_model_was_finished_under_other_poses(subject):
    _rendered(subject)
    _train(subject, Start.ANEW)
    _stop_after(subject, 4, portrait=_under("rendered"), size=24)
    assert _train(subject, Start.RESUME, portrait=_under("rendered"), size=24).did is Did.RESUMED


def test_poses_are_refined_when_a_training_begins_and_not_before_it_is_refused(subject):
    asked = []

    def refine(settings) -> None:
        asked.append(settings.portrait.poses)
        _rendered(subject)

    wanted = replace(SHORT, portrait=_under("rendered"))
    with pytest.raises(InputError):
        train(subject, replace(wanted, start=Start.RESUME), Reporter(), refine_poses=refine)
    assert not asked
    assert train(subject, wanted, Reporter(), refine_poses=refine).did is Did.ANEW
    assert train(subject, replace(wanted, start=Start.RESUME), Reporter(), refine_poses=refine).did is Did.NOTHING
    assert asked == ["rendered"]


def test_a_training_does_not_go_on_under_poses_that_were_refined_again(subject):
    _rendered(subject)
    _train(subject, Start.ANEW, portrait=_under("rendered"))
    _rendered(subject, 0.1)
    with pytest.raises(InputError, match="other settings or other footage"):
        _train(subject, Start.MORE, portrait=_under("rendered"))
