"""`blender -b FILE --command talker VERB …`: the panel's steps with the file's settings, overridden by options.

Exit status 0 done, 2 what the caller can mend, 130 cancelled, 1 a fault of ours.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import bpy

from .. import properties
from ..blender_types import scene as scene_of
from ..bridge import colour
from ..jobs import connection, steps
from ..shared.errors import EXIT_CALLER, EXIT_CANCELLED, EXIT_DONE, EXIT_FAULT, InputError, TalkerError
from . import headless

COMMAND = "talker"


class _Parser(argparse.ArgumentParser):
    """A parser whose usage errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_CALLER, f"{self.prog}: {message}. See {self.prog} --help.\n")


def build_parser() -> argparse.ArgumentParser:
    """The command's own command line."""
    parser = _Parser(prog=f"blender -b FILE --command {COMMAND}", description=(__doc__ or "").splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=text, description=text)
        sub.add_argument("--scene", metavar="NAME", help="scene whose settings and timeline are meant")
        sub.add_argument(
            "--save", metavar="FILE", nargs="?", const="", help="save the file afterwards, here or as FILE"
        )
        return sub

    def preprocess_options(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--footage", metavar="FILE")
        sub.add_argument("--consent", metavar="NOTE", help="how the person shown has agreed")

    def train_options(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--preset", choices=[item[0] for item in properties.PRESETS])
        sub.add_argument("--recipe", choices=[item[0] for item in properties.RECIPES])

    def begin_options(sub: argparse.ArgumentParser) -> None:
        begin = sub.add_mutually_exclusive_group()
        begin.add_argument("--more", type=float, metavar="MINUTES", help="train a finished head on for so long")
        begin.add_argument("--anew", action="store_true", help="train from the footage alone, whatever is there")

    def render_options(sub: argparse.ArgumentParser) -> None:
        line = sub.add_mutually_exclusive_group()
        line.add_argument("--strip", metavar="NAME", help="sound strip with the line")
        line.add_argument("--range", action="store_true", help="all that is heard in the scene's range")
        line.add_argument("--audio", metavar="FILE", help="sound file with the line")
        sub.add_argument("--output", metavar="DIR", help="folder in which the line gets its folder")
        sub.add_argument("--edited-curves", action="store_true", help="render the performance object's curves")

    def import_options(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--frame", type=int, metavar="N", help="frame at which the line begins")
        sub.add_argument("--background", choices=[item[0] for item in properties.BACKGROUNDS])
        sub.add_argument("--moving-head", action="store_true", help="still camera, moving head")
        sub.add_argument(
            "--match-scene", action="store_true", help="give the scene the take's resolution and frame rate"
        )
        sub.add_argument(
            "--exact-colours", action="store_true", help="set a view transform that shows colours as filmed"
        )

    groups = {
        "preprocess": ("Footage to subject folder.", [preprocess_options]),
        "train": ("Train the talking head.", [train_options, begin_options]),
        "render": ("Render the line of dialogue.", [render_options]),
        "import": ("Bring a rendered line into the scene.", [import_options]),
        "run": ("All of it.", [preprocess_options, train_options, render_options, import_options]),
    }
    for name, (text, options) in groups.items():
        sub = verb(name, text)
        if name == "import":
            sub.add_argument("--take", metavar="DIR", help="folder of the rendered line")
        sub.add_argument("--subject", metavar="DIR")
        if name in ("train", "render"):
            sub.add_argument("--model", metavar="NAME")
        for add in options:
            add(sub)
    sub = verb("export", "Write what was brought back for other programs.")
    sub.add_argument("file", metavar="FILE", help=".otio: the timeline; .usd, .usda, .usdc, .abc: camera and head")
    sub.add_argument("--take", metavar="DIR", help="folder of the take whose camera and head are meant")
    return parser


def execute(argv: list[str]) -> int:
    """Do what the command line says; its exit status."""
    try:
        options = build_parser().parse_args(argv)
    except SystemExit as stop:  # after --help or one line on what is wrong
        return int(stop.code or EXIT_DONE)
    try:
        _do(options)
    except TalkerError as error:
        print(f"{COMMAND} {options.verb}: {error}", file=sys.stderr, flush=True)
        return error.exit_status
    except KeyboardInterrupt:
        print(f"{COMMAND} {options.verb}: interrupted.", file=sys.stderr, flush=True)
        return EXIT_CANCELLED
    except Exception:
        traceback.print_exc()
        print(f"{COMMAND} {options.verb}: this is a fault of ours; the lines above say where.", file=sys.stderr)
        return EXIT_FAULT
    finally:
        connection.close()
    return EXIT_DONE


_STEPS: dict[str, tuple[steps.Step, ...]] = {
    "preprocess": (steps.PREPROCESS,),
    "render": (steps.RENDER,),
    "import": (),
    "run": (steps.PREPROCESS, steps.TRAIN, steps.RENDER),
}


def _do(options: argparse.Namespace) -> None:
    scene = _scene(options)
    with bpy.context.temp_override(scene=scene):
        _apply(properties.settings_of(scene), options)
        if options.verb == "export":
            print(f"Saved {headless.export(options.file, scene=scene)}.", flush=True)
        else:
            headless.do(scene, _steps(options), headless.print_notices)
        if options.verb in ("import", "run"):
            if options.exact_colours:
                colour.make_exact(scene)
            done = headless.bring_back_take(scene)
            for warning in done.warnings:
                print(f"Warning: {warning}")
            print(f"{done.take} is on frames {done.frame_start} to {done.frame_end}.", flush=True)
    if options.save is not None:
        print(f"Saved {headless.save(options.save or None)}.", flush=True)


def _steps(options: argparse.Namespace) -> list[steps.Step]:
    if options.verb == "train":
        return [steps.TRAIN_BY_MODE["ANEW" if options.anew else "AUTO" if options.more is None else "MORE"]]
    return list(_STEPS[options.verb])


def _scene(options: argparse.Namespace) -> bpy.types.Scene:
    if options.scene is None:
        return scene_of(bpy.context)
    if options.scene not in bpy.data.scenes:
        raise InputError(f"The file has no scene {options.scene}.", f"It has {_names()}.")
    return bpy.data.scenes[options.scene]


def _names() -> str:
    return ", ".join(scene.name for scene in bpy.data.scenes)


def _apply(settings: properties.TalkerSettings, options: argparse.Namespace) -> None:
    """Put the options that were given over the scene's settings; paths are as seen from the working folder."""
    values = vars(options)
    for name in ("footage", "subject", "output", "take"):
        if values.get(name):
            setattr(settings, name, str(Path(values[name]).resolve()))
    for name in ("consent", "preset", "recipe", "model", "background"):
        if values.get(name):
            setattr(settings, name, values[name])
    if values.get("more") is not None:
        settings.more_minutes = values["more"]
    for name in ("moving_head", "match_scene"):
        if values.get(name):
            setattr(settings, name, True)
    if values.get("edited_curves"):
        settings.use_performance = True
    if values.get("strip"):
        settings.line_source, settings.line_strip = "STRIP", values["strip"]
    elif values.get("range"):
        settings.line_source = "RANGE"
    elif values.get("audio"):
        settings.line_source, settings.line_file = "FILE", str(Path(values["audio"]).resolve())
    if values.get("frame") is not None:
        settings.take_frame = settings.line_frame = values["frame"]


class _State:
    handle: Any = None
    """What Blender gave for the command."""


def register() -> None:
    """Add the command to Blender's own."""
    _State.handle = bpy.utils.register_cli_command(COMMAND, execute)  # type: ignore[func-returns-value] # it does


def unregister() -> None:
    """Take it away again."""
    bpy.utils.unregister_cli_command(_State.handle)
    _State.handle = None
