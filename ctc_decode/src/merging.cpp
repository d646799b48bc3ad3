// Prefixes that make room for others, so that old ambiguities do not fill the beam.
#include <algorithm>

#include "search.hpp"

namespace ctc {
namespace {

constexpr double kParentMargin = 3.0;  // a parent this far below its child no longer matters to it

}  // namespace

// A prefix whose future is that of a better one, whatever comes, makes room: it ends in the same unit, the automata
// are in the same states, nothing that still matters can reach it from its parent, and neither of them begins with the
// other, so that no label sequence has alignments by way of both. So old ambiguities do not fill the beam with their
// combinations. It is kept as an alternative where more than one label sequence is wanted.
void Search::merge_equivalent() {
    const int n = beam_.size;
    for (int i = 0; i < n; ++i) {
        int32_t& first = with_unit_[beam_.unit[i]];
        int32_t strong = first;  // of the better ones, those nearest in score first
        while (strong >= 0 && !dominates(strong, i)) strong = next_child_[strong];
        if (strong >= 0) {
            merge_into(strong, i);
        } else {
            next_child_[i] = first;
            first = i;
        }
    }
    int kept = 0;
    for (int i = 0; i < n; ++i) {
        with_unit_[beam_.unit[i]] = -1;
        const int32_t node = beam_.node[i];
        if (node < 0) continue;
        if (kept != i) {
            beam_.put(kept, node, beam_.unit[i], beam_.parent[i], beam_.blank[i], beam_.unblank[i], beam_.total[i],
                      beam_.external[i]);
            nodes_[node].slot = kept;
        }
        ++kept;
    }
    beam_.size = kept;
}

bool Search::dominates(int strong, int weak) const {
    const double ahead = beam_.external[strong] - beam_.external[weak];
    if (beam_.blank[strong] + ahead < beam_.blank[weak] || beam_.unblank[strong] + ahead < beam_.unblank[weak]) {
        return false;
    }
    const int32_t parent = beam_.parent[weak];
    if (parent < 0) return false;
    const int above = nodes_[parent].slot;
    const double weak_score = beam_.total[weak] + beam_.external[weak];
    if (above >= 0 && beam_.total[above] + beam_.external[above] + kParentMargin > weak_score) return false;
    const int32_t a = beam_.node[strong], b = beam_.node[weak];
    return std::equal(nodes_.states(a), nodes_.states(a) + automata_, nodes_.states(b)) && !nodes_.begins(a, b) &&
           !nodes_.begins(b, a);
}

void Search::merge_into(int strong, int weak) {
    const int32_t node = beam_.node[weak];
    nodes_[node].slot = -1;
    beam_.node[weak] = -1;
    const double delta = beam_.total[weak] + beam_.external[weak] - beam_.total[strong] - beam_.external[strong];
    if (settings_.nbest == 1 && delta < -kRescoringMargin) return nodes_.release(node);
    nodes_.keep(beam_.node[strong], {node, delta, frame_}, std::max(settings_.nbest, kRescored) - 1);
}

}  // namespace ctc
