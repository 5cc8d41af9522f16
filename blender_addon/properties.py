"""What a scene remembers of its talking head, and what the window shows of the running job."""

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from . import compat
from .blender_types import window_manager
from .footage_settings import FootageSettings
from .shared import choices
from .shared.training import Start

_PATH = compat.blend_relative_path_options()

PRESETS = (
    ("draft", "Draft", "Quick and small: a few minutes, to see whether the footage works"),
    ("standard", "Standard", "The usual choice"),
    ("film", "Film", "Slowest: learns from every frame of the footage, so that none is left to score it on"),
)
RECIPES = (
    ("m2dao", "M2DAO-Talker", "Decoupled motion, alternating training, torso and background synthesised"),
    ("talkinggaussian", "TalkingGaussian", "The baseline, to compare with: audio to motion end to end, recorded torso"),
    (
        "talkinggaussian-published",
        "TalkingGaussian as Published",
        "The baseline without this project's poses, masks and seeds: only to compare with, and slow to learn",
    ),
)
TRAIN_MODES = (
    (Start.AUTO.name, "Train", "Train the talking head on the footage, or go on where its training stopped"),
    (
        Start.MORE.name,
        "Train Further",
        "Train the finished head for more minutes, from what it has learned; it stays usable until that is done",
    ),
    (
        Start.ANEW.name,
        "Train from Scratch",
        "Train from the footage alone; the present head stays usable until the new one is done",
    ),
)
LINE_SOURCES = (
    ("STRIP", "Strip", "One sound strip of the timeline, as it is trimmed and placed"),
    ("RANGE", "Scene Range", "All that is heard between the scene's first and last frame"),
    ("FILE", "File", "A sound file"),
)
LINE_CHANNELS = (
    ("BOTH", "Both", "Both channels of stereo sound, mixed"),
    ("LEFT", "Left", "The left channel only, for recordings with one speaker per channel"),
    ("RIGHT", "Right", "The right channel only, for recordings with one speaker per channel"),
)
OWN_CHANNELS = (("SCENE", "As Below", "The channel that is chosen for all lines"), *LINE_CHANNELS)
POSE_MODES = (
    # The numbers are those under which scenes keep a choice.
    (
        "LIFE",
        "Life",
        "The head moves by itself, with the line, as it does in the footage",
        "NONE",
        4,
    ),
    ("RECORDED", "Recorded", "The head moves as in the footage; a longer line goes on without a jump", "NONE", 0),
    ("STILL", "Still", "The head keeps the pose of its calmest moment", "NONE", 1),
    ("OBJECT", "Object", "The head follows an object of the scene, seen by the scene's camera", "NONE", 2),
    ("FILE", "File", "The head moves as in another take: poses from its camera.json", "NONE", 3),
)
DUBS = (
    ("OFF", "Off", "The head moves by itself, before a background of its own"),
    (
        "LOWER",
        "Lower Face",
        "The footage under the line stays as shot; only mouth, jaw and cheeks are replaced",
    ),
    ("HEAD", "Head", "The footage under the line stays as shot; the whole head is replaced"),
)
BACKGROUNDS = (
    ("PLATE", "Clean Plate", "The footage's own background with the person taken out"),
    ("FOOTAGE", "Footage", "The footage itself; the recorded person stays visible around the head"),
    ("NONE", "Transparent", "Nothing behind the head but the scene's objects; its world is left out"),
    ("SCENE", "Scene", "The scene's own picture, with its world"),
)
FITS = (
    ("FILL", "Fill", "The footage fills the picture; what sticks out of it is cut off"),
    ("WHOLE", "Whole Footage", "All of the footage is seen; a picture of another shape has empty rims"),
)
PICTURES = (
    ("BOTH", "Both", "Strips and compositor nodes; what is rendered goes by the scene's settings"),
    ("TIMELINE", "Timeline", "Strips: to cut and play the line, without the scene's 3D"),
    ("COMPOSITOR", "Compositor", "Nodes: with depth and mattes, among the scene's 3D; the timeline gets the sound"),
)


def _choose_line(settings: Any, context: bpy.types.Context) -> None:
    """The line that is clicked in the list becomes the line."""
    editor = settings.id_data.sequence_editor
    strips = compat.all_strips(editor).values() if editor else []
    if 0 <= settings.line_index < len(strips) and strips[settings.line_index].type == "SOUND":
        settings.line_source, settings.line_strip = "STRIP", strips[settings.line_index].name


class TalkerSettings(FootageSettings, bpy.types.PropertyGroup):
    """`Scene.talker`: saved with the file."""

    footage: StringProperty(
        name="Footage", description="A clip of one person speaking, 5 s or more", subtype="FILE_PATH", options=_PATH
    )
    subject: StringProperty(
        name="Subject",
        description="Folder for everything that is learned about this person",
        subtype="DIR_PATH",
        options=_PATH,
        default="//talker/subject/",
    )
    consent: StringProperty(
        name="Consent", description="How the person shown agreed to this; stored with the subject and in every render"
    )
    preset: EnumProperty(
        name="Preset", description="How long to train, and at which size", items=PRESETS, default=choices.PANEL_PRESET
    )
    recipe: EnumProperty(name="Recipe", description="Method of training", items=RECIPES, default=choices.RECIPE)
    model: StringProperty(name="Model", description="Name for the trained model; empty: the recipe's name")

    more_minutes: FloatProperty(
        name="More Minutes", description="How long to train a finished head on", default=5.0, min=0.1, soft_max=120.0
    )

    line_source: EnumProperty(name="Line", description="Where the new line of dialogue is", items=LINE_SOURCES)
    line_strip: StringProperty(name="Strip", description="The sound strip with the new line of dialogue")
    line_index: IntProperty(
        name="Line", description="The line that is selected in the list", default=-1, update=_choose_line
    )
    line_file: StringProperty(
        name="Sound", description="A sound file with the new line", subtype="FILE_PATH", options=_PATH
    )
    line_frame: IntProperty(name="Start", description="Frame at which a line from a file begins", default=1)
    line_channel: EnumProperty(
        name="Channel", description="Channel of a stereo recording that the head speaks", items=LINE_CHANNELS
    )
    pose_mode: EnumProperty(
        name="Head", description="How the head moves", items=POSE_MODES, default=choices.POSE.upper()
    )
    pose_object: PointerProperty(
        name="Object",
        description="The object that the head follows: looking along its -Y, up along its Z",
        type=bpy.types.Object,
    )
    pose_file: StringProperty(
        name="Poses",
        description="A take's camera.json: the head moves as it does there",
        subtype="FILE_PATH",
        options=_PATH,
    )
    dub: EnumProperty(
        name="Dub", description="Lay the line into the footage's strip under it on the timeline", items=DUBS
    )
    head_life: FloatProperty(
        name="Head Life",
        description="How far the head moves by itself: 1 as far as in the footage, 0 not at all",
        default=choices.LIVELINESS, min=0.0, max=choices.MOST_LIVELINESS, step=10, precision=2,
    )  # fmt: skip
    face_life: FloatProperty(
        name="Face Life",
        description="How far brows and gaze move by themselves: 1 as far as in the footage, 0 blinks only",
        default=choices.LIVELINESS, min=0.0, max=choices.MOST_LIVELINESS, step=10, precision=2,
    )  # fmt: skip
    strength: FloatProperty(
        name="Mouth",
        description="How far the mouth moves: 1 as far as in the footage, 0 only as far as the sound tells for sure",
        default=choices.STRENGTH, min=0.0, max=choices.MOST_STRENGTH, step=10, precision=2,
    )  # fmt: skip
    use_performance: BoolProperty(
        name="Use Edited Curves",
        description="Render the curves of the performance object instead of what the sound predicts",
    )
    use_direction: BoolProperty(
        name="Use Direction", description="Render the line as its direction is keyed", default=True
    )
    render_by_itself: BoolProperty(
        name="Render by Itself",
        description="Render lines again as soon as nothing has changed for a while in one that is out of date",
    )
    versions: IntProperty(
        name="Versions",
        description="How many earlier takes of a line are kept when it is rendered anew; what is alike is kept once",
        default=3, min=0, max=99,
    )  # fmt: skip
    output: StringProperty(
        name="Output",
        description="Folder for rendered lines; each gets a folder of its own",
        subtype="DIR_PATH",
        options=_PATH,
        default="//talker/lines/",
    )

    take: StringProperty(
        name="Take",
        description="The rendered line to bring back: a folder with a camera.json",
        subtype="DIR_PATH",
        options=_PATH,
    )
    take_frame: IntProperty(name="Start", description="Frame at which the take begins", default=1)
    background: EnumProperty(name="Background", description="What lies behind the head", items=BACKGROUNDS)
    pictures: EnumProperty(name="Pictures", description="Where the take's pictures are shown", items=PICTURES)
    fit: EnumProperty(name="Fit", description="How the footage lies in a scene's picture of another shape", items=FITS)
    active_camera: BoolProperty(
        name="Use Its Camera", description="Make the take's camera the scene's active one", default=True
    )
    moving_head: BoolProperty(
        name="Moving Head",
        description="Keep the camera still and move a head object instead of moving the camera about a still head",
    )
    match_scene: BoolProperty(
        name="Match Scene to Take", description="Set the scene's resolution and frame rate to the take's"
    )


class TalkerLine(bpy.types.PropertyGroup):
    """`strip.talker`: who speaks the line that a sound strip is. What is empty is the scene's."""

    subject: StringProperty(
        name="Speaker",
        description="Folder of the person who speaks this line; empty: the subject above",
        subtype="DIR_PATH",
        options=_PATH,
    )
    model: StringProperty(name="Model", description="Name of the speaker's trained model; empty: as above")
    channel: EnumProperty(name="Channel", description="Which channel of this strip speaks", items=OWN_CHANNELS)


class TalkerJob(bpy.types.PropertyGroup):
    """`WindowManager.talker_job`: the running job as the panel shows it; written by jobs.shown."""

    backend: StringProperty(description="One of: '', STARTING, READY, LOST, STOPPING", options={"SKIP_SAVE"})
    job_id: StringProperty(options={"SKIP_SAVE"})
    verb: StringProperty(options={"SKIP_SAVE"})
    state: StringProperty(description="A shared.jobs.JobState, or ''", options={"SKIP_SAVE"})
    phase: StringProperty(options={"SKIP_SAVE"})
    step: IntProperty(options={"SKIP_SAVE"})
    total: IntProperty(options={"SKIP_SAVE"})
    eta_s: FloatProperty(
        description="Seconds to the end of the phase; negative: unknown", default=-1.0, options={"SKIP_SAVE"}
    )
    overall: FloatProperty(description="Share of the whole job that is done, 0 to 1", options={"SKIP_SAVE"})
    overall_eta_s: FloatProperty(
        description="Seconds to the end of the job; negative: unknown", default=-1.0, options={"SKIP_SAVE"}
    )
    chain_step: IntProperty(description="Which of several jobs in a row it is, from 1", options={"SKIP_SAVE"})
    chain_steps: IntProperty(description="How many jobs there are in a row; 0 or 1: one", options={"SKIP_SAVE"})
    preview: StringProperty(description="Path of a picture of the present state", options={"SKIP_SAVE"})
    message: StringProperty(description="The last notice in plain words", options={"SKIP_SAVE"})
    error_what: StringProperty(options={"SKIP_SAVE"})
    error_do: StringProperty(options={"SKIP_SAVE"})


CLASSES = (TalkerSettings, TalkerLine, TalkerJob)


def attach() -> None:
    """Give every scene its settings, every strip those of its line, and the window manager its job."""
    scenes: Any = bpy.types.Scene
    scenes.talker = PointerProperty(type=TalkerSettings)  # type: ignore[func-returns-value] # it does
    compat.strip_class().talker = PointerProperty(type=TalkerLine)  # type: ignore[func-returns-value] # it does
    managers: Any = bpy.types.WindowManager
    managers.talker_job = PointerProperty(type=TalkerJob)  # type: ignore[func-returns-value] # it does


def detach() -> None:
    """Take them away again."""
    managers: Any = bpy.types.WindowManager
    del managers.talker_job
    del compat.strip_class().talker
    scenes: Any = bpy.types.Scene
    del scenes.talker


def settings_of(scene: bpy.types.Scene) -> TalkerSettings:
    """`Scene.talker`."""
    return scene.talker  # type: ignore[attr-defined]


def job_of(context: bpy.types.Context) -> TalkerJob:
    """`WindowManager.talker_job`."""
    manager: Any = window_manager(context)
    return manager.talker_job
