"""Circles in a graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


def circles(edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """One shortest circle through each group of nodes that reach each other, as [a, b, …, a]; by first node's name.

    A node that points at itself is a circle of one.
    """
    following: dict[str, set[str]] = {}
    for source, target in edges:
        following.setdefault(source, set()).add(target)
    found: list[list[str]] = []
    done: set[str] = set()
    for node in sorted(following):
        if node in done:
            continue
        path = _shortest_way_back(node, following)
        if path is not None:
            found.append(path)
            done |= _reached(node, following) & _reaching(node, following)
    return found


def _shortest_way_back(start: str, following: dict[str, set[str]]) -> list[str] | None:
    """From `start` along the edges to `start` again, breadth first; None if no way leads back."""
    before: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        for target in sorted(following.get(node, ())):
            if target == start:
                path = [start, node]
                while path[-1] != start:
                    path.append(before[path[-1]])
                return path[::-1]
            if target not in before:
                before[target] = node
                waiting.append(target)
    return None


def _reached(start: str, following: dict[str, set[str]]) -> set[str]:
    seen = {start}
    waiting = [start]
    while waiting:
        for target in following.get(waiting.pop(), ()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


def _reaching(end: str, following: dict[str, set[str]]) -> set[str]:
    backwards: dict[str, set[str]] = {}
    for source, targets in following.items():
        for target in targets:
            backwards.setdefault(target, set()).add(source)
    return _reached(end, backwards)
