"""An operator records with the subject what the person shown has agreed to."""

import json
import sys
from types import SimpleNamespace

import pytest


@pytest.fixture
def subject(tmp_path, scene):
    folder = tmp_path / "subject"
    folder.mkdir()
    (folder / "subject.json").write_text(json.dumps({"source": "clip.mp4", "consent": "by letter"}))
    scene.talker.subject = str(folder)
    return folder


def test_what_is_recorded_is_kept_with_the_subject_and_what_was_noted_stays(bpy, subject):
    told = {"given_by": "A. Nobody", "uses": "the film", "on": "2026-11-01", "until": "2027-10-31"}
    assert bpy.ops.talker.record_consent(**told) == {"FINISHED"}
    held = json.loads((subject / "consent.json").read_text())
    assert held == {"schema": 1, **told, "withdrawn": "", "note": "by letter"}


def test_a_withdrawal_is_recorded_and_the_same_consent_again_does_not_end_it(bpy, subject):
    told = {"given_by": "A. Nobody", "uses": "the film", "on": "2026-11-01", "until": "2027-10-31"}
    bpy.ops.talker.record_consent(**told)
    assert bpy.ops.talker.record_consent(withdrawn="2026-11-20") == {"FINISHED"}
    held = json.loads((subject / "consent.json").read_text())
    assert held == {"schema": 1, **told, "withdrawn": "2026-11-20", "note": "by letter"}
    for again in (told, {}, {"given_by": "A. Nobody", "on": "2026-11-20"}):
        with pytest.raises(RuntimeError, match="was withdrawn on 2026-11-20"):
            bpy.ops.talker.record_consent(**again)
    assert json.loads((subject / "consent.json").read_text()) == held
    assert bpy.ops.talker.record_consent(given_by="A. Nobody", on="2026-11-21") == {"FINISHED"}
    assert json.loads((subject / "consent.json").read_text())["withdrawn"] == ""


def test_the_dialog_offers_what_holds_but_not_what_was_withdrawn(bpy, scene, subject):
    opened = []
    manager = SimpleNamespace(invoke_props_dialog=lambda operator, width: opened.append(operator))
    context = SimpleNamespace(scene=scene, window_manager=manager)
    operators = sys.modules["bl_ext.user_default.m2dao_talker.operators.consent"]
    told = {"given_by": "A. Nobody", "uses": "the film", "on": "2026-11-01", "until": "2027-10-31"}
    bpy.ops.talker.record_consent(**told)
    for withdrawn, offered in (("", told), ("2026-11-20", dict.fromkeys(told, ""))):
        if withdrawn:
            bpy.ops.talker.record_consent(withdrawn=withdrawn)
        dialog = SimpleNamespace()
        operators.TALKER_OT_record_consent.invoke(dialog, context, None)
        assert opened.pop() is dialog
        assert {name: getattr(dialog, name) for name in told} == offered
        assert (dialog.withdrawn, dialog.held_withdrawn) == ("", withdrawn)


@pytest.mark.parametrize("wrong", [{"on": "tomorrow"}, {"on": "2026-11-02", "until": "2026-11-01"}])
def test_what_cannot_be_is_refused_in_words(bpy, subject, wrong):
    with pytest.raises(RuntimeError, match="The consent cannot be"):
        bpy.ops.talker.record_consent(given_by="A. Nobody", **wrong)
    assert not (subject / "consent.json").exists()


def test_without_a_subject_or_while_a_job_works_on_it_nothing_is_recorded(bpy, scene, subject, tmp_path):
    claims = sys.modules["bl_ext.user_default.m2dao_talker.shared.claims"].Claims()
    assert claims.take([subject], "preprocessed") is None
    try:
        with pytest.raises(RuntimeError, match="is being preprocessed by process"):
            bpy.ops.talker.record_consent(given_by="A. Nobody")
    finally:
        claims.give_all_back()
    scene.talker.subject = str(tmp_path)
    with pytest.raises(RuntimeError, match="Preprocess the footage first"):
        bpy.ops.talker.record_consent(given_by="A. Nobody")
