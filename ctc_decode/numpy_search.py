"""The beam search in numpy: the executable specification of the compiled one, and its fallback without a compiler.

True CTC prefix beam search: probabilities of one label sequence are summed over its alignments, those that end in a
blank separately from those that end in its last unit (Hannun et al., 2014). Natural logs throughout. src/search.cpp and
src/merging.cpp are its twin and are tested to give the same results; what differs is that whole rows of extensions are
scored here before the best are taken.
"""

import heapq
from itertools import count
from weakref import WeakValueDictionary

import numpy as np

from ctc_decode.batched_automaton import BatchedAutomaton
from ctc_decode.engine import BadFrameError, Result, Settings
from ctc_decode.inputs import is_distribution
from ctc_decode.label_scorer import LabelScorer
from ctc_decode.prefix_tree import Node, path_to

_LOG_ZERO = -np.inf
_PARENT_MARGIN = 3.0  # a parent this far below its child no longer matters to it
# The search's score of a label sequence lacks alignments that left the beam. So at the end the best by it are compared
# exactly: so many at least, if they are so near the best (natural log), among them what was merged in so many frames.
_RESCORED = 10
_RESCORING_MARGIN = 1.0
_UNSETTLED_FRAMES = 100


class NumpyEngine:
    """Prefix beam search in numpy. Batches run on one thread, whatever num_threads says."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._automata = [BatchedAutomaton(automaton, scale, settings.units) for automaton, scale in settings.automata]

    def decode(self, log_probs: np.ndarray, lengths: np.ndarray, num_threads: int) -> list[list[Result]]:
        """Decode (B, T', V) float32 or float16, (B,) frames: the best label sequences of each item, or
        BadFrameError."""
        results = []
        for item, length in enumerate(lengths.tolist()):
            stream = self.stream()
            try:
                stream.push(log_probs[item, :length])
            except BadFrameError as bad:
                raise BadFrameError(item, bad.frame) from None
            results.append(stream.finish(log_probs[item, :length]))
        return results

    def stream(self) -> "NumpyStream":
        """Return a new utterance."""
        return NumpyStream(self._settings, self._automata)


class NumpyStream:
    """One utterance, frame by frame. The beam is a list of nodes, best first, and arrays beside it."""

    def __init__(self, settings: Settings, automata: list[BatchedAutomaton]):
        self._settings = settings
        self._automata = automata
        self._names = count()
        # By parent and unit. A node lives while it is in the beam, or has descendants, or is an alternative.
        self._children: WeakValueDictionary[tuple[int, int], Node] = WeakValueDictionary()
        start = tuple(batched.automaton.start for batched in automata)
        self._nodes = [Node(next(self._names), None, settings.blank, 0.0, start)]
        self._nodes[0].slot = 0
        self._blank = np.zeros(1)
        self._unblank = np.full(1, _LOG_ZERO)
        self._frame = 0

    def push(self, chunk: np.ndarray) -> None:
        """Take (T', V) more frames, or none of them and raise BadFrameError."""
        for frame, row in enumerate(chunk):
            if not is_distribution(row):
                raise BadFrameError(0, frame)
        for row in chunk:
            self._step(row.astype(np.float64))

    def _step(self, row: np.ndarray) -> None:
        width = self._settings.beam_width
        if len(self._nodes) == width:
            self._merge_equivalent()
        nodes, n = self._nodes, len(self._nodes)
        unit = np.array([node.unit for node in nodes])
        external = np.array([node.external_score for node in nodes])
        total = np.logaddexp(self._blank, self._unblank)

        # Without growing: waiting in a blank, repeating the last unit, or reached from the parent.
        parents = np.array([-1 if node.parent is None else node.parent.slot for node in nodes])
        inflow = np.where(unit[parents] == unit, self._blank[parents], total[parents])
        blank = total + row[self._settings.blank]
        unblank = np.logaddexp(self._unblank, np.where(parents >= 0, inflow, _LOG_ZERO)) + row[unit]
        stays = np.logaddexp(blank, unblank) + external

        slots, units, log_probs, gains = self._extensions(row, unit, external, total, parents)
        scores = np.concatenate([stays, log_probs + gains + external[slots]])
        best = np.argsort(-scores, kind="stable")[:width]
        best = best[scores[best] > _LOG_ZERO]

        for node in nodes:
            node.slot = -1
        self._nodes = [
            nodes[i] if i < n else self._child(nodes[slots[i - n]], int(units[i - n]), float(gains[i - n]))
            for i in best
        ]
        for slot, node in enumerate(self._nodes):
            node.slot = slot
        self._blank = np.concatenate([blank, np.full(len(slots), _LOG_ZERO)])[best]
        self._unblank = np.concatenate([unblank, log_probs])[best]
        self._frame += 1

    def _extensions(
        self, row: np.ndarray, unit: np.ndarray, external: np.ndarray, total: np.ndarray, parents: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return prefixes of the beam grown by each of the best units: slots, units, log probabilities, what is
        added."""
        best = self._best_units(row)
        rank = np.full(self._settings.units, -1)
        rank[best] = np.arange(len(best))
        log_probs = total[:, None] + row[best]
        repeats = np.flatnonzero(rank[unit] >= 0)  # the last unit once more needs a blank before it
        log_probs[repeats, rank[unit[repeats]]] += self._blank[repeats] - total[repeats]
        known = np.flatnonzero((parents >= 0) & (rank[unit] >= 0))  # in the beam already
        log_probs[parents[known], rank[unit[known]]] = _LOG_ZERO

        slots, ranks = np.nonzero(log_probs > _LOG_ZERO)
        units, log_probs = best[ranks], log_probs[slots, ranks]
        gains = np.full(len(slots), self._settings.length_bonus)
        for a, batched in enumerate(self._automata):
            states = np.array([node.states[a] for node in self._nodes])
            gains += batched.scale * batched.step(states[slots], units)[1]
        return slots, units, log_probs, gains

    def _best_units(self, row: np.ndarray) -> np.ndarray:
        """Return the top_k units of a frame that are not the blank, best first, those without any probability left
        out."""
        values = row.copy()
        values[self._settings.blank] = _LOG_ZERO
        best = np.argsort(-values, kind="stable")[: self._settings.top_k]
        return best[values[best] > _LOG_ZERO]

    def _child(self, parent: Node, unit: int, gain: float) -> Node:
        """Return the node of a prefix and one more unit: a new one, unless a descendant or the host of it holds it
        still."""
        node = self._children.get((parent.name, unit))
        if node is None:
            states = tuple(
                int(batched.step(np.array([state]), np.array([unit]))[0][0])
                for batched, state in zip(self._automata, parent.states, strict=True)
            )
            node = Node(next(self._names), parent, unit, parent.external_score + gain, states)
            node.born = self._frame
            self._children[parent.name, unit] = node
        return node

    def _merge_equivalent(self) -> None:
        """Make room: see `dominates`.

        Old ambiguities would else fill the beam with their combinations. Where more than one label sequence is wanted,
        a merged prefix is kept as an alternative of the better one.
        """
        total = np.logaddexp(self._blank, self._unblank)
        score = total + np.array([node.external_score for node in self._nodes])

        def dominates(strong: Node, weak: Node) -> bool:
            """Return whether the future of a prefix is that of a better one, whatever comes.

            They end in the same unit, the automata are in the same states, nothing that still matters can reach the
            weaker from its parent, and neither begins with the other, so that no label sequence has alignments by way
            of both.
            """
            ahead = strong.external_score - weak.external_score
            if (
                self._blank[strong.slot] + ahead < self._blank[weak.slot]
                or self._unblank[strong.slot] + ahead < self._unblank[weak.slot]
                or weak.parent is None
                or weak.states != strong.states
            ):
                return False
            parent = weak.parent.slot
            reached = parent >= 0 and score[parent] + _PARENT_MARGIN > score[weak.slot]
            return not (reached or strong.begins(weak) or weak.begins(strong))

        ending: dict[int, list[Node]] = {}
        kept = np.ones(len(self._nodes), bool)
        for node in self._nodes:
            others = ending.setdefault(node.unit, [])
            strong = next((other for other in reversed(others) if dominates(other, node)), None)
            if strong is None:
                others.append(node)
            else:
                self._merge_into(strong, node, float(score[node.slot] - score[strong.slot]))
                kept[node.slot] = False
                node.slot = -1
        self._blank, self._unblank = self._blank[kept], self._unblank[kept]
        self._nodes = [node for node in self._nodes if node.slot >= 0]
        for slot, node in enumerate(self._nodes):
            node.slot = slot

    def _merge_into(self, strong: Node, weak: Node, delta: float) -> None:
        if self._settings.nbest == 1 and delta < -_RESCORING_MARGIN:
            return
        strong.alternatives.setdefault(weak, (delta, self._frame))
        if len(strong.alternatives) == max(self._settings.nbest, _RESCORED):
            del strong.alternatives[min(strong.alternatives, key=lambda node: strong.alternatives[node][0])]

    def _alternatives(self, node: Node, latest: int) -> list[tuple[Node, float]]:
        """Return what was merged into a prefix until a frame, less what is settled: if one is wanted, what was long
        ago."""
        return [
            (alternative, delta)
            for alternative, (delta, frame) in node.alternatives.items()
            if frame <= latest and (self._settings.nbest > 1 or frame + _UNSETTLED_FRAMES > self._frame)
        ]

    def partial(self) -> tuple[list[int], int]:
        """Return the best label sequence so far, and how many of its first units are settled."""
        path = path_to(self._nodes[0])
        depth = {node: d for d, node in enumerate(path)}
        stable = len(path)
        seen: set[Node] = set()
        open_ = self._nodes.copy()
        while open_:  # the beam, and all alternatives that still count
            other = path_to(open_.pop())
            stable = min(stable, max((depth[node] + 1 for node in other if node in depth), default=0))
            fresh = [node for node in other if node not in seen]
            seen.update(fresh)
            open_ += [alternative for node in fresh for alternative, _ in self._alternatives(node, self._frame)]
        return [node.unit for node in path], stable

    def finish(self, log_probs: np.ndarray) -> list[Result]:
        """Return the best label sequences of all frames that were pushed, which are given again, best first."""
        scorer = LabelScorer(log_probs, self._settings.blank)
        wanted = self._settings.nbest
        scored: list[tuple[float, float, list[float], list[int]]] = []
        for labels, (near, searched) in self._best(max(wanted, _RESCORED)).items():
            if len(scored) >= wanted and near < scored[0][0] - _RESCORING_MARGIN:
                break
            ids = list(labels)
            parts = [batched.score(ids) for batched in self._automata]
            external = self._settings.length_bonus * len(ids)
            external += sum(batched.scale * part for batched, part in zip(self._automata, parts, strict=True))
            am_score = scorer.score(ids, near - external if searched else _LOG_ZERO)
            if am_score == _LOG_ZERO and scored:  # what was not searched to its end may have no alignment at all
                continue
            scored.append((am_score + external, am_score, parts, ids))
        scored.sort(key=lambda entry: -entry[0])
        results = []
        for score, am_score, parts, ids in scored[:wanted]:
            scorer.score(ids, am_score)
            results.append(Result(ids, score, am_score, parts, *scorer.tokens()))
        return results

    def _best(self, count: int) -> dict[tuple[int, ...], tuple[float, bool]]:
        """Return at most `count` label sequences, best first, with their scores and whether they were searched to the
        end.

        An alternative was not, and may have less than its score. Best first over the paths back to the root: each may
        leave for an alternative wherever it meets one.
        """
        total = np.logaddexp(self._blank, self._unblank)
        paths: list[tuple[float, int, Node, list[int]]] = []  # less its score, a tie breaker, node, units after it
        for slot, node in enumerate(self._nodes):
            final = sum(
                batched.scale * float(batched.automaton.final[state])
                for batched, state in zip(self._automata, node.states, strict=True)
            )
            paths.append((-(float(total[slot]) + node.external_score + final), slot, node, []))
        heapq.heapify(paths)
        order = len(paths)
        found: dict[tuple[int, ...], tuple[float, bool]] = {}
        for _ in range(4 * count):
            if not paths or len(found) == count:
                break
            cost, _, node, after = heapq.heappop(paths)
            path = path_to(node)
            units = [step.unit for step in path] + after
            # Alternatives that are later than the path on from a prefix continue by themselves.
            for depth, step in enumerate(path, 1):
                latest = path[depth].born if depth < len(path) else self._frame
                for alternative, delta in self._alternatives(step, latest):
                    heapq.heappush(paths, (cost - delta, order, alternative, units[depth:]))
                    order += 1
            found.setdefault(tuple(units), (-cost, not after))
        return found
