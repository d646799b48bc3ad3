// The lattice of one sentence: the candidates of its positions, the arcs between them, and the best scores up to and
// behind each pair of neighbours. The same as lattice.py and alternatives.py, which say what it means.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "model.hpp"

namespace ngram {

class Index;

// The candidates of the positions of a sentence between two boundaries, concatenated: those of position i are first[i]
// to first[i + 1]. enter, leave and fixed are empty without phrases.
struct Positions {
    std::vector<int64_t> first;
    Span<int32_t> ids;
    Span<float> log_probs;
    Span<int32_t> enter, leave;
    Span<uint8_t> fixed;
    Span<double> empty;

    // Throws std::invalid_argument where they do not fit together, or name other than so many characters.
    void check(int characters) const;

    int count() const { return static_cast<int>(first.size()) - 1; }
    int size(int position) const { return static_cast<int>(first[position + 1] - first[position]); }
};

// An explicit trigram (a, b, c): the row of a among those of all arcs before, and the flat index of (b, c).
struct Trigram {
    int32_t a, bc;
    float boost;
};

struct Arc {
    int start, end, heights, widths;
    float cost;
    int row;  // its first row among those of all arcs that end where it does
    std::vector<float> bigram, backoff;
    std::vector<Trigram> trigrams;  // sorted by bc
    std::vector<double> forward, backward;

    size_t pairs() const { return bigram.size(); }
    // The explicit trigrams that end in the pairs from `low` to `high`, without high.
    std::pair<const Trigram*, const Trigram*> explicit_of(int low, int high) const;
};

struct State {
    int arc, b, c;
    bool operator==(const State& other) const { return arc == other.arc && b == other.b && c == other.c; }
};

using Node = std::pair<int, int>;  // position, index of the candidate
using Path = std::pair<double, std::vector<std::optional<int>>>;

struct Change {
    int start, end;
    double loss;
    std::vector<Node> nodes;
};

class Lattice {
   public:
    // Throws std::invalid_argument as `Positions::check`.
    Lattice(const Model& model, const Positions& positions);

    double score() const { return score_; }
    std::vector<Node> best() const { return nodes(best_); }
    std::vector<Path> best_paths(size_t nbest) const;
    double log_total() const;
    // Up to `limit` changes of at most some `positions`, none losing max_loss; `backward` is made here.
    std::vector<Change> changes(double max_loss, size_t positions, size_t limit);

   private:
    void span(const Positions& positions);
    void look_up(const Model& model, const Positions& positions);
    void find_pairs(const Model& model, const Positions& positions, Arc& arc, Index& index,
                    std::vector<int32_t>& known) const;
    void find_trigrams(const Model& model, const std::vector<std::vector<int32_t>>& known, Index& index);
    void run_forward();
    void run_backward();

    // What precedes the pairs (b, c) of an arc: for each row of a, the forward score and the explicit boost.
    void arriving(int arc, int b, int c, std::vector<double>& scores, std::vector<double>& boost) const;
    State of_row(int arc, int row, int b) const;
    const std::vector<int>& before(const Arc& arc) const { return into_[arc.start]; }
    State previous(const State& state) const;
    State next(const State& state) const;
    bool begins(const State& state) const { return arcs_[state.arc].start == 0; }
    bool finishes(const State& state) const { return arcs_[state.arc].end == finish_; }
    bool on_best(const State& state) const;
    std::vector<Node> nodes(const std::vector<State>& chain) const;

    std::vector<Arc> arcs_;
    std::vector<std::vector<int>> into_, out_of_;  // the arcs that end and that start at each position, ascending
    int finish_ = 0;
    double score_ = 0.0;
    std::vector<State> best_;
};

}  // namespace ngram
