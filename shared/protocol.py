"""The messages between the add-on and the backend: one msgpack map each, checked on arrival.

A message on the wire is {"v": protocol version, "type": name, "request": number, "body": {field: value}}. A reply
carries the number of the request that it answers; 0 marks messages that answer none (heartbeats, progress, results).
Large arrays, pictures and films go by file: a message holds their path.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeVar

import msgpack

from .checked import build
from .errors import TalkerError

PROTOCOL_VERSION = 3
MAX_REQUEST_BYTES = 64 << 10
"""Largest message of a client; larger ones are answered with TOO_LARGE."""
MAX_MESSAGE_BYTES = 1 << 20
"""Largest message of the backend."""
FRAME_BYTES = 1 << 10
"""What ZeroMQ may add to a message. Messages that are larger by more than that are not even read: the connection is
closed."""
MAX_DEPTH = 32
"""Deepest nesting of maps and lists within a message."""
SHOWN = 50
"""As many characters of a foreign name are repeated in errors and logs."""

HEARTBEAT_S = 2.0
"""Interval of heartbeats, each way, seconds."""
HEARTBEAT_TIMEOUT_S = 10.0
"""After this long without a message the other side counts as gone, seconds."""


class ErrorCode(StrEnum):
    """Why a message was refused."""

    MALFORMED = "MALFORMED"
    TOO_LARGE = "TOO_LARGE"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    WRONG_VERSION = "WRONG_VERSION"
    HELLO_FIRST = "HELLO_FIRST"
    TOO_MANY = "TOO_MANY"
    UNKNOWN_JOB = "UNKNOWN_JOB"
    UNKNOWN_VERB = "UNKNOWN_VERB"
    REFUSED = "REFUSED"
    INTERNAL = "INTERNAL"


class ProtocolError(TalkerError):
    """A message that cannot be sent, read or obeyed. `request` is the number of the message, 0 where unreadable."""

    def __init__(self, code: ErrorCode, what: str, do: str = "", request: int = 0) -> None:
        super().__init__(what, do)
        self.code = code
        self.request = request


class Message:
    """Base of every message."""


_TYPES: dict[str, type[Message]] = {}
_NAMES: dict[type[Message], str] = {}
_MessageClass = TypeVar("_MessageClass", bound=type[Message])


def _named(name: str) -> Callable[[_MessageClass], _MessageClass]:
    def register(cls: _MessageClass) -> _MessageClass:
        _TYPES[name] = cls
        _NAMES[cls] = name
        return cls

    return register


# From the client ---------------------------------------------------------------------------------------------------


@_named("HELLO")
@dataclass(frozen=True)
class Hello(Message):
    """First message of a client: who it is, for the log and for its turn among others."""

    client: str = ""


@_named("SUBMIT")
@dataclass(frozen=True)
class Submit(Message):
    """Run `verb` with `arguments`. The client chooses `job_id`, so sending it twice makes one job. Answer: JOB."""

    job_id: str
    verb: str
    arguments: dict = field(default_factory=dict)


@_named("CANCEL")
@dataclass(frozen=True)
class Cancel(Message):
    """Stop a job. Answer: JOB, at once; RESULT follows when it has stopped."""

    job_id: str


@_named("STATUS")
@dataclass(frozen=True)
class Status(Message):
    """Ask for one job. Answer: JOB."""

    job_id: str


@_named("LIST")
@dataclass(frozen=True)
class ListJobs(Message):
    """Ask for all jobs that are kept. Answer: JOBS."""


@_named("SHUTDOWN")
@dataclass(frozen=True)
class Shutdown(Message):
    """End the backend. Unfinished jobs are resumed at its next start. Answer: GOODBYE."""


@_named("LIVE_OPEN")
@dataclass(frozen=True)
class LiveOpen(Message):
    """Keep a head loaded, to be drawn frame by frame (DRAW); in the place of the client's own before. Answer: LIVE."""

    subject: str
    model: str = ""
    take: str = ""
    size: int = 512
    transparent: bool = False


@_named("LIVE_CLOSE")
@dataclass(frozen=True)
class LiveClose(Message):
    """Let the client's live head go. Answer: LIVE."""


@_named("DRAW")
@dataclass(frozen=True)
class Draw(Message):
    """One frame of the client's live head. Answer: DRAWN, or none where a newer DRAW came before its turn."""

    frame: int
    curves: dict = field(default_factory=dict)
    pose: list = field(default_factory=list)
    body: list = field(default_factory=list)
    lens: list = field(default_factory=list)
    controls: dict = field(default_factory=dict)


# From either -------------------------------------------------------------------------------------------------------


@_named("HEARTBEAT")
@dataclass(frozen=True)
class Heartbeat(Message):
    """Sent at intervals by both sides, so that the other knows that it is alive."""


# From the backend --------------------------------------------------------------------------------------------------


@_named("WELCOME")
@dataclass(frozen=True)
class Welcome(Message):
    """Answer to HELLO: the backend's version and process id."""

    version: str
    pid: int


@_named("JOB")
@dataclass(frozen=True)
class Job(Message):
    """A job's present state (shared.jobs.JobInfo as a dict): an answer, or sent when it changes."""

    job: dict


@_named("JOBS")
@dataclass(frozen=True)
class Jobs(Message):
    """All jobs, oldest first, without their arguments and results."""

    jobs: list


@_named("PROGRESS")
@dataclass(frozen=True)
class ProgressNews(Message):
    """Progress of a running job (shared.jobs.Progress as a dict)."""

    job_id: str
    progress: dict


@_named("RESULT")
@dataclass(frozen=True)
class Result(Message):
    """A job has ended: its final state is in `job` with the result or the error."""

    job: dict


@_named("LIVE")
@dataclass(frozen=True)
class Live(Message):
    """How the client's live head stands (shared.live.LiveState): an answer, or sent to that client when it changes."""

    state: str
    head: dict = field(default_factory=dict)
    what: str = ""
    do: str = ""
    reopen: bool = False


@_named("DRAWN")
@dataclass(frozen=True)
class Drawn(Message):
    """A picture is there: a file as shared.live_picture writes it."""

    path: str
    number: int
    frame: int
    took_ms: float
    replaced: int = 0


@_named("ERROR")
@dataclass(frozen=True)
class Error(Message):
    """A message was refused: an ErrorCode, what is wrong, what to do."""

    code: str
    what: str
    do: str = ""


@_named("GOODBYE")
@dataclass(frozen=True)
class Goodbye(Message):
    """The backend ends now."""

    reason: str = ""


_FROM_BACKEND = (Welcome, Job, Jobs, ProgressNews, Result, Live, Drawn, Error, Goodbye)


def encode(message: Message, request: int = 0) -> bytes:
    """The message as bytes.

    Raises ProtocolError TOO_LARGE over MAX_REQUEST_BYTES, or MAX_MESSAGE_BYTES for what the backend sends, MALFORMED
    where a field holds what msgpack cannot carry.
    """
    body = {f.name: getattr(message, f.name) for f in fields(message)}  # type: ignore[arg-type]
    envelope = {"v": PROTOCOL_VERSION, "type": _NAMES[type(message)], "request": request, "body": body}
    try:
        data = msgpack.packb(envelope, use_bin_type=True)
    except (TypeError, ValueError, OverflowError) as error:
        raise ProtocolError(
            ErrorCode.MALFORMED,
            f"A {_NAMES[type(message)]} message cannot be packed ({error}).",
            "Send numbers, text, lists and maps only.",
            request,
        ) from error
    _check_size(len(data), MAX_MESSAGE_BYTES if isinstance(message, _FROM_BACKEND) else MAX_REQUEST_BYTES, request)
    return data


def decode(data: bytes, most_bytes: int = MAX_MESSAGE_BYTES) -> tuple[Message, int]:
    """(message, request number) from bytes, `most_bytes` at most.

    Raises ProtocolError for whatever is too large, is no msgpack, is of another version (an ERROR is read whatever
    its version, so that both sides can say so), has an unknown type, or has fields that do not fit its type.
    """
    _check_size(len(data), most_bytes, 0)
    try:
        envelope = msgpack.unpackb(data, raw=False, strict_map_key=True, ext_hook=_refuse_extension)
    except Exception as error:  # msgpack raises ValueError, UnicodeDecodeError and several classes of its own
        raise ProtocolError(ErrorCode.MALFORMED, f"The message is no msgpack ({brief(error)}).") from error
    if not isinstance(envelope, dict):
        raise ProtocolError(ErrorCode.MALFORMED, "The message is not a map.")
    request = envelope.get("request")
    if type(request) is not int or not 0 <= request < 1 << 63:
        raise ProtocolError(ErrorCode.MALFORMED, "The message has no request number.")
    name, version, body = envelope.get("type"), envelope.get("v"), envelope.get("body")
    if (type(version) is not int or version != PROTOCOL_VERSION) and name != "ERROR":
        raise ProtocolError(
            ErrorCode.WRONG_VERSION,
            f"The message speaks protocol version {brief(version)}, this side speaks {PROTOCOL_VERSION}.",
            "Stop the backend, so that the add-on starts its own version.",
            request,
        )
    if not isinstance(name, str) or name not in _TYPES:
        raise ProtocolError(ErrorCode.UNKNOWN_TYPE, f"There is no message of type {brief(name)}.", request=request)
    if not isinstance(body, dict):
        raise ProtocolError(ErrorCode.MALFORMED, f"The {name} message has no body.", request=request)
    try:
        _check_plain(body, 0)
        return build(_TYPES[name], body), request
    except (TypeError, ValueError) as error:
        what = f"The {name} message is wrong: {brief(error)}."
        raise ProtocolError(ErrorCode.MALFORMED, what, request=request) from error


def error_reply(error: ProtocolError) -> Error:
    """The ERROR message for `error`."""
    return Error(str(error.code), error.what, error.do)


def brief(value: object) -> str:
    """What another side sent, for an error or a log: its beginning, however long it is."""
    if isinstance(value, (dict, list)):
        return f"a {type(value).__name__}"
    if isinstance(value, (str, bytes)):
        return repr(value[:SHOWN]) + ("…" if len(value) > SHOWN else "")
    text = str(value)
    return text[: 4 * SHOWN] + ("…" if len(text) > 4 * SHOWN else "")


def _check_size(size: int, most_bytes: int, request: int) -> None:
    if size > most_bytes:
        raise ProtocolError(
            ErrorCode.TOO_LARGE,
            f"The message has {size} bytes, more than {most_bytes}.",
            "Write large data to a file and send its path.",
            request,
        )


def _refuse_extension(code: int, data: bytes) -> Any:
    raise ValueError(f"extension type {code}")


def _check_plain(value: Any, depth: int) -> None:
    """Raise ValueError or TypeError unless `value` is None, bool, int, finite float, str, or a list or dict of them."""
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"the key {brief(key)} is not text")
            _check_plain(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_plain(item, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    elif value is not None and not isinstance(value, (bool, int, float, str)):
        raise ValueError(f"it holds {type(value).__name__}")
