"""A rendered line into a scene: timeline, camera, performance and compositor at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import bpy

from ..properties import TalkerSettings
from . import camera, colour, compositor, curves, direction, dubbing, fit, keys, plate, strips, tagged
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
    """PLATE, FOOTAGE, SCENE or NONE (properties.BACKGROUNDS)."""
    moving_head: bool = False
    """Keep the camera still and move the head."""
    match_scene: bool = False
    """Set the scene's resolution, frame rate and range to the take's."""
    fit: str = fit.FILL
    """How the footage lies in a scene's picture of another shape: FILL or WHOLE (properties.FITS)."""
    active_camera: bool = True
    """See the scene through the take's camera, also where it has one already."""
    timeline: bool = True
    """Add strips."""
    timeline_pictures: bool = True
    """Add the strips of the pictures too, not that of the sound alone."""
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
    placed = fit.Fit.of(scene, take.footage_size, options.fit, has_scene_pixels=take.has_given_lens)
    take_id = tagged.identity(take.folder, take.id)
    placement = Placement(take, frame_start, keys.scene_fps(scene), placed, take_id, _mismatches(scene, take, placed))
    group = tagged.collection(scene, take_id, f"Talker {take.name}")
    camera_object, head = camera.bring(placement, group, moving_head=options.moving_head)
    camera.show_take_behind(camera_object, placement)
    _see_through(scene, camera_object, placement, options)
    controller = curves.bring(placement, group)
    background = _background(scene, placement, options)
    if options.compositor:
        compositor.bring(scene, placement, background)
    else:
        compositor.remove(scene, take_id)
    names = []
    if options.timeline:
        names = strips.bring(
            scene, placement, background.plate, options.timeline_pictures, background.dubbed is not None
        )
    if options.timeline and background.footage is not None:
        strips.read_footage(scene, placement, background.footage)
    if warning := colour.warning(scene):
        placement.warnings.append(warning)
    direction.take_in(scene, take_id, take.id, frame_start)
    tagged.note_id(take_id, take.id)
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
        fit=settings.fit,
        active_camera=settings.active_camera,
        timeline_pictures=settings.pictures != "COMPOSITOR",
        compositor=settings.pictures != "TIMELINE",
    )


def _path(text: str) -> Path | None:
    return Path(bpy.path.abspath(text)) if text else None


def match_scene(scene: bpy.types.Scene, take: Take, frame_start: int) -> None:
    """Give a scene the footage's resolution, the take's frame rate, and a range that holds the line and all before."""
    scene.render.resolution_x, scene.render.resolution_y = take.footage_size
    scene.render.resolution_percentage = 100
    keys.set_scene_fps(scene, take.fps)
    scene.frame_start = min(scene.frame_start, frame_start)
    scene.frame_end = max(scene.frame_end, frame_start + take.frame_count - 1)


def _background(scene: bpy.types.Scene, placement: Placement, options: ImportOptions) -> compositor.Background:
    """What lies behind the head."""
    chosen, take = options.background, placement.take
    found, footage = None, None
    filmed = dubbing.frames_of(take)
    if filmed is not None:
        return _dubbed(placement, options, filmed)
    if take.has_given_lens and chosen in ("PLATE", "FOOTAGE"):
        placement.warnings.append(
            "The take was drawn under the scene's camera, so the footage's background does not belong behind it: the "
            "scene's own picture is there."
        )
        return compositor.Background(is_scene=True)
    if chosen == "PLATE":
        found = plate.find(take, options.subject)
        if found is None:
            placement.warnings.append(
                "No clean plate was found: choose the subject's folder and bring the take back again."
            )
    if chosen in ("PLATE", "FOOTAGE"):
        footage = _existing(options.footage, placement)
    if found is not None and not found.is_whole and footage is None:
        placement.warnings.append(plate.CROP_ONLY)
    if chosen != "SCENE" and not scene.render.film_transparent and _shows_anything(scene):
        placement.warnings.append(
            "Where the scene shows its world alone, the take's background takes its place. Film > Transparent in the "
            "render properties makes the edges of the scene's objects smooth there."
        )
    return compositor.Background(footage, found, is_scene=chosen == "SCENE")


def _dubbed(placement: Placement, options: ImportOptions, filmed: list[int | None]) -> compositor.Background:
    """Behind a take that dubs the footage: the footage's own frames, where the artist does not want the scene's picture
    or nothing there."""
    frames = [filmed[number - 1] for number in placement.take_frames()]
    is_scene, footage = options.background == "SCENE", None
    if options.background in ("PLATE", "FOOTAGE"):
        footage = _existing(options.footage, placement)
        if footage is None and options.footage is None:
            placement.warnings.append("The take dubs the footage: choose the footage, and bring the take back again.")
    return compositor.Background(footage, is_scene=is_scene, dubbed=frames)


def _shows_anything(scene: bpy.types.Scene) -> bool:
    """Whether a scene has objects that are rendered."""
    return any(item.type in ("MESH", "CURVE", "SURFACE", "FONT", "VOLUME") and not item.hide_render
               for item in scene.objects)  # fmt: skip


def _see_through(
    scene: bpy.types.Scene, camera_object: bpy.types.Object, placement: Placement, options: ImportOptions
) -> None:
    """Make the take's camera the scene's, and say what stands in its way."""
    if scene.camera is not None and (placement.take.has_given_lens or not options.active_camera):
        return
    if scene.camera is not None and scene.camera.get(tagged.ROLE_KEY) is None and scene.camera != camera_object:
        placement.warnings.append(
            f"The scene is seen through {camera_object.name} now; {scene.camera.name}, the camera before, is still "
            "there."
        )
    scene.camera = camera_object
    around = camera.enclosing(scene, camera_object)
    if around:
        placement.warnings.append(
            f"{' and '.join(around)} stand{'s' if len(around) == 1 else ''} around the take's camera: hide or move "
            "what is not meant to be seen with the head."
        )


def _existing(path: Path | None, placement: Placement) -> Path | None:
    if path is not None and not path.is_file():
        placement.warnings.append(f"There is no footage {path}; it is left out of the background.")
        return None
    return path


def _mismatches(scene: bpy.types.Scene, take: Take, placed: fit.Fit) -> list[str]:
    found = []
    fps = keys.scene_fps(scene)
    if fps != take.fps:
        found.append(
            f"The take has {float(take.fps):.6g} frames a second, the scene {float(fps):.6g}: frames are held or "
            "dropped to keep time. Render the line at the scene's rate, or match the scene to the take."
        )
    if not placed.same_shape:
        (width, height), (scene_width, scene_height) = placed.footage, placed.scene
        how = "what sticks out is cut off" if placed.rule == fit.FILL else "the picture has rims"
        found.append(
            f"The footage is {width} x {height}, the scene {scene_width} x {scene_height}: another shape, so {how}."
        )
    cut = placed.cut_off(take.crop) if not take.has_given_lens else 0.0
    if cut > 0.05:
        found.append(
            f"{cut:.0%} of the head's part of the footage lies outside of the picture: fit the whole footage, or match "
            "the scene to the take."
        )
    if abs(take.footage_camera.fx / take.footage_camera.fy - 1) > 1e-3:
        found.append("The footage's pixels are not square; the camera takes them as square.")
    lacking = take.frame_count - len(take.frame_files)
    if take.frame_files and lacking > 0:
        found.append(
            f"Only {len(take.frame_files)} of the line's {take.frame_count} frames are rendered, the first of them "
            f"{take.first_frame}: without the others the head is missing or stands still. Render the whole line."
        )
    return found
