"""docs/protocol.md says what goes over the wire: its tables are compared with the code."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, cast

import pytest

from backend.serve import clients, door, own_limits, runner, server, visitors
from backend.settings import ServeSettings
from shared import protocol
from shared.jobs import JobState
from shared.protocol import ErrorCode
from tests.support import pages

PAGE = pages.page("protocol.md")
MESSAGES = protocol._TYPES


def rows(title):
    """Cells of the rows of the tables in a section."""
    lines = [line for line in pages.section(PAGE, title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines[2:]]


def told_messages():
    """Message to (class, cell with its fields)."""
    sections = ("Messages of the client", "Messages of both", "Messages of the backend")
    return {row[0]: (row[1].strip("`"), row[2]) for title in sections for row in rows(title)}


def test_the_page_has_every_message_and_no_other():
    assert {name: cls for name, (cls, _) in told_messages().items()} == {
        name: cls.__name__ for name, cls in MESSAGES.items()
    }


@pytest.mark.parametrize("name", MESSAGES)
def test_every_field_of_a_message_stands_in_its_row(name):
    fields = {field.name for field in dataclasses.fields(cast(Any, MESSAGES[name]))}
    assert fields <= set(pages.quoted(told_messages()[name][1]))


def test_the_page_has_every_error_code_and_no_other():
    assert [row[0].strip("`") for row in rows("Error codes")] == list(ErrorCode)


def test_the_page_has_the_limits_of_messages():
    told = {row[0].strip("`"): row[1] for row in rows("Transport")}
    assert told["MAX_REQUEST_BYTES"] == f"{protocol.MAX_REQUEST_BYTES >> 10} KiB from a client"
    assert told["MAX_MESSAGE_BYTES"] == f"{protocol.MAX_MESSAGE_BYTES >> 20} MiB from the backend"
    assert told["FRAME_BYTES"].startswith(f"{protocol.FRAME_BYTES >> 10} KiB")
    assert told["MOST_STRANGERS"].startswith(f"{own_limits.MOST_STRANGERS} ")
    assert told["STRANGER_S"].startswith(f"{visitors.STRANGER_S:g} s ")
    assert told["most_clients"].startswith(f"{ServeSettings().most_clients} ")
    assert told["most_waiting"].startswith(f"{ServeSettings().most_waiting} ")
    assert told["most_live"].startswith(f"{ServeSettings().most_live} ")
    assert told["live_memory_mb"].startswith(f"{ServeSettings().live_memory_mb} MiB")
    assert told["RATE"].startswith(f"{clients.RATE:g} ") and f"`BURST` {clients.BURST:g} " in told["RATE"]
    assert (
        told["TURN_MESSAGES"].startswith(f"{door.TURN_MESSAGES} ")
        and f"{1000 * door.TURN_S:g} ms" in told["TURN_MESSAGES"]
    )
    assert told["QUEUED_OUT"].startswith(f"{door.QUEUED_OUT} ")
    assert told["MOST_GROWTH_BYTES"].startswith(f"{server.MOST_GROWTH_BYTES >> 20} MiB ")
    assert told["MAX_DEPTH"].startswith(f"{protocol.MAX_DEPTH} ")
    assert told["INLINE_RESULT_BYTES"].startswith(f"{runner.INLINE_RESULT_BYTES >> 10} KiB")


def test_the_page_has_the_times_of_the_code():
    told = {row[2].strip("`"): re.findall(r"[\d.]+", row[1])[0] for row in rows("Time")}
    assert float(told["HEARTBEAT_S"]) == protocol.HEARTBEAT_S
    assert float(told["HEARTBEAT_TIMEOUT_S"]) == protocol.HEARTBEAT_TIMEOUT_S
    settings = dataclasses.asdict(ServeSettings())
    times = {name: value for name, value in settings.items() if name.endswith("_s")}
    assert {name: float(told[name]) for name in times} == times


def test_the_diagram_has_every_state_of_a_job_and_no_other():
    diagram = pages.section(PAGE, "States of a job").split("```")[1]
    named = set(re.findall(r"^ +(?:\[\*\]|(\w+)) --> (\w+)", diagram, flags=re.MULTILINE))
    assert {word for pair in named for word in pair if word} == set(JobState)


@pytest.mark.parametrize(
    ("file", "title", "count"), [("worker.py", "Server and job process", 6), ("live_worker.py", "Live heads", 4)]
)
def test_the_page_has_every_event_of_a_child_process_and_no_other(file, title, count):
    source = (pages.ROOT / "backend/serve" / file).read_text()
    sent = set(re.findall(r'channel\.send\(\s*"(\w+)"', source))
    lines = [line for line in pages.section(PAGE, title).splitlines() if line.startswith("|")]
    told = {line.split("`")[1] for line in lines if re.match(r"\| `\w+`", line)}
    assert len(sent) == count
    assert told == sent
