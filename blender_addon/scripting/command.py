"""`blender -b FILE --command talker VERB …`: the panel's steps with the file's settings, overridden by options.

Exit status 0 done, 2 what the caller can mend, 130 cancelled, 1 a fault of ours.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from typing import Any, NoReturn

import bpy

from .. import properties
from ..blender_types import scene as scene_of
from ..bridge import colour
from ..jobs import blocking, connection, steps
from ..shared.errors import EXIT_CALLER, EXIT_CANCELLED, EXIT_DONE, EXIT_FAULT, InputError, TalkerError
from . import headless, options
from .telling import InJson, InWords, Telling

COMMAND = "talker"


class _Parser(argparse.ArgumentParser):
    """A parser whose usage errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_CALLER, f"{self.prog}: {message}. See {self.prog} --help.\n")


_VERBS = {
    "preprocess": "Footage to subject folder.",
    "train": "Train the talking head.",
    "evaluate": "Score the head on the part of the footage that it has not learned from.",
    "render": "Render the line of dialogue.",
    "lines": "Render the timeline's lines whose takes are out of date, and bring them back.",
    "import": "Bring a rendered line into the scene.",
    "run": "All of it.",
    "export": "Write what was brought back for other programs.",
}


def build_parser() -> argparse.ArgumentParser:
    """The command's own command line."""
    parser = _Parser(prog=f"blender -b FILE --command {COMMAND}", description=(__doc__ or "").splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)
    for name, text in _VERBS.items():
        sub = verbs.add_parser(name, help=text, description=text)
        sub.add_argument("--scene", metavar="NAME", help="Scene whose settings and timeline are meant")
        sub.add_argument(
            "--save", metavar="FILE", nargs="?", const="", help="Save the file afterwards, here or as FILE"
        )
        sub.add_argument("--json", action="store_true", help="Report everything as lines of JSON, for programs")
        groups = {group: sub.add_mutually_exclusive_group() for group in ("line", "start")}
        options.add_to(sub, name, groups)
        if name == "train":
            groups["start"].add_argument(
                "--anew", action="store_true", help="Train from the footage alone, whatever is there"
            )
        if name == "lines":
            sub.add_argument(
                "--strips", nargs="+", metavar="NAME", help="Render these, even if their takes are up to date"
            )
            sub.add_argument("--new", action="store_true", help="Also those that were never rendered")
        if name == "export":
            sub.add_argument(
                "file", metavar="FILE", help=".otio: the timeline; .usd, .usda, .usdc, .abc: a take's camera and head"
            )
        if name in _BRING_BACK:
            sub.add_argument(
                "--exact-colours", action="store_true", help="Set a view transform that shows colours as filmed"
            )
    return parser


def execute(argv: list[str]) -> int:
    """Do what the command line says; its exit status."""
    try:
        asked = build_parser().parse_args(argv)
    except SystemExit as stop:  # after --help or one line on what is wrong
        return int(stop.code or EXIT_DONE)
    tell: Telling = InJson() if asked.json else InWords()
    try:
        _do(asked, tell)
    except TalkerError as error:
        tell.error(error)
        print(f"{COMMAND} {asked.verb}: {error}", file=sys.stderr, flush=True)
        return error.exit_status
    except KeyboardInterrupt:
        print(f"{COMMAND} {asked.verb}: interrupted.", file=sys.stderr, flush=True)
        return EXIT_CANCELLED
    except Exception:
        traceback.print_exc()
        print(f"{COMMAND} {asked.verb}: this is a fault of ours; the lines above say where.", file=sys.stderr)
        return EXIT_FAULT
    finally:
        connection.close()
    return EXIT_DONE


_BRING_BACK = ("import", "lines", "run")
_STEPS: dict[str, tuple[steps.Step, ...]] = {
    "preprocess": (steps.PREPROCESS,),
    "evaluate": (steps.EVALUATE,),
    "render": (steps.RENDER,),
    "import": (),
    "export": (),
    "run": (steps.PREPROCESS, steps.TRAIN, steps.RENDER),
}


def _do(asked: argparse.Namespace, tell: Telling) -> None:
    scene = _scene(asked)
    with bpy.context.temp_override(scene=scene):
        options.apply(properties.settings_of(scene), asked.verb, options.given(asked.verb, asked))
        if asked.verb in _BRING_BACK and asked.exact_colours:
            colour.make_exact(scene)
        if asked.verb == "lines" and not asked.strips:
            tell.notices(steps.place_moved(scene))
        todo = _steps(asked, scene)
        blocking.do(scene, todo, tell.notices, tell.progress, tell.result)
        if asked.verb == "lines" and not todo:
            tell.notices([("INFO", "No line has to be rendered.")])
        if asked.verb in ("import", "run"):
            tell.brought_back(headless.bring_back_take(scene))
        if asked.verb == "export":
            tell.saved(headless.export(asked.file, scene=scene))
    if asked.save is not None:
        tell.saved(headless.save(asked.save or None))


def _steps(asked: argparse.Namespace, scene: bpy.types.Scene) -> list[steps.Step]:
    if asked.verb == "train":
        is_more = options.given("train", asked).get("more_minutes") is not None
        return [steps.TRAIN_BY_MODE["ANEW" if asked.anew else "MORE" if is_more else "AUTO"]]
    if asked.verb == "lines":
        return headless.line_steps(scene, asked.strips, asked.new)
    return list(_STEPS[asked.verb])


def _scene(asked: argparse.Namespace) -> bpy.types.Scene:
    if asked.scene is None:
        return scene_of(bpy.context)
    if asked.scene not in bpy.data.scenes:
        raise InputError(f"The file has no scene {asked.scene}.", f"It has {_names()}.")
    return bpy.data.scenes[asked.scene]


def _names() -> str:
    return ", ".join(scene.name for scene in bpy.data.scenes)


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
