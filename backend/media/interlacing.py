"""Interlaced frames to whole pictures, by FFmpeg's bwdif."""

from __future__ import annotations

from collections.abc import Iterator

import av
import av.error
import av.filter

_DEINTERLACER = "mode=send_frame:parity=auto:deint=interlaced"
"""One picture for each frame; frames that are not marked as interlaced pass."""


def deinterlaced(frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Whole pictures of frames with two fields, at the same rate and times: each is its first field, filled in."""
    graph: av.filter.Graph | None = None
    form = None
    for frame in frames:
        if graph is None or form != (frame.width, frame.height, frame.format.name):
            if graph is not None:
                yield from _drained(graph)
            graph, form = _graph_for(frame), (frame.width, frame.height, frame.format.name)
        graph.push(frame)
        yield from _pulled(graph)
    if graph is not None:
        yield from _drained(graph)


def _graph_for(frame: av.VideoFrame) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base, name="in"
    )
    graph.link_nodes(source, graph.add("bwdif", _DEINTERLACER), graph.add("buffersink")).configure()
    return graph


def _pulled(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if isinstance(frame, av.VideoFrame):
            yield frame


def _drained(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    graph.push(None)
    yield from _pulled(graph)
