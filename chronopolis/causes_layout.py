"""Where the events of a picture of causes stand: the event in the middle, causes to its left, effects to its right.

Each event stands once, in the column of its first appearance; a second link to it is an edge of its own. Within a
column they stand in the order of the tree, every event level with the middle of what is below it, so that the edges of
the tree do not cross.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import Any

from chronopolis.sentences import Names, agent_number, sentence
from replay.why import Causes

BOX_WIDTH, LINE_HEIGHT, PADDING = 258, 15, 8
GAP_ACROSS, GAP_DOWN, MARGIN, HEADING = 78, 14, 24, 40
_LETTERS, _LINES = 38, 4
NODES_MAX = 80

GROUPS = {
    "mind": ("ThoughtRequested", "ThoughtTaken", "ThoughtRefused", "ReflectionMade"),
    "memory": ("MemoryFormed", "MemoryForgotten"),
    "talk": (
        "SpeechMade",
        "ConversationClosed",
        "NewsHeard",
        "WordsSpoken",
        "PledgeMade",
        "PledgeKept",
        "PledgeLapsed",
    ),
    "deal": ("AgentsMet", "GoodsTraded", "GoodsGiven", "GiftReceived", "GoodsInherited", "GoodsEndowed"),
    "intention": ("IntentionFormed",),
    "life": ("AgentJoined", "AgentBorn", "ChildBorne", "AgentDied"),
    "outside": ("InterventionMade", "WorldFounded", "CellFormed", "ScenarioChanged", "StockChanged"),
}  # fmt: skip
"""Groups of kinds that share a colour; every other kind is a deed of the body."""
_GROUP_OF = {kind: group for group, kinds in GROUPS.items() for kind in kinds}


def group_of(kind: str) -> str:
    """Return the group of a kind."""
    return _GROUP_OF.get(kind, "deed")


@dataclass
class Box:
    """An event in the picture.

    Attributes
    ----------
    address, kind, lines : what stands in it
    whole : the sentence, uncut
    column : 0 for the event itself, negative for causes, positive for effects
    x, y, height : where, in pixels; x and y are those of the left upper corner
    """

    address: str
    kind: str
    lines: list[str]
    whole: str
    column: int
    x: float = 0
    y: float = 0
    height: float = 0
    below: list[Box] = field(default_factory=list)

    @property
    def middle(self) -> float:
        """The height at which edges arrive."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Edge:
    """A link: from what led to what came of it; `again` if it is none of the tree."""

    cause: Box
    effect: Box
    name: str
    again: bool


@dataclass(frozen=True)
class Drawing:
    """A picture before it is drawn."""

    title: str
    boxes: list[Box]
    edges: list[Edge]
    width: float
    height: float
    left_out: int


def lay_out(found: Causes, *, names: Names = agent_number) -> Drawing:
    """Return where everything stands; what is beyond `NODES_MAX` events, or cut off by bounds, is left out."""
    root = _box(found.event, 0, names)
    boxes: dict[str, Box] = {root.address: root}
    edges: list[Edge] = []
    left_out = 0
    for side, step in (("causes", -1), ("effects", 1)):
        level: list[tuple[Box, dict[str, Any]]] = [(root, {side: getattr(found, side)})]
        room = NODES_MAX // 2 + 1
        while level:
            following = []
            for parent, node in level:
                for child in node.get(side, ()):
                    address = f"{child['tick']}:{child['ordinal']}"
                    known = boxes.get(address)
                    if known is None and room == 0:
                        left_out += 1
                        continue
                    if known is None:
                        room -= 1
                        known = boxes[address] = _box(child, parent.column + step, names)
                        parent.below.append(known)
                        following.append((known, child))
                        again = False
                    else:
                        again = True
                    ends = (known, parent) if step < 0 else (parent, known)
                    edges.append(Edge(*ends, child["link"], again))
            level = following
    _place(root)
    columns = [box.column for box in boxes.values()]
    for box in boxes.values():
        box.x = MARGIN + (box.column - min(columns)) * (BOX_WIDTH + GAP_ACROSS)
    return Drawing(
        title=f"{found.run} · why {root.address}",
        boxes=list(boxes.values()),
        edges=edges,
        width=2 * MARGIN + (max(columns) - min(columns)) * (BOX_WIDTH + GAP_ACROSS) + BOX_WIDTH,
        height=max(box.y + box.height for box in boxes.values()) + MARGIN + 2 * LINE_HEIGHT,
        left_out=left_out + len(found.cut),
    )


def _box(event: dict[str, Any], column: int, names: Names) -> Box:
    whole = sentence(event, names)
    lines = textwrap.wrap(whole, _LETTERS) or [""]
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], lines[_LINES - 1][: _LETTERS - 1].rstrip() + "…"]
    box = Box(f"{event['tick']}:{event['ordinal']}", event["kind"], lines, whole, column)
    box.height = 2 * PADDING + LINE_HEIGHT * (1 + len(lines))
    return box


def _place(root: Box) -> None:
    """Give every box its height: each side is a tree, and both share the root."""
    left = [box for box in root.below if box.column < 0]
    right = [box for box in root.below if box.column > 0]
    heights = [_stack(side, MARGIN + HEADING) for side in (left, right)]
    shorter = 0 if heights[0] < heights[1] else 1
    _shift((left, right)[shorter], abs(heights[0] - heights[1]) / 2)
    root.y = MARGIN + HEADING + max(0.0, (max(heights) - GAP_DOWN - MARGIN - HEADING - root.height) / 2)


def _stack(boxes: list[Box], top: float) -> float:
    """Stack boxes with all that is below each, and return where the next may begin."""
    for box in boxes:
        _stack(box.below, top)
        box.y = top
        if box.below:
            box.y = (box.below[0].middle + box.below[-1].middle - box.height) / 2
            _shift([box], max(0.0, top - box.y))  # a tall one with little below it
        top = _end(box) + GAP_DOWN
    return top


def _end(box: Box) -> float:
    return max([box.y + box.height, *(_end(b) for b in box.below)])


def _shift(boxes: list[Box], by: float) -> None:
    for box in boxes:
        box.y += by
        _shift(box.below, by)
