"""Whatever looks like a person's, and is not known to be this program's, stays and is named."""

import json
import os
import shutil
import time

import pytest

from backend.export.export import KINDS, export
from backend.forgetting import exports
from backend.serve.jobstore import JobStore
from shared import layout
from shared.jobs import JobInfo, JobState, Reporter
from tests.support.forgotten import names, run


def stays(capsys):
    return json.loads(capsys.readouterr().out)["stays"]


def exported(state, take, out, job_state=JobState.DONE, began_s=-60.0, ended_s=60.0):
    """Note a job that was to export a take; times from now."""
    now = time.time()
    arguments = {"take": str(take), "out": str(out)}
    job = JobInfo(out.name, "export", arguments, job_state, started_at=now + began_s, finished_at=now + ended_s)
    JobStore(state, 100).save(job)


def forget(project, state, *options):
    return run(project / "anna" / "subject", "--state-dir", state, "--yes", "--json", *options)


def test_what_a_done_job_exported_goes_and_nothing_else_of_a_jobs_name(project, state, tmp_path, capsys):
    take, shots = project / "anna" / "lines" / "one", tmp_path / "shots"
    shots.mkdir()
    for name in ("ours.mov", "ours.MOV", "ours.csv"):
        export(take, shots / name, Reporter())
        exported(state, take, shots / name)
    kept = {}
    for name in ("project.blend", "failed.mov", "own.csv", "own.mov"):  # the job failed, or they have taken its place
        kept[name] = (shots / name).write_bytes(b"mine")
    exported(state, take, shots / "project.blend", JobState.FAILED)
    exported(state, take, shots / "failed.mov", JobState.FAILED)
    exported(state, take, shots / "own.csv")
    exported(state, take, shots / "own.mov")
    export(take, shots / "broken_off.csv", Reporter())
    exported(state, take, shots / "broken_off.csv", JobState.CANCELLED)
    assert forget(project, state) == 0
    told = [sentence for sentence in stays(capsys) if "look yourself" in sentence]
    assert names(shots) == {*kept, "broken_off.csv"} and len(told) == len(kept) + 1
    assert all(any(str(shots / name) in sentence for sentence in told) for name in names(shots))


def test_numbered_pictures_that_a_done_job_exported_go_and_others_of_such_names_stay(project, state, tmp_path, capsys):
    take, shots = project / "anna" / "lines" / "one", tmp_path / "shots"
    export(take, shots / "a.####.png", Reporter())
    (shots / "a.0009.png").write_bytes(b"mine")
    exported(state, take, shots / "a.####.png")
    export(take, shots / "by_hand.png", Reporter())
    export(project / "berta" / "lines" / "one", shots / "berta.png", Reporter())
    assert forget(project, state, "--takes", shots) == 0
    berta = {"berta.000001.png", "berta.000002.png"}
    assert names(shots) == {"a.0009.png", "by_hand.000001.png", "by_hand.000002.png"} | berta
    told = [sentence for sentence in stays(capsys) if "shots" in sentence]
    assert sum("a.0009.png may show the person" in sentence for sentence in told) == 1
    assert sum("by_hand.000001.png and 1 more of such names carry" in sentence for sentence in told) == 1
    assert not any("berta" in sentence for sentence in told)


@pytest.mark.parametrize("name", ["take.mov", "take.csv"])
def test_a_file_of_another_time_than_the_job_is_not_what_the_job_wrote(project, state, tmp_path, name, capsys):
    take, early, late = project / "anna" / "lines" / "one", tmp_path / f"early_{name}", tmp_path / f"late_{name}"
    for out in (early, late):
        export(take, out, Reporter())
    exported(state, take, early, began_s=60, ended_s=90)
    exported(state, take, late, began_s=-90, ended_s=-60)
    assert forget(project, state) == 0
    assert early.exists() and late.exists() and len([one for one in stays(capsys) if f"_{name}" in one]) == 2


def test_a_movie_of_another_person_stays_even_where_a_job_names_it(project, state, tmp_path):
    out = tmp_path / "take.mov"
    export(project / "berta" / "lines" / "one", out, Reporter())
    exported(state, project / "anna" / "lines" / "one", out)
    assert forget(project, state) == 0 and out.exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_in_the_place_of_an_export_stays(project, state, tmp_path):
    take, out = project / "anna" / "lines" / "one", tmp_path / "take.csv"
    export(take, tmp_path / "other.csv", Reporter())
    out.symlink_to(tmp_path / "other.csv")
    exported(state, take, out)
    assert forget(project, state) == 0 and out.is_symlink() and (tmp_path / "other.csv").exists()


def test_all_kinds_of_exports_are_known():
    assert set(exports.ENDINGS) == set(KINDS)


def test_a_movie_that_is_known_by_its_marks_alone_is_named(project, state, tmp_path, capsys):
    shots = tmp_path / "shots"
    take = project / "anna" / "lines" / "one"
    outs = [shots / "far.mov", shots / "loud.MOV", take.with_name("one.mov")]
    for out in outs:
        export(take, out, Reporter())
    export(project / "berta" / "lines" / "one", shots / "other.mov", Reporter())
    assert forget(project, state, "--takes", shots) == 0
    told = [sentence for sentence in stays(capsys) if "carries this person's marks: remove it yourself" in sentence]
    assert all(out.exists() for out in outs) and len(told) == 3 and not any("other.mov" in one for one in told)


def whole(subject):
    return json.loads((subject / "subject.json").read_text())


@pytest.mark.parametrize(
    "change",
    [
        None, b"", b"{", b"[]", {"source_sha256": 5}, {"source_sha256": "../.."}, {"source_sha256": "a" * 63},
        {"source_sha256": "A" * 64}, {"schema": "3"}, {"schema": True}, {"crop": [1]}, {"crop": {"x": 1}}, {"fps": 25},
    ],
)  # fmt: skip
def test_a_subject_that_is_damaged_or_somebody_elses_is_refused(project, change, capsys):
    """subject.json is a name that others give their files too."""
    subject = project / "anna" / "subject"
    if change is None:
        (subject / "subject.json").write_text(json.dumps({"title": "maths", "source_sha256": "a" * 64}))
    elif isinstance(change, dict):
        (subject / "subject.json").write_text(json.dumps(whole(subject) | change))
    else:
        (subject / "subject.json").write_bytes(change)
    before = names(project)
    assert run(subject, "--yes") == 2
    said = capsys.readouterr().err
    assert str(subject) in said and "remove it and the takes by hand" in said and names(project) == before


@pytest.mark.parametrize("ending", [".partial", ".set-aside", ".replaced"])
@pytest.mark.parametrize("content", [None, {}, {"source": "b" * 64}, {"source": "anna"}, b"{"])
def test_a_folder_beside_the_subject_goes_only_where_it_says_whose_it_is(project, ending, content, capsys):
    anna = project / "anna"
    beside = anna / f"subject{ending}"
    shutil.rmtree(anna / "subject.partial")
    (beside / "frames").mkdir(parents=True)
    (beside / "frames" / "000001.png").write_bytes(b"a holiday")
    if content is not None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        (beside / "stages.json").write_bytes(data)
    before = names(beside)
    assert run(anna / "subject", "--yes", "--json") == 0
    assert names(beside) == before and any(f"{beside} " in sentence for sentence in stays(capsys))
    assert not (anna / "subject").exists()


@pytest.mark.parametrize("ending", [".partial", ".set-aside", ".replaced"])
def test_a_folder_beside_the_subject_that_says_two_things_stays(project, ending):
    anna = project / "anna"
    shutil.rmtree(anna / "subject.partial")
    beside = shutil.copytree(anna / "subject", anna / f"subject{ending}")
    (beside / "stages.json").write_text(json.dumps({"source": "b" * 64}))
    assert run(anna / "subject", "--yes") == 0 and (beside / "frames" / "000001.png").exists()


@pytest.mark.parametrize("ending", [".partial", ".set-aside", ".replaced"])
def test_what_a_killed_run_left_with_proof_goes(project, ending):
    anna = project / "anna"
    shutil.rmtree(anna / "subject.partial")
    shutil.copytree(anna / "subject", anna / f"subject{ending}")
    shutil.rmtree(anna / "subject")
    assert run(anna / "subject", "--yes") == 0 and not (anna / f"subject{ending}").exists()


def test_in_a_subject_only_files_of_known_names_in_their_places_go(project, capsys):
    subject = project / "anna" / "subject"
    kept = [
        "frames/IMG_1.png", "frames/1.png", "frames/000001.json", "regions/audio.wav", "cache/notes.json",
        "cache/preprocess/take.wav", "models/weights.safetensors", "models/disc/mine.npy", "000001.png", "mask.png",
        "mine.partial", "mine.lock", "frames/inner/000001.png", "disc/config.json", "models/disc/a/b/preview.png",
    ]  # fmt: skip
    for name in kept:
        (subject / name).parent.mkdir(parents=True, exist_ok=True)
        (subject / name).write_bytes(b"mine")
    assert run(subject, "--yes", "--json") == 0
    told = stays(capsys)
    left = {name for name in names(subject) if (subject / name).is_file()}
    assert left == set(kept)
    for name in kept:
        places = [subject / name, *(subject / name).parents[: name.count("/")]]
        assert any(f"{place} is not of this program's making" in sentence for place in places for sentence in told)


def hidden_take(folder, inner):
    """A take whose only record is in a folder inside; around it the frames of somebody else."""
    work = folder.with_name("work")
    folder.rename(work)
    folder.mkdir()
    work.rename(folder / inner)
    for name in ("head.000001.exr", "head.000009.png", "audio.wav", "camera.json", "preview.mp4", "plate.png"):
        (folder / name).write_bytes(b"mine")


@pytest.mark.parametrize("inner", ["unfinished", "publishing"])
@pytest.mark.parametrize("of_other", [False, True])
def test_around_an_unfinished_take_nothing_is_known_to_be_ours(project, inner, of_other, capsys):
    take = project / "anna" / "lines" / "one"
    hidden_take(take, inner)
    if of_other:
        shutil.copy(project / "berta" / "lines" / "one" / "manifest.json", take)
    before = names(take) - {name for name in names(take) if name.startswith(inner)}
    assert run(project / "anna" / "subject", "--yes", "--json") == 0
    assert names(take) == before
    told = stays(capsys)
    assert all(any(str(take / name) in sentence for sentence in told) for name in before)


def test_an_unfinished_take_of_somebody_else_stays_in_the_persons_take(project):
    take = project / "anna" / "lines" / "one"
    shutil.copytree(project / "berta" / "lines" / "one", take / "unfinished")
    before = names(take / "unfinished")
    assert run(project / "anna" / "subject", "--yes") == 0
    assert names(take) == {"unfinished", *(f"unfinished/{name}" for name in before)}


def test_what_took_its_place_before_a_render_was_killed_goes_by_its_marks(project):
    take = project / "anna" / "lines" / "one"
    (take / "publishing").mkdir()
    shutil.move(take / "manifest.json", take / "publishing")
    (take / "head.000009.exr").write_bytes(b"mine")
    assert run(project / "anna" / "subject", "--yes") == 0
    assert {name for name in names(take) if name.endswith(("exr", "png", "mp4", "wav"))} == {"head.000009.exr"}


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
@pytest.mark.parametrize("place", ["manifest.json", "unfinished", "chunks"])
def test_no_link_says_whose_a_folder_is(project, tmp_path, place):
    """The person's manifest, linked into a folder of another's."""
    folder, far = project / "shots" / "x", tmp_path / "far"
    folder.mkdir(parents=True)
    shutil.copytree(project / "anna" / "lines" / "one", far)
    shutil.copy(far / "manifest.json", far / layout.CHUNK_RECORD_FILE)
    (folder / place).symlink_to(far / place if place == "manifest.json" else far)
    (folder / "head.000001.exr").write_bytes(b"mine")
    folder.with_name("x.line.wav").write_bytes(b"mine")
    before, before_far = names(folder.parent), names(far)
    assert run(project / "anna" / "subject", "--takes", folder, "--yes") == 0
    assert names(folder.parent) == before and names(far) == before_far


def test_a_report_and_a_sheet_of_others_around_a_subject_stay(project):
    anna = project / "anna"
    shutil.move(anna / "lines" / "one", anna / "render")
    (anna / "report.json").write_text(json.dumps({"title": "sales"}))
    (anna / "contact_sheet.png").write_bytes(b"mine")
    assert run(anna / "subject", "--yes") == 0
    assert (anna / "report.json").exists() and (anna / "contact_sheet.png").exists() and not (anna / "render").exists()
