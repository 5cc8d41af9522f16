"""Messages: what goes in comes out, and nothing malformed gets through."""

import msgpack
import pytest

from shared import protocol
from shared.jobs import JobInfo, JobState, Progress
from shared.protocol import ErrorCode, ProtocolError

EXAMPLES = [
    protocol.Hello("blender"),
    protocol.Submit("a1", "train", {"subject": "/x", "minutes": 1.5, "steps": None, "deep": [{"a": [1, 2]}]}),
    protocol.Cancel("a1"),
    protocol.Status("a1"),
    protocol.ListJobs(),
    protocol.LiveOpen("/subject", "m2dao", "/takes/line", 512, True),
    protocol.LiveClose(),
    protocol.Draw(7, {"jawOpen": 0.5}, [[1.0, 0.0, 0.0, 0.0]], [[0.5]], [1200.0], {"smile": 1.0}),
    protocol.Shutdown(),
    protocol.Heartbeat(),
    protocol.Welcome("0.1.0", 12),
    protocol.Job(JobInfo("a1", "train", progress=Progress("x", 1, 2, 0.5)).to_dict()),
    protocol.Jobs([{"id": "a1"}]),
    protocol.ProgressNews("a1", Progress("x").to_dict()),
    protocol.Result({"id": "a1"}),
    protocol.Live("READY", {"frames": 200}, "what", "do", True),
    protocol.Drawn("/dev/shm/x/picture.0", 3, 7, 12.5, 2),
    protocol.Error("MALFORMED", "what", "do"),
    protocol.Goodbye("bye"),
]


def envelope(**changes):
    values = {"v": protocol.PROTOCOL_VERSION, "type": "CANCEL", "request": 5, "body": {"job_id": "a"}}
    return msgpack.packb({**values, **changes})


def refusal(data):
    with pytest.raises(ProtocolError) as caught:
        protocol.decode(data)
    return caught.value


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_every_message_survives_the_wire(message):
    assert protocol.decode(protocol.encode(message, 7)) == (message, 7)


def test_every_message_type_has_an_example():
    assert {type(m) for m in EXAMPLES} == set(protocol._TYPES.values())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x93\x01",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff" * 1000,
        b"\x91" * 5000,
        msgpack.packb([1, 2]),
        msgpack.packb("HELLO"),
        msgpack.packb({1: 2}),
        msgpack.packb({"v": 1}),
        msgpack.packb(msgpack.ExtType(5, b"x")),
        msgpack.packb(msgpack.Timestamp(1)),
        envelope(request="5"),
        envelope(request=-1),
        envelope(request=True),
        envelope(body=None),
        envelope(body=[]),
        envelope(body={}),
        envelope(body={"job_id": 3}),
        envelope(body={"job_id": None}),
        envelope(body={"job_id": b"bytes"}),
        envelope(body={"job_id": "a", "more": 1}),
        envelope(type="SUBMIT", body={"job_id": "a", "verb": "v", "arguments": []}),
        envelope(type="SUBMIT", body={"job_id": "a", "verb": "v", "arguments": {"x": b"bytes"}}),
        envelope(type="SUBMIT", body={"job_id": "a", "verb": "v", "arguments": {"x": float("nan")}}),
        envelope(type="WELCOME", body={"version": "1", "pid": 1.5}),
    ],
)
def test_malformed_data_is_refused_as_malformed(data):
    assert refusal(data).code == ErrorCode.MALFORMED


def test_deep_nesting_is_refused():
    value: object = 1
    for _ in range(200):
        value = [value]
    data = envelope(type="SUBMIT", body={"job_id": "a", "verb": "v", "arguments": {"x": value}})
    assert refusal(data).code == ErrorCode.MALFORMED


@pytest.mark.parametrize("name", ["NOSUCH", "", None, 3, ["CANCEL"]])
def test_an_unknown_type_is_named_with_its_request(name):
    error = refusal(envelope(type=name))
    assert (error.code, error.request) == (ErrorCode.UNKNOWN_TYPE, 5)


@pytest.mark.parametrize("version", [0, 1, 2, 4, "3", 3.0, True, None])
def test_another_version_is_refused_with_advice(version):
    error = refusal(envelope(v=version))
    assert (error.code, error.request) == (ErrorCode.WRONG_VERSION, 5)
    assert "Stop the backend" in error.do


@pytest.mark.parametrize(
    "data",
    [
        envelope(type="X" * 300_000),
        envelope(v="9" * 300_000),
        envelope(v=[1] * 100_000),
        envelope(body={"x" * 300_000: 1}),
        envelope(body={"job_id": "a", "y" * 300_000: 1}),
        msgpack.packb({"x" * 300_000: 1, b"y" * 300_000: 2}),
    ],
)
def test_what_was_sent_is_not_repeated_whole(data):
    """Errors go to a log and back over the wire."""
    error = refusal(data)
    assert len(error.what) < 500


def test_a_client_may_send_less_than_a_backend():
    with pytest.raises(ProtocolError, match="more than 65536"):
        protocol.encode(protocol.Submit("a", "train", {"x": "y" * protocol.MAX_REQUEST_BYTES}))
    assert len(protocol.encode(protocol.Result({"x": "y" * protocol.MAX_REQUEST_BYTES}))) > protocol.MAX_REQUEST_BYTES
    assert refusal(b"x" * (protocol.MAX_MESSAGE_BYTES + 1)).code is ErrorCode.TOO_LARGE
    with pytest.raises(ProtocolError, match="more than 10"):
        protocol.decode(b"x" * 11, 10)


def test_an_error_is_understood_whatever_its_version():
    body = {"code": "WRONG_VERSION", "what": "w", "do": "d"}
    message, request = protocol.decode(envelope(v=99, type="ERROR", body=body))
    assert (message, request) == (protocol.Error("WRONG_VERSION", "w", "d"), 5)


def test_an_oversized_message_is_neither_sent_nor_read():
    with pytest.raises(ProtocolError) as caught:
        protocol.encode(protocol.Submit("a", "v", {"x": "y" * protocol.MAX_MESSAGE_BYTES}))
    assert caught.value.code == ErrorCode.TOO_LARGE
    assert refusal(b"\x00" * (protocol.MAX_MESSAGE_BYTES + 1)).code == ErrorCode.TOO_LARGE


def test_what_msgpack_cannot_carry_is_refused_before_sending():
    with pytest.raises(ProtocolError) as caught:
        protocol.encode(protocol.Submit("a", "v", {"x": object()}))
    assert caught.value.code == ErrorCode.MALFORMED


def test_a_job_survives_as_a_dictionary():
    job = JobInfo("a", "train", {"x": 1}, JobState.RUNNING, Progress("p", 1, 2, 3.0), None, None, "log", 2, 1.0, 2.0)
    assert JobInfo.from_dict(job.to_dict()) == job
    assert job.to_dict()["state"] == "RUNNING"


@pytest.mark.parametrize(
    "change",
    [{"state": "SLEEPING"}, {"id": 3}, {"more": 1}, {"progress": {"phase": 1}}, {"progress": {}}, {"attempts": "1"}],
)
def test_a_damaged_job_is_refused(change):
    with pytest.raises(ValueError):
        JobInfo.from_dict({**JobInfo("a", "train").to_dict(), **change})


def test_a_job_without_its_verb_is_refused():
    with pytest.raises(ValueError, match="verb"):
        JobInfo.from_dict({"id": "a", "state": "PENDING"})
