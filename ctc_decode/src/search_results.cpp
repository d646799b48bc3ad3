// What a search has found: the best label sequences, and what of the best is settled while frames come.
#include <algorithm>
#include <set>

#include "search.hpp"

namespace ctc {

// Where one label sequence is wanted, what was merged long ago is settled.
bool Search::counts(const Alternative& alternative) const {
    return settings_.nbest > 1 || alternative.frame + kUnsettledFrames > frame_;
}

double Search::final_gain(int32_t node) const {
    double total = 0.0;
    for (int a = 0; a < automata_; ++a) {
        const Automaton& automaton = settings_.automata[a];
        total += automaton.scale * automaton.final[nodes_.states(node)[a]];
    }
    return total;
}

// Best first over the paths back to the root: each may leave for an alternative wherever it meets one.
std::vector<LabelSequence> Search::best(int count) const {
    struct Path {
        double score;
        int32_t node;
        int32_t left;   // the path that was left for this one, or -1,
        size_t suffix;  // and how many of its last units this one ends in
        bool operator<(const Path& other) const { return score < other.score; }
    };
    std::vector<Path> open;
    for (int i = 0; i < beam_.size; ++i) {
        open.push_back({beam_.total[i] + beam_.external[i] + final_gain(beam_.node[i]), beam_.node[i], -1, 0});
    }
    std::make_heap(open.begin(), open.end());
    std::vector<LabelSequence> found, paths;
    std::set<std::vector<int32_t>> seen;
    for (int tries = 4 * count; tries > 0 && !open.empty() && static_cast<int>(found.size()) < count; --tries) {
        std::pop_heap(open.begin(), open.end());
        const Path path = open.back();
        open.pop_back();
        const auto index = static_cast<int32_t>(paths.size());
        std::vector<int32_t> ids;  // last first
        if (path.left >= 0) ids.assign(paths[path.left].ids.begin(), paths[path.left].ids.begin() + path.suffix);
        std::vector<Path> branches;
        int64_t left = frame_;  // when the path on from a node began: alternatives of later continue by themselves
        for (int32_t node = path.node; nodes_[node].parent >= 0; node = nodes_[node].parent) {
            for (const Alternative& alternative : nodes_[node].alternatives) {
                if (counts(alternative) && alternative.frame <= left) {
                    branches.push_back({path.score + alternative.delta, alternative.node, index, ids.size()});
                }
            }
            ids.push_back(nodes_[node].unit);
            left = nodes_[node].born;
        }
        if (branches.size() > static_cast<size_t>(tries)) {  // no more can be of use
            const auto better = [](const Path& a, const Path& b) { return b < a; };
            std::nth_element(branches.begin(), branches.begin() + (tries - 1), branches.end(), better);
            branches.resize(tries);
        }
        for (const Path& branch : branches) {
            open.push_back(branch);
            std::push_heap(open.begin(), open.end());
        }
        paths.push_back({ids, path.score, false});
        std::reverse(ids.begin(), ids.end());
        if (seen.insert(ids).second) found.push_back({std::move(ids), path.score, path.left < 0});
    }
    return found;
}

std::vector<int32_t> Search::partial(int& stable) const {
    std::vector<int32_t> path, ids;
    for (int32_t node = beam_.node[0]; node >= 0; node = nodes_[node].parent) path.push_back(node);
    std::reverse(path.begin(), path.end());
    // How deep the shallowest node lies where another prefix, or an alternative that still counts, leaves this path.
    std::vector<int32_t> depth(nodes_.size(), -1);
    for (size_t d = 0; d < path.size(); ++d) depth[path[d]] = static_cast<int32_t>(d);
    stable = static_cast<int>(path.size()) - 1;
    std::vector<char> seen(nodes_.size(), 0);
    std::vector<int32_t> open(beam_.node.begin(), beam_.node.begin() + beam_.size);
    while (!open.empty()) {
        int32_t node = open.back();
        open.pop_back();
        int32_t met = node;
        while (depth[met] < 0) met = nodes_[met].parent;
        stable = std::min(stable, depth[met]);
        for (; node >= 0 && !seen[node]; node = nodes_[node].parent) {
            seen[node] = 1;
            for (const Alternative& alternative : nodes_[node].alternatives) {
                if (counts(alternative)) open.push_back(alternative.node);
            }
        }
    }
    for (size_t d = 1; d < path.size(); ++d) ids.push_back(nodes_[path[d]].unit);
    return ids;
}

}  // namespace ctc
