"""A live head as the add-on holds it: requests that never wait, the newest picture, and when each is shown."""

import time
from fractions import Fraction

import pytest
from extension_without_blender.client import live as client_live
from extension_without_blender.client.live import LiveHead, Taken
from extension_without_blender.client.live_pace import LATE_FRAMES, MOST_LEAD, Pace
from extension_without_blender.shared import protocol
from extension_without_blender.shared.live import LiveState
from extension_without_blender.shared.live_picture import LivePicture, write_live_picture

LIMIT_S = 20.0


class Line:
    """Stands in for a connection: keeps what is sent."""

    def __init__(self):
        self.sent: list[protocol.Message] = []
        self.takes = True

    def __call__(self, message):
        if not self.takes:
            return None
        self.sent.append(message)
        return len(self.sent)

    def frames(self):
        return [message.frame for message in self.sent if isinstance(message, protocol.Draw)]


@pytest.fixture
def clock(monkeypatch):
    """The client's clock, by hand."""
    now = [1000.0]
    monkeypatch.setattr(client_live.time, "monotonic", lambda: now[0])
    return now


def ready(line):
    head = LiveHead(protocol.LiveOpen("subject"))
    head.connected(line)
    head.hear(protocol.Live("READY", {"frames": 9}), 0)
    return head


def drawn(folder, number, frame=1, replaced=0):
    path = folder / f"picture.{number % 3}"
    write_live_picture(path, number, 1, 1, bytes(16))
    return protocol.Drawn(str(path), number, frame, 5.0, replaced)


def take(head):
    deadline = time.perf_counter() + LIMIT_S
    while (taken := head.take()) is None:
        assert time.perf_counter() < deadline
    return taken


def wait_until_read(head):
    deadline = time.perf_counter() + LIMIT_S
    while not head._reading[0].ended:
        assert time.perf_counter() < deadline


def taken(tag, waited_s=0.04):
    return Taken(LivePicture(tag, 1, 1, bytes(16)), tag, waited_s, 5.0)


def tag_at(pace, frame, is_playing=True):
    """The tag of the picture that is due at a frame; None where none is."""
    due = pace.due(frame, is_playing)
    return None if due is None else due.tag


def test_requests_that_come_fast_are_sent_at_a_rate_that_the_backend_takes_and_the_newest_is_always_sent(clock):
    line = Line()
    head = ready(line)
    for number in range(1, 1001):  # ten seconds, a hundred a second
        head.ask(protocol.Draw(number), number)
        clock[0] += 0.01
        head.go_on()
    sent = line.frames()
    assert 400 < len(sent) <= 10 / client_live.LEAST_INTERVAL_S + 1
    assert sent[-1] == 1000 and sent == sorted(sent)
    assert head.replaced == 1000 - len(sent)


def test_a_picture_is_taken_once_with_the_tag_of_its_request_and_how_long_it_took(clock, tmp_path):
    line = Line()
    head = ready(line)
    head.ask(protocol.Draw(3), 77)
    assert head.is_awaiting and head.take() is None
    clock[0] += 0.05
    assert head.hear(drawn(tmp_path, 1, 3), 2)
    got = take(head)
    assert (got.tag, got.picture.number, round(got.waited_s, 6)) == (77, 1, 0.05)
    assert head.take() is None and not head.is_awaiting


def test_of_two_pictures_the_newer_one_is_taken_and_one_that_was_drawn_over_is_none(clock, tmp_path):
    line = Line()
    head = ready(line)
    for number in (1, 2):
        head.ask(protocol.Draw(number), number)
        clock[0] += 0.02
    head.hear(drawn(tmp_path, 1), 2)
    head.hear(drawn(tmp_path, 2), 3)
    assert take(head).tag == 2 or take(head).tag == 2
    head.ask(protocol.Draw(3), 3)
    late = drawn(tmp_path, 3)
    drawn(tmp_path, 6)
    head.hear(late, 4)
    deadline = time.perf_counter() + LIMIT_S
    while head.is_awaiting and time.perf_counter() < deadline:
        assert head.take() is None
    assert not head.is_awaiting


def test_a_picture_that_was_read_is_taken_though_the_next_one_comes_before_anyone_looks(clock, tmp_path):
    line = Line()
    head = ready(line)
    for number in (1, 2):
        head.ask(protocol.Draw(number), number)
        clock[0] += 0.02
    head.hear(drawn(tmp_path, 1), 2)
    wait_until_read(head)
    head.hear(drawn(tmp_path, 2), 3)
    assert head._read is not None and head._read.tag == 1
    assert take(head).tag == 2 or take(head).tag == 2


def test_an_answer_settles_the_requests_before_it(clock, tmp_path):
    line = Line()
    head = ready(line)
    for number in range(1, 6):
        head.ask(protocol.Draw(number), number)
        clock[0] += 0.02
    head.hear(drawn(tmp_path, 1, 5, replaced=4), 6)
    assert take(head).tag == 5 and not head.is_awaiting and head.replaced == 4


def test_a_frame_that_is_refused_is_told_until_the_next_one_is_drawn(clock, tmp_path):
    line = Line()
    head = ready(line)
    head.ask(protocol.Draw(99), 1)
    assert head.hear(protocol.Error("REFUSED", "No frame 99.", "Ask for another."), 2)
    assert head.refused == "No frame 99. Ask for another."
    clock[0] += 0.02
    head.ask(protocol.Draw(1), 2)
    head.hear(drawn(tmp_path, 1), 3)
    assert head.refused == ""
    assert not head.hear(protocol.Error("REFUSED", "A job's.", ""), 50), "another's error"


def test_what_cannot_be_sent_now_waits_for_the_connection(clock):
    line = Line()
    head = ready(line)
    line.takes = False
    head.ask(protocol.Draw(1), 1)
    head.ask(protocol.Draw(2), 2)
    assert line.frames() == []
    line.takes = True
    head.connected(line)
    assert head.state is LiveState.OPENING
    clock[0] += 1
    head.go_on()
    assert line.frames() == [2] and isinstance(line.sent[-2], protocol.LiveOpen)


def test_a_head_that_is_closed_says_why_and_asks_for_nothing(clock):
    line = Line()
    head = ready(line)
    head.hear(protocol.Live("CLOSED", {}, "The model was trained.", "", True), 0)
    assert head.is_closed and head.reopen and head.what == "The model was trained."
    head.ask(protocol.Draw(1), 1)
    head.lose("The backend has stopped.")
    assert line.frames() == [] and head.what == "The model was trained."


# When a picture is shown ---------------------------------------------------------------------------------------------


def test_whoever_scrubs_sees_the_newest_picture_wherever_the_playhead_is():
    pace = Pace()
    for tag in (5, 9, 2):
        pace.add(taken(tag))
    assert tag_at(pace, 30, False) == 2
    assert pace.dropped == 2 and tag_at(pace, 30, False) is None


def test_while_playing_a_picture_waits_for_its_frame_and_one_too_late_is_dropped():
    pace = Pace()
    pace.add(taken(12))
    assert tag_at(pace, 10) is None
    is_held = pace.is_holding
    assert is_held
    assert tag_at(pace, 11) is None
    assert tag_at(pace, 12) == 12
    pace.add(taken(13))
    assert tag_at(pace, 13 + LATE_FRAMES) == 13
    pace.add(taken(14))
    assert tag_at(pace, 15 + LATE_FRAMES) is None
    assert (pace.is_holding, pace.dropped) == (False, 1)


def test_pictures_of_before_the_playhead_went_back_to_the_start_are_dropped():
    pace = Pace()
    pace.add(taken(200))
    assert tag_at(pace, 1) is None and not pace.is_holding and pace.dropped == 1


def test_never_more_than_so_many_wait():
    pace = Pace()
    for tag in range(1, 100):
        pace.add(taken(tag))
        pace.due(1, is_playing=True)
    assert pace.dropped + MOST_LEAD + 1 == 99


@pytest.mark.parametrize(("waits_s", "lead"), [(0.0, 0), (0.015, 0), (0.05, 1), (0.09, 2), (3.0, MOST_LEAD)])
def test_a_playing_scene_asks_as_far_ahead_as_a_picture_takes(waits_s, lead):
    pace = Pace()
    if waits_s:
        pace.add(taken(1, waits_s))
    assert pace.lead(Fraction(25)) == lead


def test_in_steady_playback_every_frame_is_shown_at_its_time():
    """25 frames a second, pictures that take 70 ms: each asked for two frames ahead."""
    pace, asked, shown = Pace(), {}, []
    pace.add(taken(0, 0.07))
    tag_at(pace, 0, False)
    for frame in range(1, 100):
        asked[frame + pace.lead(Fraction(25))] = frame
        came = [tag for tag, at in asked.items() if frame - at == 2]
        for tag in came:
            pace.add(taken(tag, 0.07))
        due = pace.due(frame, is_playing=True)
        shown.append(None if due is None else due.tag - frame)
    assert shown[3:] == [0] * len(shown[3:]) and pace.dropped == 0
