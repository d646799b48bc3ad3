#include "prefix_tree.hpp"

#include <algorithm>

namespace ctc {

int32_t PrefixTree::add(int32_t parent, int32_t unit, double external) {
    if (free_.empty()) {
        free_.push_back(static_cast<int32_t>(nodes_.size()));
        nodes_.emplace_back();
        states_.resize(nodes_.size() * automata_);
    }
    const int32_t index = free_.back();
    free_.pop_back();
    Node& node = nodes_[index];
    node.parent = parent;
    node.unit = unit;
    node.first_child = -1;
    node.next_sibling = -1;
    node.references = 0;
    node.slot = -1;
    node.depth = 0;
    node.born = 0;
    node.external = external;
    if (parent >= 0) {
        node.depth = nodes_[parent].depth + 1;
        node.next_sibling = nodes_[parent].first_child;
        nodes_[parent].first_child = index;
        ++nodes_[parent].references;
    }
    return index;
}

int32_t PrefixTree::find(int32_t parent, int32_t unit) const {
    int32_t child = nodes_[parent].first_child;
    while (child >= 0 && nodes_[child].unit != unit) child = nodes_[child].next_sibling;
    return child;
}

void PrefixTree::release(int32_t first) {
    leaving_.push_back(first);
    while (!leaving_.empty()) {
        const int32_t index = leaving_.back();
        leaving_.pop_back();
        Node& node = nodes_[index];
        if (--node.references > 0) continue;
        if (node.parent >= 0) {
            int32_t* link = &nodes_[node.parent].first_child;
            while (*link != index) link = &nodes_[*link].next_sibling;
            *link = node.next_sibling;
            leaving_.push_back(node.parent);
        }
        for (const Alternative& alternative : node.alternatives) leaving_.push_back(alternative.node);
        node.alternatives.clear();
        free_.push_back(index);
    }
}

bool PrefixTree::begins(int32_t shorter, int32_t longer) const {
    while (nodes_[longer].depth > nodes_[shorter].depth) longer = nodes_[longer].parent;
    return longer == shorter;
}

void PrefixTree::keep(int32_t host, const Alternative& alternative, size_t max_kept) {
    auto& kept = nodes_[host].alternatives;
    for (const Alternative& other : kept) {
        if (other.node == alternative.node) return release(alternative.node);
    }
    kept.push_back(alternative);
    if (kept.size() <= max_kept) return;
    const auto worst = std::min_element(
        kept.begin(), kept.end(), [](const Alternative& a, const Alternative& b) { return a.delta < b.delta; });
    const int32_t out = worst->node;
    kept.erase(worst);
    release(out);
}

}  // namespace ctc
