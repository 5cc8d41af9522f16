"""Options that several verbs share, by the stage whose settings they are."""

from __future__ import annotations

import argparse

from backend.command.dub_arguments import add_dub_arguments
from backend.settings import ENGINES, INPUT_COLOURS, LAYERS, PreprocessSettings
from shared import choices


def add_models_dir(parser: argparse.ArgumentParser) -> None:
    """Where the model files are."""
    parser.add_argument("--models-dir", metavar="DIR", help="folder with the model files, for machines without network")


def add_engine(parser: argparse.ArgumentParser) -> None:
    """What draws, on how many threads."""
    parser.add_argument("--engine", choices=ENGINES, help="rasteriser (default native)")
    parser.add_argument("--threads", type=int, metavar="N", help="threads (default: all cores)")


def add_set(parser: argparse.ArgumentParser, verb: str) -> None:
    """Any setting of a verb, by its name in `talker settings`."""
    parser.add_argument(
        "--set", action="append", metavar="NAME=VALUE", dest="set",
        help=f"change any of the settings that `talker settings {verb}` lists; may be given more than once",
    )  # fmt: skip


def add_preprocess(parser: argparse.ArgumentParser, audio: bool = True) -> None:
    """How footage is read. audio: with --audio, and --out for its end (`run` has others of these names)."""
    parser.add_argument(
        "--size", type=int, metavar="N",
        help=f"largest size of the stored frames, px (default {PreprocessSettings().size})",
    )  # fmt: skip
    if audio:
        parser.add_argument("--audio", metavar="WAV", help="sound that replaces the footage's own")
    parser.add_argument(
        "--input-colour", choices=INPUT_COLOURS, help="how the footage is to be read; default auto: by its tags"
    )
    parser.add_argument(
        "--keep-audio-offset", dest="correct_audio_offset", action="store_const", const=False,
        help="do not shift the sound by the measured offset between voice and lips",
    )  # fmt: skip
    parser.add_argument(
        "--audio-track", type=int, metavar="N", help="sound track that is read (default: the one with speech)"
    )
    parser.add_argument(
        "--fps", metavar="NUM/DEN", dest="sequence_fps", help="rate of footage that is numbered pictures (default 25)"
    )
    parser.add_argument("--speaker", type=int, metavar="N", help="whose face it is, counted from the left, from 1")
    parser.add_argument("--in", type=float, metavar="S", dest="start_s", help="second from which the footage is used")
    if audio:  # `run` has another --out
        parser.add_argument("--out", type=float, metavar="S", dest="end_s", help="second up to which it is used")
    else:
        parser.add_argument("--until", type=float, metavar="S", dest="end_s", help="second up to which it is used")
    parser.add_argument("--consent", metavar="NOTE", help="a note on the consent of the person shown")
    parser.add_argument("--consent-by", metavar="NAME", help="who gave it")
    parser.add_argument("--consent-for", metavar="TEXT", help="the uses that it was given for")
    parser.add_argument("--consent-on", metavar="DATE", help="the first day on which it holds, YYYY-MM-DD")
    parser.add_argument("--consent-until", metavar="DATE", help="the last day on which it holds")
    add_models_dir(parser)


def add_train(parser: argparse.ArgumentParser) -> None:
    """A training's recipe, length and what is kept out of it."""
    parser.add_argument("--recipe", choices=choices.RECIPES, help=f"default {choices.RECIPE}")
    parser.add_argument("--preset", choices=choices.PRESETS, help=f"default {choices.COMMAND_PRESET}")
    parser.add_argument("--holdout", type=int, metavar="N", help="keep one of N parts of the frames out (0: none)")
    parser.add_argument("--holdout-fold", type=int, metavar="F", help="which of them, from 1 (default: the last)")
    parser.add_argument("--seed", type=int, metavar="N")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N", help="training steps")
    length.add_argument("--minutes", type=float, metavar="M", help="training time")


def add_line(parser: argparse.ArgumentParser) -> None:
    """What a line of dialogue is drawn from."""
    parser.add_argument("--subject", required=True, metavar="DIR")
    parser.add_argument("--audio", required=True, metavar="WAV")
    parser.add_argument("--out", required=True, metavar="DIR")
    add_line_settings(parser)


def add_line_settings(parser: argparse.ArgumentParser) -> None:
    """How a line of dialogue is drawn."""
    parser.add_argument("--model", metavar="NAME")
    parser.add_argument("--audio-track", type=int, metavar="N", help="its sound track (default: the one with speech)")
    parser.add_argument("--fps", metavar="NUM/DEN", help="frame rate (default: the footage's)")
    parser.add_argument("--frames", metavar="A:B", help="frames to render, inclusive, from 1")
    parser.add_argument(
        "--pose",
        metavar="|".join((*choices.POSES, "FILE")),
        help=f"how the head moves (default {choices.POSE}: by itself, with the line)",
    )
    for part, what in (("head", "the head moves with --pose life"), ("face", "brows and gaze move by themselves")):
        parser.add_argument(
            f"--{part}-life",
            type=float,
            metavar="F",
            help=f"how far {what} (default {choices.LIVELINESS:g}: as far as in the footage; 0: not at all)",
        )
    parser.add_argument(
        "--performance",
        metavar="FILE",
        help="curves in place of what audio predicts: performance.json, or Live Link Face's CSV",
    )
    parser.add_argument("--direction", metavar="FILE", help="what an artist's controls add: direction.json")
    parser.add_argument(
        "--strength",
        type=float,
        metavar="F",
        help=f"how far the mouth moves (default {choices.STRENGTH:g}: as far as in the footage)",
    )
    add_dub_arguments(parser)
    parser.add_argument("--layers", choices=LAYERS)
    parser.add_argument("--timecode", metavar="HH:MM:SS:FF", help="of its first frame (default 00:00:00:00)")
    parser.add_argument("--take", metavar="NAME", help="what the line is called (default: its sound file's name)")
    add_engine(parser)
