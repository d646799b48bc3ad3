// The prefixes that a search holds, as a tree in one array. Nodes that nothing needs any more are used again, so its
// size is that of the common beginning and of what the beam differs in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ctc {

struct Alternative {
    int32_t node;
    double delta;   // its score less that of the prefix it was merged into, not above 0
    int64_t frame;  // when that was
};

// A node lives while it is referred to: by the beam, by its children, or as an alternative.
struct Node {
    int32_t parent;
    int32_t unit;
    int32_t first_child;
    int32_t next_sibling;
    int32_t references;
    int32_t slot;  // in the beam, or -1
    int32_t depth;
    int64_t born;  // the frame in which it first came into the beam
    double external;  // what language model, hotwords and length add to the prefix
    std::vector<Alternative> alternatives;
};

class PrefixTree {
   public:
    // Each node has the states of so many automata.
    explicit PrefixTree(int automata) : automata_(automata) {}

    Node& operator[](int32_t node) { return nodes_[node]; }
    const Node& operator[](int32_t node) const { return nodes_[node]; }
    size_t size() const { return nodes_.size(); }
    int32_t* states(int32_t node) { return states_.data() + static_cast<size_t>(node) * automata_; }
    const int32_t* states(int32_t node) const { return states_.data() + static_cast<size_t>(node) * automata_; }

    // A new node, which nothing refers to yet; without a parent (-1) the root.
    int32_t add(int32_t parent, int32_t unit, double external);
    // The child of this unit, or -1.
    int32_t find(int32_t parent, int32_t unit) const;
    // One reference less; a node without any goes, and so perhaps its parent and its alternatives.
    void release(int32_t node);
    // Whether one prefix is the beginning of the other.
    bool begins(int32_t shorter, int32_t longer) const;
    // Hands a reference over to the alternatives of `host`, of which the best `max_kept` are kept. One that is there
    // already, and came into the beam again since, stays as it is.
    void keep(int32_t host, const Alternative& alternative, size_t max_kept);

   private:
    const int automata_;
    std::vector<Node> nodes_;
    std::vector<int32_t> states_;
    std::vector<int32_t> free_;
    std::vector<int32_t> leaving_;
};

}  // namespace ctc
