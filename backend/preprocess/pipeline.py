"""Footage to a finished subject folder, stage by stage. A cancelled run goes on where it stopped."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from backend.disk import GB
from backend.face.mesh import load_canonical_face
from backend.media.arrays import load_arrays, save_arrays
from backend.media.audio import SPEECH_RATE, fit_length, load_audio, save_wav
from backend.media.audio_features import log_mel
from backend.media.colour import chosen_transfer
from backend.media.decode import VideoInfo, probe
from backend.media.png import write_png
from backend.media.sequence import asked_rate, footage_sha256
from backend.media.sound_choice import SoundChoice
from backend.parallel import single_threaded_opencv
from backend.performance import curves
from backend.performance.poses import most_usual
from backend.preprocess import background, quality, regions, sync
from backend.preprocess.body import track_body
from backend.preprocess.camera import solve_camera
from backend.preprocess.capture import Capture, store_frames
from backend.preprocess.crop import head_and_shoulders, stored_size
from backend.preprocess.frame_plate import frame_plate_stage
from backend.preprocess.matting import hair_model
from backend.preprocess.reading import colour_as_read, in_key, require_rate
from backend.preprocess.scan import Scan, scan_faces, what_is_used
from backend.preprocess.shots import Shot
from backend.preprocess.sound import chosen_sound
from backend.preprocess.space import require_room, warn_of_little_room
from backend.preprocess.speaker import FacePath
from backend.preprocess.stage_run import (
    DAMAGE_FILE,
    LANDMARKS_FILE,
    NEVER_COVERED_FILE,
    SCAN_FILE,
    SCRATCH_FOLDER,
    SOUND_FILE,
    SOUND_WORDS_FILE,
    STILLNESS_FILE,
    SYNC_FILE,
    StageRun,
    handed_on,
)
from backend.preprocess.still import never_covered
from backend.preprocess.unusable import UnusableFootage
from backend.preprocess.who_speaks import who_speaks
from backend.preprocess.working_folder import WorkingFolder
from backend.settings import PreprocessSettings
from backend.subject.claims import preprocessing_claim
from backend.subject.consent import consent_of_made_again, keep_consent
from backend.subject.pictures import PictureFolder, read_picture
from backend.subject.subject import Subject, SubjectInfo
from backend.subject.track import Track
from shared import layout
from shared.files import explaining, file_sha256, write_json
from shared.folders import folder_bytes
from shared.jobs import Reporter
from shared.timing import fps_text, samples_for_frames

MIN_USABLE_S, FEW_USABLE_S = 2.5, 10.0
"""Seconds of frames with a face below which a clip is refused, and below which the user is warned: 8 s to learn from
cost 1.4 dB against 16, and with 4 the lips followed the sound half as well (as in `expectations`)."""
PLATE_SAMPLES = 48
"""Frames, spread over the clip, that are matted to find the background plate."""


def preprocess(footage: Path, subject_dir: Path, settings: PreprocessSettings, report: Reporter) -> Subject:
    """Make the subject folder of a clip of one speaker; returns it opened.

    It is made in a folder beside `subject_dir`, which is renamed when everything is done. A second call continues where
    the first was cancelled, and repeats only stages that other settings change.

    Raises InputError: a consent that does not hold, not a video, no face, too few frames with a face, no sound, an
    unwritable folder or a full disk, a folder that holds something else. Raises Cancelled when the user asked to stop.
    """
    footage, subject_dir = Path(footage), Path(subject_dir)
    if subject_dir.is_symlink():
        subject_dir = subject_dir.resolve()  # what it leads to is made again, not the link
    report.phase("decode")
    info = probe(footage, asked_rate(footage, settings.sequence_fps))
    require_rate(info)
    heard = chosen_sound(footage, settings)
    colour, words = colour_as_read(info.tags, settings.input_colour)
    words = [*info.notes, *words, *heard.words]
    for text in words:
        report.message(text)
    with preprocessing_claim(subject_dir, report):
        consent_of_made_again(subject_dir, settings)  # before anything is made
        folder = WorkingFolder(subject_dir, footage_sha256(footage), report)
        consent = consent_of_made_again(subject_dir, settings)  # of what may have got its name back just now
        run = StageRun(footage, settings, report, folder, replace(info, colour=colour), consent, warnings=list(words))
        with explaining(subject_dir), single_threaded_opencv():
            try:
                subject_info = _stages(run, heard)
            except UnusableFootage:
                folder.discard()
                raise
            folder.publish()
        subject = Subject.open(subject_dir)
    for text in subject_info.quality["warnings"]:
        if text not in run.warnings:
            report.message(text)
    return subject


def _stages(run: StageRun, heard: SoundChoice) -> SubjectInfo:
    """All stages, in order; returns what subject.json says."""
    _audio_stage(run, heard)
    scan = _face_stage(run)
    capture = _frames_stage(run, scan)
    _check_length(run, capture)
    _camera_stage(run, capture)
    _background_and_regions_stages(run, capture)
    frame_plate_stage(run, len(capture.found))
    track = _body_stage(run, capture)
    offset, corrected = _sync_stage(run, capture)
    return _quality_stage(run, capture, track, offset, corrected)


def _audio_stage(run: StageRun, heard: SoundChoice) -> None:
    """Mono speech at 16 kHz on the picture's clock; done first, since a clip without sound should fail at once."""
    sound = file_sha256(heard.track.path) if heard.track.path != run.footage else ""
    key = run.key("audio", run.folder.stages["source"], sound, *heard.in_key)
    outputs, words_path = [handed_on(SOUND_FILE)], run.intermediate(SOUND_WORDS_FILE)
    if not run.folder.is_done("audio", key, outputs):
        run.report.phase("audio")
        run.folder.begin("audio", [*outputs, handed_on(SOUND_WORDS_FILE)])
        words: list[str] = []
        save_wav(
            run.intermediate(SOUND_FILE), load_audio(heard.track.path, SPEECH_RATE, heard, words.append), SPEECH_RATE
        )
        mended = [text for text in words if text not in heard.words]
        if mended:
            write_json(words_path, mended)
        run.folder.finish("audio", key)
    for text in json.loads(words_path.read_text()) if words_path.is_file() else ():
        run.warn(text)


def _face_stage(run: StageRun) -> Scan:
    """Choose the part of the clip and its turn, find the speaker and fix the crop."""
    chosen = what_is_used(run.settings)
    key = run.key("face", run.folder.stages["source"], *in_key(run.info.colour), *chosen)
    path = run.intermediate(SCAN_FILE)
    outputs = [handed_on(SCAN_FILE)]
    if not run.folder.is_done("face", key, outputs):
        run.folder.begin("face", outputs)

        def choose(faces: list[FacePath], info: VideoInfo, shot: Shot) -> int | None:
            return who_speaks(faces, run.footage, info, shot, run.intermediate(SOUND_FILE), run.settings.models_dir)

        scan_faces(run.footage, run.info, run.settings, run.report, choose).save(path)
        run.folder.finish("face", key)
    scan = Scan.load(path)
    for text in scan.warnings:
        run.warn(text)
    run.info = run.info.turned(scan.turns)
    run.crop = head_and_shoulders(np.array(scan.speaker.boxes), run.info.width, run.info.height)
    run.size = stored_size(run.crop, run.settings.size)
    run.turns, run.first = scan.turns, scan.first
    return scan


def _frames_stage(run: StageRun, scan: Scan) -> Capture:
    """Store the cropped frames and measure their landmarks."""
    key = run.key("frames", run.keys["face"], run.crop, run.size)
    path, damage_path = run.intermediate(LANDMARKS_FILE), run.intermediate(DAMAGE_FILE)
    outputs = [layout.FRAMES_FOLDER, handed_on(LANDMARKS_FILE), handed_on(DAMAGE_FILE)]
    if not run.folder.is_done("frames", key, outputs):
        run.folder.begin("frames", outputs)
        require_room(run, scan.count(run.info))
        damage: list[str] = []
        store_frames(
            run.footage,
            run.info,
            scan,
            run.crop,
            run.size,
            run.folder.path / layout.FRAMES_FOLDER,
            run.settings.models_dir,
            run.report,
            damage.append,
        ).save(path)
        write_json(damage_path, damage)
        run.folder.finish("frames", key)
    for text in json.loads(damage_path.read_text()):
        run.warn(text)
    return Capture.load(path)


def _check_length(run: StageRun, capture: Capture) -> None:
    seconds = float(capture.found.sum() / run.info.fps)
    if seconds < MIN_USABLE_S:
        raise UnusableFootage(
            f"The face is to be seen for {seconds:.1f} s only; at least {MIN_USABLE_S} s are needed.",
            "Give a longer clip of the speaker; 20 s or more is good.",
        )
    if seconds < FEW_USABLE_S:
        run.warn(
            f"The clip shows the face for {seconds:.1f} s only: lips will follow the sound less well, and the head be "
            "softer. Use 20 s or more."
        )


def _camera_stage(run: StageRun, capture: Capture) -> None:
    """Head poses, focal length, personal shape; writes track.npz."""
    key = run.key("camera", run.keys["frames"])
    path = run.folder.path / layout.TRACK_FILE
    outputs = [layout.TRACK_FILE]
    if run.settings.refine_poses:
        outputs.append(handed_on(STILLNESS_FILE))
    if not run.folder.is_done("camera", key, outputs):
        run.folder.begin("camera", [*outputs, handed_on(SCRATCH_FOLDER)])
        run.folder.undo("body")  # it adds to the file that is made anew here
        scratch = run.intermediate(SCRATCH_FOLDER)
        scratch.mkdir()
        run.report.phase("camera")
        scale = run.size / run.crop.width
        face = load_canonical_face(run.settings.models_dir)
        seen = np.where(capture.found[:, None, None], capture.landmarks, np.nan)
        names = [str(name) for name in capture.blendshape_names]
        solution = solve_camera(
            seen,
            capture.blendshapes[:, names.index("jawOpen")],
            face,
            (np.array([run.info.width, run.info.height]) / 2 - [run.crop.x, run.crop.y]) * scale,
            (run.info.width * scale, run.info.height * scale),
            float(run.info.fps),
            frames=_stored_frames(run, capture) if run.settings.refine_poses else None,
            report=run.report,
            settings=run.settings.bundle,
            photometric=run.settings.photometric,
            scratch=scratch,
        )
        if solution.texture_deviation is not None:
            write_json(run.intermediate(STILLNESS_FILE), solution.texture_deviation)
        Track(
            focal_px=solution.focal_px,
            principal_px=solution.principal_px,
            camera_from_head=solution.poses,
            landmarks=capture.landmarks,
            shape_offsets=solution.shape_offsets.astype(np.float32),
            blendshapes=capture.blendshapes,
            blendshape_names=capture.blendshape_names,
            curves=curves.from_track(capture.blendshapes, names, capture.found),
            curve_names=np.array(curves.FACE_CURVES),
            confidence=capture.found.astype(np.float32),
            reprojection_px=np.nan_to_num(solution.reprojection_px).astype(np.float32),
            times_s=capture.times_s,
            landmark_poses=solution.landmark_poses,
            landmark_shape_offsets=solution.landmark_shape_offsets.astype(np.float32),
        ).save(path)
        scratch.rmdir()
        run.folder.finish("camera", key)


def _stored_frames(run: StageRun, capture: Capture, *, deep: bool = False) -> PictureFolder:
    """The frames in 8 bits, which measuring needs; deep: as they are stored."""
    return PictureFolder(run.folder.path / layout.FRAMES_FOLDER, len(capture.found), 3, deep=deep)


def _background_and_regions_stages(run: StageRun, capture: Capture) -> None:
    """The plate from the mattes of some frames, then every frame's region map with the plate's help."""
    frames = _stored_frames(run, capture)
    segment = functools.partial(
        regions.segment,
        matting_size=run.settings.matting_size,
        models_dir=run.settings.models_dir,
        report=run.report,
        settings=run.settings.regions,
    )
    plate_path = run.folder.path / layout.BACKGROUND_FILE
    with_hair = hair_model(run.settings.models_dir)
    key = run.key("background", run.keys["frames"], file_sha256(with_hair) if with_hair else "")
    outputs = [layout.BACKGROUND_FILE, handed_on(NEVER_COVERED_FILE)]
    if not run.folder.is_done("background", key, outputs):
        run.folder.begin("background", outputs)
        chosen = np.unique(np.linspace(0, len(frames) - 1, min(PLATE_SAMPLES, len(frames))).round().astype(int))
        maps = segment([frames[t] for t in chosen], capture.landmarks[chosen])
        recorded = _stored_frames(run, capture, deep=True)
        alphas = [np.minimum(one.astype(np.uint16).sum(-1), 255).astype(np.uint8) for one in maps]
        shown = [recorded[t] for t in chosen]
        still = never_covered(shown, alphas)
        save_arrays(run.intermediate(NEVER_COVERED_FILE), {"still": still})
        write_png(plate_path, background.estimate_plate(shown, alphas, still), fast=True)
        run.folder.finish("background", key)
    key = run.key("regions", run.keys["background"])
    outputs = [layout.REGIONS_FOLDER]
    if not run.folder.is_done("regions", key, outputs):
        run.folder.begin("regions", outputs)
        folder = run.folder.path / layout.REGIONS_FOLDER
        folder.mkdir()
        plate = read_picture(plate_path, None, 3)
        still = load_arrays(run.intermediate(NEVER_COVERED_FILE), "Preprocess the footage again.")["still"]
        maps = segment(frames, capture.landmarks, background=plate, still=still)
        for index, region in enumerate(maps):
            write_png(folder / layout.frame_name(index + 1), region, fast=True)
        run.folder.finish("regions", key)


def _body_stage(run: StageRun, capture: Capture) -> Track:
    """The body's motion, added to track.npz. Measured under the torso's matte, so after the regions."""
    key = run.key("body", run.keys["camera"], run.keys["regions"])
    path = run.folder.path / layout.TRACK_FILE
    track = Track.load(path)
    if not run.folder.is_done("body", key, [layout.TRACK_FILE]):
        run.folder.begin("body", [])
        reference = most_usual(track.camera_from_head)
        regions_of = PictureFolder(run.folder.path / layout.REGIONS_FOLDER, len(capture.found), 4)
        torso = regions_of[reference][..., layout.REGION_NAMES.index("torso")]
        cm_per_px = float(track.camera_from_head[reference, 2, 3]) / track.focal_px
        frames, settings = _stored_frames(run, capture), run.settings.body
        track.body = track_body(frames, reference, torso, cm_per_px, run.report, settings)
        track.save(path)
        run.folder.finish("body", key)
    return track


def _sync_stage(run: StageRun, capture: Capture) -> tuple[float, bool]:
    """Measure how late the sound is, correct it where an offset is likely, store sound and features.

    Returns the offset in seconds and whether it was corrected.
    """
    key = run.key("sync", run.keys["audio"], run.keys["frames"])
    result = run.intermediate(SYNC_FILE)
    outputs = [layout.AUDIO_FILE, layout.AUDIO_FEATURES_FILE, handed_on(SYNC_FILE)]
    if not run.folder.is_done("sync", key, outputs):
        run.report.phase("sync")
        run.folder.begin("sync", outputs)
        samples = load_audio(run.intermediate(SOUND_FILE), SPEECH_RATE)[run.first_sample :]
        estimate = sync.estimate_offset(samples, SPEECH_RATE, quality.mouth(capture.landmarks), capture.times_s)
        corrected = run.settings.correct_audio_offset and estimate.calls_for_correction
        if corrected:
            shift = round(estimate.offset_s * SPEECH_RATE)
            samples = samples[shift:] if shift >= 0 else np.pad(samples, (-shift, 0))
        samples = fit_length(samples, samples_for_frames(len(capture.found), SPEECH_RATE, Fraction(run.info.fps)))
        save_wav(run.folder.path / layout.AUDIO_FILE, samples, SPEECH_RATE)
        log_mel(samples, SPEECH_RATE).save(run.folder.path / layout.AUDIO_FEATURES_FILE)
        found = {"offset_s": estimate.offset_s, "confidence": estimate.confidence, "corrected": corrected}
        write_json(result, found)
        run.folder.finish("sync", key)
    found = json.loads(result.read_text())
    return float(found["offset_s"]), bool(found["corrected"])


def _quality_stage(run: StageRun, capture: Capture, track: Track, offset_s: float, corrected: bool) -> SubjectInfo:
    """Quality report, contact sheet and subject.json."""
    run.report.phase("quality")
    count = len(capture.found)
    frames = _stored_frames(run, capture)
    warn_of_little_room(run, count)
    report = quality.quality_report(track, frames, run.size, offset_s, run.info.bits_per_pixel, run.warnings)
    report["disk_gb"] = round(folder_bytes(run.folder.path) / GB, 2)
    if run.settings.refine_poses:
        before, after = json.loads(run.intermediate(STILLNESS_FILE).read_text())
        report["upper_face_deviation"] = {"landmarks_only": round(before, 3), "refined": round(after, 3)}
    info = SubjectInfo(
        source=run.footage.name,
        source_sha256=run.folder.stages["source"],
        fps=fps_text(run.info.fps),
        frame_count=count,
        size=run.size,
        crop=asdict(run.crop),
        footage_width=run.info.width,
        footage_height=run.info.height,
        footage_turns=run.turns,
        footage_first=run.first,
        audio_offset_s=offset_s,
        audio_offset_corrected=corrected,
        input_colour=chosen_transfer(run.settings.input_colour),
        footage_colour=run.info.colour.to_dict(),
        consent="" if run.consent.is_empty else run.consent.words(),
        stages=dict(run.folder.stages),
        quality=report,
    )
    subject = Subject(run.folder.path, info)
    maps = PictureFolder(run.folder.path / layout.REGIONS_FOLDER, count, 4)
    sheet = quality.contact_sheet(track, frames, maps, load_canonical_face(run.settings.models_dir))
    sheet_path = run.folder.path / layout.CONTACT_SHEET_FILE
    write_png(sheet_path, sheet)
    keep_consent(run.folder.path, run.consent)
    subject.save_info()
    return info
