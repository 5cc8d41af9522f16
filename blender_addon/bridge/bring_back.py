"""A rendered line into a scene: timeline, camera, performance and compositor at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import bpy

from .. import compat
from ..properties import TalkerSettings
from ..shared import layout
from ..shared.errors import InputError
from . import camera, colour, compositor, curves, keys, strips, tagged
from .placement import Placement
from .take import Take


@dataclass(frozen=True)
class ImportOptions:
    """What to bring back, and how."""

    subject: Path | None = None
    """Subject folder, for its clean plate; None: the one the take was rendered from, where it can be found."""
    footage: Path | None = None
    """The footage, to lie behind the head."""
    background: str = "PLATE"
    """PLATE, FOOTAGE or NONE (properties.BACKGROUNDS)."""
    moving_head: bool = False
    """Keep the camera still and move the head."""
    match_scene: bool = False
    """Set the scene's resolution, frame rate and range to the take's."""
    timeline: bool = True
    """Add strips."""
    compositor: bool = True
    """Add compositor nodes."""


@dataclass
class BroughtBack:
    """What an import did, by name (never by reference: undo would leave it dangling)."""

    take: str
    frame_start: int
    frame_end: int
    """Last frame of the line on the timeline."""
    camera: str
    head: str
    performance: str
    strips: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def bring_back(
    scene: bpy.types.Scene, folder: str | Path, frame_start: int, options: ImportOptions | None = None
) -> BroughtBack:
    """Import a render folder at `frame_start`. A second time it brings the first import up to date.

    Raises InputError where the folder is no finished render.
    """
    options = options or ImportOptions()
    take = Take.open(folder)
    if options.match_scene:
        match_scene(scene, take, frame_start)
    placement = Placement(take, frame_start, keys.scene_fps(scene), _mismatches(scene, take))
    group = tagged.collection(scene, placement.take_id, f"Talker {take.name}")
    camera_object, head = camera.bring(placement, group, moving_head=options.moving_head)
    camera.show_take_behind(scene, camera_object, placement)
    if scene.camera is None:
        scene.camera = camera_object
    controller = curves.bring(placement, group)
    plate = find_plate(take, options.subject) if options.background == "PLATE" else None
    if options.background == "PLATE" and plate is None:
        placement.warnings.append(
            "No clean plate was found: choose the subject's folder and bring the take back again."
        )
    footage = _existing(options.footage, placement) if options.background != "NONE" else None
    if options.compositor:
        compositor.bring(scene, placement, compositor.Background(footage, plate))
    names = _bring_strips(scene, placement, plate) if options.timeline else []
    if options.timeline and footage is not None:
        strips.read_footage(scene, placement, footage)
    if warning := colour.warning(scene):
        placement.warnings.append(warning)
    return BroughtBack(
        take.name,
        frame_start,
        placement.frame_after - 1,
        camera_object.name,
        head.name,
        controller.name,
        names,
        placement.warnings,
    )


def options_of(settings: TalkerSettings) -> ImportOptions:
    """What the scene's settings say about importing."""
    return ImportOptions(
        subject=_path(settings.subject),
        footage=_path(settings.footage),
        background=settings.background,
        moving_head=settings.moving_head,
        match_scene=settings.match_scene,
    )


def _path(text: str) -> Path | None:
    return Path(bpy.path.abspath(text)) if text else None


def match_scene(scene: bpy.types.Scene, take: Take, frame_start: int) -> None:
    """Give a scene the footage's resolution, the take's frame rate, and a range that ends no sooner than the line."""
    scene.render.resolution_x, scene.render.resolution_y = take.footage_size
    scene.render.resolution_percentage = 100
    keys.set_scene_fps(scene, take.fps)
    scene.frame_start = min(scene.frame_start, frame_start)
    scene.frame_end = frame_start + take.frame_count - 1


def find_plate(take: Take, subject: Path | None) -> Path | None:
    """The clean plate of the take's subject: of the folder given, told by its manifest, or beside the take."""
    told = take.manifest.get("subject_folder") or take.manifest.get("subject")  # an absolute path up to schema 2
    named = take.folder / told if isinstance(told, str) else None
    candidates = [subject, named, take.folder.parent / "subject"]
    for folder in candidates:
        if folder is not None and (folder / layout.BACKGROUND_FILE).is_file():
            return (folder / layout.BACKGROUND_FILE).resolve()
    return None


def _existing(path: Path | None, placement: Placement) -> Path | None:
    if path is not None and not path.is_file():
        placement.warnings.append(f"There is no footage {path}; it is left out of the background.")
        return None
    return path


def _mismatches(scene: bpy.types.Scene, take: Take) -> list[str]:
    found = []
    fps = keys.scene_fps(scene)
    if fps != take.fps:
        found.append(
            f"The take has {float(take.fps):.6g} frames a second, the scene {float(fps):.6g}: frames are held or "
            "dropped to keep time. Render the line at the scene's rate, or match the scene to the take."
        )
    width, height = take.footage_size
    if scene.render.resolution_x * height != scene.render.resolution_y * width:
        found.append(
            f"The footage is {width} x {height}, the scene {scene.render.resolution_x} x "
            f"{scene.render.resolution_y}: another shape, so it is fitted in."
        )
    if abs(take.footage_camera.fx / take.footage_camera.fy - 1) > 1e-3:
        found.append("The footage's pixels are not square; the camera takes them as square.")
    return found


def _bring_strips(scene: bpy.types.Scene, placement: Placement, plate: Path | None) -> list[str]:
    """The take's strips; their names."""
    take = placement.take
    channel = strips.free_channels(scene, placement, 3)
    made = []
    if take.audio is not None and compat.has_sound():
        line = strips.sound_at_start(scene, placement)
        sound = strips.bring_sound(scene, placement, channel)
        if line is not None:
            sound.mute = True
            placement.warnings.append(f"The line itself is heard from strip {line.name}, so the take's sound is muted.")
        made.append(sound.name)
    elif take.audio is not None:
        placement.warnings.append("This Blender has no sound: the take's sound strip is left out.")
    if plate is not None:
        made.append(strips.bring_plate(scene, placement, plate, _image_size(placement, plate), channel + 1).name)
    pictures = None
    if take.frame_files:
        pictures = strips.bring_pictures(scene, placement, channel + 2)
    elif take.preview is not None:
        pictures = strips.bring_movie(scene, placement, channel + 2)
    if pictures is not None:
        made.append(pictures.name)
    return made


def _image_size(placement: Placement, path: Path) -> tuple[int, int]:
    width, height = tagged.image(str(path), placement.take_id, "plate").size
    if not width:
        raise InputError(f"{path} cannot be read as a picture.", "Preprocess the footage again.")
    return width, height
