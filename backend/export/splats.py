"""The Gaussians of a finished take's frames, for viewers and programs that draw such splats."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import numpy as np

from backend import rotations
from backend.deliver.camera_file import read_poses
from backend.deliver.line import Line, plan_line
from backend.deliver.plan import line_drive, speech_of
from backend.deliver.provenance import OWN_PLACES
from backend.deliver.take import TakeFolder
from backend.disk import require_space
from backend.export.finished import FinishedTake
from backend.export.options import ExportOptions
from backend.media.splats import Splats, write_ply, write_spz
from backend.portrait.portrait import Drive, Portrait
from backend.portrait.saving import open_portrait
from backend.provenance.marks import DRAWN, STATEMENT
from backend.raster.constants import ALPHA_CUTOFF
from backend.settings import RenderSettings
from backend.subject.model_folder import ModelFolder
from backend.subject.subject import Subject
from shared import choices, layout
from shared.camera import CENTIMETRE_M, WORLD_FROM_HEAD_AXES
from shared.checked import Unfit, build
from shared.errors import InputError
from shared.files import file_sha256
from shared.jobs import Reporter
from shared.numbered import Numbered
from shared.timing import fps_text

PLY, SPZ = ".ply", ".spz"
_BYTES = {PLY: 68, SPZ: 20}
"""What a Gaussian takes at most."""
_NEAR_CM, _NEAR = 0.01, 1e-4
"""So near a pose is to the take's own if it is the same, cm and as a rotation."""
_Y_UP = np.diag([1.0, -1.0, -1.0, 1.0])
"""OpenCV's camera axes to those that SPZ files have: X right, Y up, Z back."""
_AGAIN = "Render the line again."


def write_splats(
    take: FinishedTake, files: Numbered, numbers: range, ending: str, options: ExportOptions, report: Reporter
) -> None:
    """Write the Gaussians of frames, each with the colour that it has from where the frame shows it.

    The line is planned anew from the take's own curves, sound and poses, and refused where that gives another motion.
    Whoever calls this has asked for the consent.
    Raises InputError, also where subject or model are gone or others than those of the take.
    """
    subject = _subject(take, options)
    model = _model(take, subject)
    portrait = open_portrait(model)
    report.phase("prepare the line")
    line = _line(take, subject, model, portrait, options, report)
    drive = line_drive(portrait, line)
    texts, marks = take.marks(None)
    told = {"comments": texts.get("comment", STATEMENT)}
    if marks is not None:
        told = replace(marks, source_type=DRAWN).texts()
    if portrait.settings.layered:
        report.message("This model draws mouth, face and body one over the other; other programs sort them together.")
    count = len(portrait.face) + len(portrait.oral) + len(portrait.torso)
    place = files.folder.absolute()
    require_space(place, _BYTES[ending] * count * len(numbers), files.pattern.name, "Make space, or choose another.")
    report.phase("write", len(numbers))
    with portrait.threading(0):
        for number in numbers:
            splats = frame_splats(portrait, drive, number - 1, options.space, y_up=ending == SPZ)
            if ending == PLY:
                write_ply(files.path(number), splats, {**told, "space": f"{options.space}, metres"})
            else:
                write_spz(files.path(number), splats, json.dumps(told))
            report.step()


def frame_splats(portrait: Portrait, drive: Drive, index: int, space: str, *, y_up: bool = False) -> Splats:
    """What can be seen of the Gaussians of frame `index`, from 0, in one of `options.SPACES`, metres.

    y_up: with the axes that SPZ files have: the head's are so already and stand for the world's too, the camera's are
    turned.
    """
    posed = portrait.gaussians(drive, index)
    pose = drive.poses[index].double().cpu().numpy()
    if space == "camera":
        view = np.eye(4) if drive.views is None else drive.views[index].double().cpu().numpy()
        to_space = (_Y_UP if y_up else np.eye(4)) @ view
    else:
        to_space = np.linalg.inv(pose)
        if space == "world" and not y_up:
            to_space = np.array(WORLD_FROM_HEAD_AXES) @ to_space
    means, turns, scales, opacities, colours = (
        values.double().cpu().numpy()
        for values in (posed.means, posed.quaternions, posed.scales, posed.opacities, posed.features)
    )
    seen = opacities >= ALPHA_CUTOFF
    turns = turns[seen] / np.linalg.norm(turns[seen], axis=1, keepdims=True)
    return Splats(
        (means[seen] @ to_space[:3, :3].T + to_space[:3, 3]) * CENTIMETRE_M,
        rotations.multiply(rotations.from_matrix(to_space[:3, :3]), turns),
        scales[seen] * CENTIMETRE_M, opacities[seen], colours[seen],
    )  # fmt: skip


def _subject(take: FinishedTake, options: ExportOptions) -> Subject:
    folder = options.subject or take.subject_folder
    if folder is None:
        raise InputError("The take does not say where its subject is.", "Name its folder with --subject.")
    subject = Subject.open(folder)
    if take.subject_id not in (None, subject.id):
        raise InputError(f"{folder} is another person than the take's.", "Name the subject's folder with --subject.")
    return subject


def _model(take: FinishedTake, subject: Subject) -> ModelFolder:
    """The model that drew the take."""
    told: Any = take.manifest.get("inputs", {})
    try:
        name, sha256 = told["model"]["name"], told["model"]["sha256"]
    except (TypeError, KeyError) as error:
        raise InputError(f"The take in {take.folder} does not say which model drew it.", _AGAIN) from error
    model = subject.model(str(name))
    model.config()  # it may give the weights their name
    if file_sha256(model.weights_file) != sha256:
        raise InputError(f"The model {name} was trained since it drew {take.folder}.", _AGAIN)
    return model


def _line(
    take: FinishedTake, subject: Subject, model: ModelFolder, portrait: Portrait, options: ExportOptions,
    report: Reporter,
) -> Line:  # fmt: skip
    """The take's line, planned anew. Raises InputError where it does not move as the take does."""
    settings = _settings(take, options)
    audio = options.audio or take.folder / layout.AUDIO_FILE
    rest = portrait.rest_pose.double().cpu().numpy()
    line = plan_line(
        subject, speech_of(subject, model, report), audio, settings, report, TakeFolder(take.folder).voice(),
        portrait.settings.poses, rest,
    )  # fmt: skip
    _, poses = read_poses(take.folder / layout.CAMERA_FILE)
    is_same = len(poses) == line.frame_count
    if is_same:
        apart = np.abs(poses - line.camera_poses).max(axis=0)
        is_same = bool(apart[:3, 3].max() <= _NEAR_CM and apart[:3, :3].max() <= _NEAR)
    if not is_same:
        do = "Name the line's own sound with --audio, and its file of poses, where it has one, with --pose."
        raise InputError(f"What {take.folder} holds does not give its head's motion again.", do)
    return line


def _settings(take: FinishedTake, options: ExportOptions) -> RenderSettings:
    """The settings of the take, with its own curves, and its own poses where it was rendered with a file of them."""
    told: Any = take.manifest.get("settings")
    names = {field.name for field in fields(RenderSettings)} - set(OWN_PLACES)
    try:
        settings = build(RenderSettings, {name: value for name, value in told.items() if name in names})
    except (Unfit, AttributeError) as error:
        raise InputError(f"The settings of {take.folder} cannot be read ({error}).", _AGAIN) from error
    pose = settings.pose
    if options.pose is not None:
        pose = str(options.pose)
    elif pose not in choices.POSES:
        pose = str(take.folder / layout.CAMERA_FILE)
    direction = take.folder / layout.DIRECTION_FILE
    return replace(
        settings, pose=pose, direction=str(direction) if direction.is_file() else None,
        performance=str(take.folder / layout.PERFORMANCE_FILE), fps=fps_text(take.fps),
        frames=f"{take.first}:{take.last}", audio_track=settings.audio_track if options.audio else None,
    )  # fmt: skip
