"""The command line `talker VERB …`. Exit status: 0 done, 2 the caller can mend it, 130 cancelled, 1 a fault of ours."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import Any

from backend.command.arguments import set_from_texts
from backend.command.doctor_arguments import add_doctor_arguments
from backend.command.export_arguments import add_export_arguments
from backend.command.farm_verb import add_farm_arguments, farm
from backend.command.jobs_verb import add_jobs_arguments, jobs
from backend.command.key_verb import add_keys_arguments, host_and_port, keys
from backend.command.parsers import Parser, VerbParser
from backend.command.person_verbs import add_person_verbs, forget, identity
from backend.command.stage_options import (
    add_engine,
    add_line,
    add_line_settings,
    add_models_dir,
    add_preprocess,
    add_set,
    add_train,
)
from backend.command.terminal import ProgressBar, print_result, shown, write_anything
from backend.command.trees import TREES, listed_settings
from backend.command.verbs import VERBS
from backend.settings import DRIVEN_BY, ServeSettings
from backend.settings.defaults import not_given
from backend.settings.tree import with_changes
from backend.subject.claims import reading_claim
from backend.subject.subject import Subject
from shared.errors import (
    EXIT_CANCELLED,
    EXIT_DONE,
    EXIT_FAULT,
    InputError,
    InternalError,
    TalkerError,
)
from shared.files import explained, out_of_memory
from shared.jobs import Reporter
from shared.training import Start


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = Parser(prog="talker", description="Audio-driven 3D-Gaussian talking heads from footage.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=VerbParser)

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=text, description=text)
        sub.add_argument("--json", action="store_true", help="one JSON document and nothing else on standard output")
        if name in TREES:
            add_set(sub, name)
        return sub

    sub = verb("doctor", "What this machine has, and what is missing.")
    add_models_dir(sub)
    add_doctor_arguments(sub)

    sub = verb("presenter", "Draw a presenter, who is nobody: footage and a line to try everything with.")
    sub.add_argument("--out", required=True, metavar="DIR")

    sub = verb("preprocess", "Footage of one speaking person to a subject folder.")
    sub.add_argument("footage", metavar="FOOTAGE")
    sub.add_argument("--subject", required=True, metavar="DIR")
    add_preprocess(sub)

    sub = verb("track", "Refine a subject's head poses by a head that is trained for it.")
    sub.add_argument("--subject", required=True, metavar="DIR")
    sub.add_argument(
        "--again",
        action="store_const",
        const=True,
        help="also where they are refined: models that use them will not fit",
    )
    sub.add_argument("--seed", type=int, metavar="N")
    add_engine(sub)

    sub = verb("train", "Train a talking head on a subject.")
    sub.add_argument("--subject", required=True, metavar="DIR")
    sub.add_argument("--model", metavar="NAME", help="name of the model (default: the recipe's)")
    begin = sub.add_mutually_exclusive_group()
    begin.add_argument(
        "--resume", dest="start", action="store_const", const=str(Start.RESUME),
        help="go on where the training stopped; a finished model stays as it is (without this: train anew)",
    )  # fmt: skip
    begin.add_argument(
        "--more", dest="start", action="store_const", const=str(Start.MORE),
        help="train a finished model on, for as many --steps or --minutes (default: the preset's)",
    )  # fmt: skip
    add_train(sub)
    add_engine(sub)

    add_line(verb("render", "Render a line of dialogue."))

    add_line(verb("chunk", "Draw some frames of a line while others draw the rest: a render farm's task."))

    sub = verb("join", "Make a take of the frames that were drawn in chunks.")
    sub.add_argument("out", metavar="TAKE")
    sub.add_argument("--subject", metavar="DIR", help="default: where it lay for who drew the frames")
    sub.add_argument("--audio", metavar="WAV", help="default: where it lay for who drew the frames")
    sub.add_argument("--frames", metavar="A:B", help="frames of the take (default: the whole line)")
    add_engine(sub)

    sub = verb("evaluate", "Score a model on the frames kept out of its training.")
    sub.add_argument("--subject", required=True, metavar="DIR")
    sub.add_argument("--model", metavar="NAME")
    sub.add_argument("--driven-by", choices=DRIVEN_BY, help="default audio; track: the ceiling for audio")
    sub.add_argument("--size", type=int, metavar="N", help="size of the pictures compared, px (default: as delivered)")
    sub.add_argument("--footage", metavar="FILE", help="the clip: needed where the subject's frames are smaller")
    sub.add_argument(
        "--folds", metavar="all|1,2,…", help="train models like it for these parts of the clip, and score them all"
    )
    sub.add_argument("--seeds", type=int, metavar="N", help="with so many seeds for each part (default 1)")
    add_models_dir(sub)
    add_engine(sub)

    sub = verb("compare", "Scores of models beside each other, with intervals.")
    sub.add_argument("models", nargs="+", metavar="MODEL", help="a model's name, or its folder; the first: reference")
    sub.add_argument("--subject", metavar="DIR", help="whose models they are")
    sub.add_argument("--page", metavar="FILE", help="write an HTML page with figures, curves and pictures")

    add_export_arguments(verb("export", "A finished take as files for another program."))

    sub = verb("run", "The whole chain: footage and a line of dialogue to a talking head.")
    sub.add_argument("footage", metavar="FOOTAGE")
    sub.add_argument("--audio", required=True, metavar="WAV", help="the line of dialogue")
    sub.add_argument("--out", required=True, metavar="DIR")
    sub.add_argument("--evaluate", action="store_true", help="score the model as well")
    add_preprocess(sub, audio=False)
    add_train(sub)
    add_engine(sub)

    add_person_verbs(verb)

    sub = verb("bench", "Measure rasteriser, training step and rendering.")
    sub.add_argument("--subject", metavar="DIR", help="measure a trained model of it as well")
    sub.add_argument("--model", metavar="NAME", help="which one (default: the one that was trained last)")
    sub.add_argument("--size", type=int, metavar="N", help="size of its frames, px (default: the subject's own)")
    add_engine(sub)

    sub = verb("settings", "All settings with their values, what they may hold, and what they are for.")
    sub.add_argument("of", nargs="?", default="run", choices=tuple(TREES), metavar="VERB", help="default run")

    sub = verb("farm", "Write lines and trainings as jobs of a render farm (Open Job Description, Flamenco).")
    add_farm_arguments(sub)
    add_line_settings(sub)

    sub = verb("keys", "Keys by which other machines may use a backend of this one, and the list of who may.")
    add_keys_arguments(sub)

    sub = verb("jobs", "Jobs of a running backend: list, show, cancel, resume.")
    add_jobs_arguments(sub)

    sub = verb("serve", "Serve jobs to the Blender add-on.")
    sub.add_argument("--state-dir", required=True, metavar="DIR", help="where jobs are kept")
    sub.add_argument("--ready-file", required=True, metavar="FILE", help="written when the server listens")
    sub.add_argument("--idle-timeout", type=float, metavar="S", help="end after S s without use (0: never)")
    sub.add_argument(
        "--listen", metavar="tcp://HOST:PORT",
        help="where to listen (default: a free port of 127.0.0.1); what other machines reach needs --keys",
    )  # fmt: skip
    sub.add_argument("--keys", metavar="DIR", help="keys of clients on other machines, made with `talker keys DIR`")
    sub.add_argument("--log-file", metavar="FILE", help="log there, cut to a few MiB, in place of standard error")
    sub.add_argument("--verbs", default="backend.command.verbs", help=argparse.SUPPRESS)
    sub.add_argument("--heads", default="backend.deliver.live_head", help=argparse.SUPPRESS)
    return parser


def _cancel_on_signals() -> threading.Event:
    """An event that Ctrl-C and SIGTERM set; a second Ctrl-C ends the process at once."""
    cancelled = threading.Event()

    def request(number: int, frame: object) -> None:
        if cancelled.is_set():
            raise KeyboardInterrupt
        cancelled.set()

    signal.signal(signal.SIGINT, request)
    signal.signal(signal.SIGTERM, request)
    return cancelled


def _special_verb(arguments: argparse.Namespace) -> dict | list | None:
    """The verbs that are no jobs."""
    if arguments.verb == "settings":
        return listed_settings(arguments.of)
    if arguments.verb == "serve":
        from backend.serve.server import serve

        own = set_from_texts("serve", arguments.set or ())
        changes = {**not_given("serve", own), **own}
        if arguments.idle_timeout is not None:
            changes["idle_timeout_s"] = arguments.idle_timeout
        if arguments.listen is not None:
            changes["host"], changes["port"] = host_and_port(arguments.listen)
        settings = with_changes(ServeSettings(), changes)
        keys_dir, log_file = (None if name is None else Path(name) for name in (arguments.keys, arguments.log_file))
        state_dir, ready_file = Path(arguments.state_dir), Path(arguments.ready_file)
        serve(
            state_dir, ready_file, settings, arguments.verbs, keys=keys_dir, log_file=log_file, heads=arguments.heads
        )  # fmt: skip
        return None
    if arguments.verb == "keys":
        return keys(arguments)
    if arguments.verb == "jobs":
        return jobs(arguments)
    if arguments.verb == "farm":
        return farm(_plain(arguments))
    if arguments.verb == "identity":
        return identity(arguments)
    if arguments.verb == "forget":
        return forget(arguments)
    if arguments.verb == "bench":
        return _bench(arguments)
    raise InternalError(f"The verb {arguments.verb} is on the command line, but nothing does it.")


def _bench(arguments: argparse.Namespace) -> list:
    from backend.command.bench import bench

    options: dict[str, Any] = {"engine": arguments.engine or "native", "threads": arguments.threads or 0}
    if arguments.subject is not None:
        subject = Subject.open(arguments.subject)
        options |= {"subject": subject, "model": arguments.model, "size": arguments.size}
        with reading_claim(subject.root, "measured", Reporter()):
            return bench(**options)
    elif arguments.model is not None or arguments.size is not None:
        raise InputError("A model or a size was given, but no subject.", "Name the subject too (--subject).")
    return bench(**options)


def _plain(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments of a verb as a job would give them."""
    options = {key: value for key, value in vars(arguments).items() if key not in ("verb", "json")}
    if options.get("set"):
        options["set"] = set_from_texts(arguments.verb, options["set"])
    return options


def _write_fault_log() -> Path:
    descriptor, name = tempfile.mkstemp(prefix="talker-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8") as log:
        traceback.print_exc(file=log)
    return Path(name)


def _fail(arguments: argparse.Namespace, status: int, what: str, do: str) -> int:
    if arguments.json:
        print(json.dumps({"error": what, "do": do, "status": status}))
    print(shown(f"talker {arguments.verb}: {what} {do}".rstrip()), file=sys.stderr)
    return status


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    write_anything()
    arguments = build_parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    result: dict[str, Any] | list[Any] | None
    try:
        if arguments.verb in VERBS:
            cancelled = _cancel_on_signals()
            options = _plain(arguments)
            with ProgressBar() as bar:
                result = VERBS[arguments.verb](options, Reporter(bar.show, cancelled.is_set))
        else:
            result = _special_verb(arguments)
    except KeyboardInterrupt:
        return _fail(arguments, EXIT_CANCELLED, "Cancelled.", "The same command goes on from where it stopped.")
    except TalkerError as error:
        return _fail(arguments, error.exit_status, error.what, error.do)
    except OSError as error:
        in_words = explained(error)
        if in_words.exit_status == EXIT_FAULT:
            return _fault(arguments)
        return _fail(arguments, in_words.exit_status, in_words.what, in_words.do)
    except Exception as error:
        memory = out_of_memory(error)
        if memory is not None:
            return _fail(arguments, memory.exit_status, memory.what, memory.do)
        return _fault(arguments)
    if result is not None:
        if arguments.json:
            print(json.dumps(result))
        else:
            print_result(arguments.verb, result)
    return EXIT_DONE


def _fault(arguments: argparse.Namespace) -> int:
    log = _write_fault_log()
    return _fail(arguments, EXIT_FAULT, f"Something went wrong in the program; the log is {log}.", "Please report it.")
