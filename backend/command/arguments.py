"""Plain arguments, of a command or a job, made into what a verb takes: typed, complete, refused where they do not fit.

Beside a verb's own arguments stand the fields of its settings, nested ones as dicts; `set` holds settings too, nested
or by dotted names: {"set": {"bundle.shape_spread_cm": 0.3}}. An argument that is None is not given. Every function here
raises InputError for a name that is unknown, with those that may have been meant, and for a value of another type or
out of range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from backend.command.trees import NO_FIELDS, TREES, known, stages_meant, with_studio_defaults
from backend.export.options import ExportOptions
from backend.settings import (
    EvaluateSettings,
    PreprocessSettings,
    RenderSettings,
    RunSettings,
    SelfTrackingSettings,
    TrainSettings,
    train_settings,
    train_settings_of_run,
)
from backend.settings.tree import from_text, names, nested, refusal, with_changes
from shared.checked import Limits, Unfit, build, field_types
from shared.errors import InputError
from shared.training import with_start

Arguments = TypeVar("Arguments")


@dataclass(frozen=True)
class PreprocessArguments:
    """Make the subject folder `subject` from `footage`."""

    footage: Path
    subject: Path
    settings: PreprocessSettings


@dataclass(frozen=True)
class TrackArguments:
    """Refine a subject's head poses by a head that is trained for it."""

    subject: Path
    settings: SelfTrackingSettings


@dataclass(frozen=True)
class TrainArguments:
    """Train a model on a subject."""

    subject: Path
    settings: TrainSettings


@dataclass(frozen=True)
class RenderArguments:
    """Render the line of dialogue in the sound file `audio` into the folder `out`."""

    subject: Path
    audio: Path
    out: Path
    settings: RenderSettings


@dataclass(frozen=True)
class JoinArguments:
    """Make the take in `out` of the frames that were drawn in chunks.

    settings: changes of those that they were drawn with; subject, audio: where they lie on this machine, None: where
    they lay for who drew.
    """

    out: Path
    settings: dict
    subject: Path | None = None
    audio: Path | None = None


@dataclass(frozen=True)
class EvaluateArguments:
    """Score a subject's model; None: the newest.

    folds: "all", or numbers with commas: the parts of the clip to train models like it for, and to score; None: its
    own. seeds: how many of them to train for each part.
    """

    subject: Path
    settings: EvaluateSettings
    model: str | None = None
    folds: str | None = None
    seeds: Annotated[int, Limits(1, 100)] = 1


@dataclass(frozen=True)
class CompareArguments:
    """Compare what was scored of `models`: names of models of `subject`, or folders; the first is the reference.

    page: where to write the comparison as an HTML page; None: nowhere.
    """

    models: tuple[str, ...]
    subject: Path | None = None
    page: Path | None = None


@dataclass(frozen=True)
class RunArguments:
    """The whole chain from `footage` to the line of dialogue in `audio`, into `out`; `evaluate`: with the scores."""

    footage: Path
    audio: Path
    out: Path
    settings: RunSettings
    evaluate: bool = False


@dataclass(frozen=True, kw_only=True)
class ExportArguments(ExportOptions):
    """Write the finished take in the folder `take` as `out` for another program."""

    take: Path
    out: Path


@dataclass(frozen=True)
class DoctorArguments:
    """Where model files are looked for, and where what is found is kept for others."""

    models_dir: str | None = None
    bundle: Path | None = None
    state_dir: tuple[Path, ...] = ()


@dataclass(frozen=True)
class PresenterArguments:
    """Draw the presenter's footage and speak its line into the folder `out`."""

    out: Path


@dataclass(frozen=True)
class ConsentArguments:
    """Record what the person shown has agreed to: None leaves it as it is, "" takes it away. Dates are YYYY-MM-DD."""

    subject: Path
    given_by: str | None = None
    uses: str | None = None
    on: str | None = None
    until: str | None = None
    note: str | None = None
    withdrawn: str | None = None


@dataclass(frozen=True)
class VerifyArguments:
    """Which file, or take's folder, and whose certificates are trusted."""

    file: Path
    trust: Path | None = None


def preprocess_arguments(plain: Mapping[str, Any]) -> PreprocessArguments:
    """footage, subject, and PreprocessSettings. `photometric` as true or false is an older name of `refine_poses`."""
    return _parsed("preprocess", PreprocessArguments, _with_refine_poses(plain), _simple(PreprocessSettings))


def track_arguments(plain: Mapping[str, Any]) -> TrackArguments:
    """subject, and SelfTrackingSettings."""
    return _parsed("track", TrackArguments, plain, _simple(SelfTrackingSettings))


def train_arguments(plain: Mapping[str, Any]) -> TrainArguments:
    """subject, recipe, and TrainSettings over its `preset`; `steps` or `minutes` say how long."""
    return _parsed("train", TrainArguments, with_start(plain), lambda given: train_settings(**given))


def render_arguments(plain: Mapping[str, Any]) -> RenderArguments:
    """subject, audio, out, and RenderSettings."""
    return _parsed("render", RenderArguments, plain, _simple(RenderSettings))


def chunk_arguments(plain: Mapping[str, Any]) -> RenderArguments:
    """As `render_arguments`; frames are the chunk's."""
    return _parsed("chunk", RenderArguments, plain, _simple(RenderSettings))


def join_arguments(plain: Mapping[str, Any]) -> JoinArguments:
    """out, subject, audio, and changes of RenderSettings."""

    def changes(given: dict[str, Any]) -> dict[str, Any]:
        build(RenderSettings, given)
        return given

    return _parsed("join", JoinArguments, plain, changes)


def evaluate_arguments(plain: Mapping[str, Any]) -> EvaluateArguments:
    """subject, model, folds, seeds, and EvaluateSettings."""
    return _parsed("evaluate", EvaluateArguments, plain, _simple(EvaluateSettings))


def compare_arguments(plain: Mapping[str, Any]) -> CompareArguments:
    """models, subject, page."""
    return _without_settings(CompareArguments, plain)


def export_arguments(plain: Mapping[str, Any]) -> ExportArguments:
    """take, out, and the fields of ExportOptions."""
    return _without_settings(ExportArguments, plain)


def run_arguments(plain: Mapping[str, Any]) -> RunArguments:
    """footage, audio, out, evaluate, and RunSettings: those of each stage under its name.

    A setting may also stand without its stage's name (`stages_meant`).
    """
    return _parsed("run", RunArguments, _with_refine_poses(plain), _run_settings)


def doctor_arguments(plain: Mapping[str, Any]) -> DoctorArguments:
    """models_dir, bundle, state_dir."""
    return _without_settings(DoctorArguments, plain)


def presenter_arguments(plain: Mapping[str, Any]) -> PresenterArguments:
    """out."""
    return _without_settings(PresenterArguments, plain)


def consent_arguments(plain: Mapping[str, Any]) -> ConsentArguments:
    """subject, given_by, uses, on, until, note, withdrawn; an empty text takes what was said of it away."""
    asked = _without_settings(ConsentArguments, plain)
    cleared: dict[str, Any] = {name: "" for name in names(ConsentArguments) if plain.get(name) == ""}
    cleared.pop("subject", None)
    return replace(asked, **cleared)


def verify_arguments(plain: Mapping[str, Any]) -> VerifyArguments:
    """file, trust."""
    return _without_settings(VerifyArguments, plain)


def set_from_texts(verb: str, texts: Iterable[str]) -> dict[str, Any]:
    """`set` from texts NAME=VALUE, as the command line takes them. Raises InputError."""
    result: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise InputError(f"{text!r} sets nothing.", "Write it as NAME=VALUE.")
        if name in result:
            raise InputError(f"The setting {name} is given twice.", "Leave one of them out.")
        result[name] = from_text(TREES[verb], name, value.strip())
    return result


def _simple(cls: type) -> Callable[[dict[str, Any]], Any]:
    return lambda given: with_changes(cls(), given)


def _parsed(
    verb: str, cls: type[Arguments], plain: Mapping[str, Any], make_settings: Callable[[dict[str, Any]], Any]
) -> Arguments:
    _refuse_zero_bytes(plain)
    own_names = [name for name in field_types(cls) if name != "settings"]
    given = {name: value for name, value in plain.items() if value is not None and name != "set"}
    own = {name: given.pop(name) for name in own_names if name in given and not isinstance(given[name], Mapping)}
    try:
        given = nested(given, _set_of(plain))
        _refuse_unknown(verb, given, own_names)
        given = with_studio_defaults(verb, given)
        settings = make_settings(given)
        arguments = build(cls, {**{name: value for name, value in own.items() if value != ""}, "settings": settings})
    except Unfit as error:
        if error.reason == "is missing":
            raise InputError(f"{error.name} is missing.", f"Name the {error.name}.") from error
        raise refusal(error, names(TREES[verb])) from error
    _require_engines(given)
    return arguments


def _without_settings(cls: type[Arguments], plain: Mapping[str, Any]) -> Arguments:
    """The arguments of a verb that has no settings. Raises InputError as `refusal` does."""
    _refuse_zero_bytes(plain)
    try:
        return build(cls, {name: value for name, value in plain.items() if value not in (None, "")})
    except Unfit as error:
        if error.reason == "is missing":
            raise InputError(f"{error.name} is missing.", f"Name the {error.name}.") from error
        raise refusal(error, names(cls), "argument") from error


def _refuse_zero_bytes(values: Any) -> None:
    """Raises InputError for a text with a zero byte in it, anywhere: no path and no name has one."""
    if isinstance(values, str) and "\0" in values:
        raise InputError(f"{values!r} has a zero byte in it.", "Leave it out.")
    if isinstance(values, Mapping):
        values = tuple(values.values())
    for value in values if isinstance(values, (list, tuple)) else ():
        _refuse_zero_bytes(value)


def _set_of(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    changes = plain.get("set")
    if changes is None:
        return {}
    if not isinstance(changes, Mapping):
        raise Unfit("set", "must be settings with their values")
    return changes


def _refuse_unknown(verb: str, given: Mapping[str, Any], own_names: list[str]) -> None:
    there = known(verb)
    for name in given:
        if name not in there and not (verb == "run" and stages_meant(name)):
            error = Unfit(name, "is unknown", (*own_names, *there))
            raise refusal(error, (*own_names, *NO_FIELDS.get(verb, ()), *names(TREES[verb])))


def _with_refine_poses(plain: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(plain)
    if type(result.get("photometric")) is bool:
        result["refine_poses"] = result.pop("photometric")
    return result


def _run_settings(given: dict[str, Any]) -> RunSettings:
    stages = field_types(RunSettings)
    by_stage = nested(
        {name: value for name, value in given.items() if name in stages},
        {
            f"{stage}.{name}": value
            for name, value in given.items()
            if name not in stages
            for stage in stages_meant(name)
        },
    )
    for name, value in by_stage.items():
        if not isinstance(value, Mapping):
            raise Unfit(name, "must be settings with their values")
    preprocessing, training, rendering, evaluating = (by_stage.get(stage, {}) for stage in stages)
    return RunSettings(
        with_changes(PreprocessSettings(), preprocessing, "preprocess"),
        train_settings_of_run(training),
        with_changes(RenderSettings(), rendering, "render"),
        with_changes(EvaluateSettings(), evaluating, "evaluate"),
    )


def _require_engines(given: Mapping[str, Any]) -> None:
    """Raises InputError where an engine is named, somewhere in the settings, that does not run here."""
    for name, value in given.items():
        if isinstance(value, Mapping):
            _require_engines(value)
        elif name == "engine":
            from backend.raster.rasterize import require_engine

            require_engine(value)
