"""A take as OpenTimelineIO: what the library reads in it, and where it finds the media."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote

import pytest

from backend.export.export import export
from backend.forgetting.marked import is_marked
from shared import layout
from shared.editorial import AUDIO, VIDEO, Clip, Media, on_tracks, timeline_text
from shared.errors import InputError
from shared.jobs import Reporter
from shared.timing import parse_timecode
from tests.support.disc_take import FIRST, FPS, LAST, MARKS, make_take


def clips_of(path):
    """Track kind, clip and media of all clips, as plain JSON."""
    tracks = json.loads(path.read_text(encoding="utf-8"))["tracks"]["children"]
    clips = [(track["kind"], clip) for track in tracks for clip in track["children"] if clip["OTIO_SCHEMA"] == "Clip.2"]
    return [(kind, clip, clip["media_references"]["DEFAULT_MEDIA"]) for kind, clip in clips]


def test_a_timeline_has_the_takes_frames_and_sound_where_they_lie(tmp_path):
    take = make_take(tmp_path / "a take #1", "01:00:00:00")
    told = export(take, tmp_path / "edit" / "line.otio", Reporter())
    assert told["frames"] == LAST - FIRST + 1
    (_, picture, frames), (_, sound, wav) = clips_of(tmp_path / "edit" / "line.otio")
    assert unquote(frames["target_url_base"]) == "../a take #1/" and (frames["start_frame"], frames["rate"]) == (
        FIRST, float(FPS),
    )  # fmt: skip
    for number in range(FIRST, LAST + 1):
        name = f"{frames['name_prefix']}{number:0{frames['frame_zero_padding']}d}{frames['name_suffix']}"
        assert (tmp_path / "edit" / unquote(frames["target_url_base"]) / name).is_file()
    assert (tmp_path / "edit" / unquote(wav["target_url"])).samefile(take / layout.AUDIO_FILE)
    start = parse_timecode("01:00:00:00", FPS)
    for clip in (picture, sound):
        assert clip["source_range"]["start_time"]["value"] == start + FIRST - 1, "both begin with one time code"
        assert clip["source_range"]["duration"]["value"] == LAST - FIRST + 1
    assert wav["available_range"]["start_time"]["value"] == start
    assert is_marked(tmp_path / "edit" / "line.otio", MARKS.subject)


def test_the_library_reads_the_same(tmp_path):
    otio = pytest.importorskip("opentimelineio", reason="the library is needed by this test alone")
    take = make_take(tmp_path / "take", "01:00:00:00")
    export(take, tmp_path / "line.otio", Reporter())
    timeline = otio.adapters.read_from_file(str(tmp_path / "line.otio"))
    assert timeline.global_start_time.value == parse_timecode("01:00:00:00", FPS) + FIRST - 1
    assert timeline.duration() == otio.opentime.RationalTime(LAST - FIRST + 1, float(FPS))
    (picture,), (sound,) = timeline.video_tracks()[0], timeline.audio_tracks()[0]
    reference = picture.media_reference
    assert reference.number_of_images_in_sequence() == LAST - FIRST + 1
    urls = [reference.target_url_for_image_number(i) for i in range(LAST - FIRST + 1)]
    assert urls == [f"take/{layout.EXR_NAME.format(frame=n)}" for n in range(FIRST, LAST + 1)]
    assert sound.media_reference.target_url == "take/audio.wav"
    assert sound.trimmed_range() == picture.trimmed_range()
    assert timeline.metadata["m2dao_talker"]["m2dao_talker.subject"] == MARKS.subject


def test_clips_that_lie_over_each_other_get_tracks_of_their_own():
    media = Media(Path("a.wav"), Fraction(25), 0, 100)
    clips = [Clip(name, media, Fraction(at), Fraction(10)) for name, at in (("c", 20), ("a", 0), ("b", 5), ("d", 10))]
    tracks = on_tracks("Line", AUDIO, clips)
    assert [[clip.name for clip in track.clips] for track in tracks] == [["a", "d", "c"], ["b"]]
    whole = json.loads(timeline_text("x", Fraction(25), 0, tracks, Path(), {}))
    gap, _ = whole["tracks"]["children"][1]["children"]
    assert gap["OTIO_SCHEMA"] == "Gap.1" and gap["source_range"]["duration"]["value"] == 5
    assert on_tracks("Line", VIDEO, []) == []


def test_a_take_without_its_sound_is_refused_and_another_programs_timeline_stays(take, tmp_path):
    (tmp_path / "own.otio").write_text("{}")
    with pytest.raises(InputError, match="was not exported"):
        export(take, tmp_path / "own.otio", Reporter())
    (take / layout.AUDIO_FILE).unlink()
    with pytest.raises(InputError, match=r"audio\.wav"):
        export(take, tmp_path / "line.otio", Reporter())


def test_a_timeline_that_was_edited_since_is_not_written_over(take, tmp_path):
    out = tmp_path / "line.otio"
    export(take, out, Reporter())
    export(take, out, Reporter())  # as it was written: it may be replaced
    edit = json.loads(out.read_text(encoding="utf-8"))
    edit["tracks"]["children"][0]["children"][0]["source_range"]["start_time"]["value"] += 12
    edited = json.dumps(edit)
    out.write_text(edited, encoding="utf-8")
    with pytest.raises(InputError, match="was edited since"):
        export(take, out, Reporter())
    assert out.read_text(encoding="utf-8") == edited
