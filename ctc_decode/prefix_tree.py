"""The prefixes that the numpy search holds, as a tree: src/prefix_tree.hpp has the same."""


class Node:
    """A prefix. `slot`: its position in the beam, or -1. `external_score`: what automata and length add."""

    __slots__ = (
        "__weakref__",
        "alternatives",
        "born",
        "depth",
        "external_score",
        "name",
        "parent",
        "slot",
        "states",
        "unit",
    )

    def __init__(self, name: int, parent: "Node | None", unit: int, external_score: float, states: tuple[int, ...]):
        self.name = name
        self.parent = parent
        self.unit = unit
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.external_score = external_score
        self.states = states
        self.slot = -1
        self.born = 0  # the frame in which it first came into the beam
        self.alternatives: dict[Node, tuple[float, int]] = {}  # scores less its own, frames in which they were merged

    def begins(self, other: "Node") -> bool:
        """Return whether the other prefix begins with this one."""
        while other.depth > self.depth and other.parent is not None:
            other = other.parent
        return other is self


def path_to(node: Node) -> list[Node]:
    """Return the nodes from the first unit to this one; the root is none of them."""
    path = []
    while node.parent is not None:
        path.append(node)
        node = node.parent
    return path[::-1]
