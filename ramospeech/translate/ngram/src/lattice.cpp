#include "lattice.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace ngram {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr float kMinSkipLogProb = -14.0f;  // as in lattice.py
// A table is gone through as a whole where it is not so many times longer than the list of what is looked for.
constexpr size_t kSearched = 8;

}  // namespace

// Which entries of a list have a number: those that have the same one are chained.
class Index {
   public:
    Index() : first_(kIds, kNone) {}

    void add(int32_t number) {
        next_.push_back(first_[number]);
        numbers_.push_back(number);
        first_[number] = static_cast<int32_t>(next_.size()) - 1;
    }
    int32_t first(int32_t number) const { return first_[number]; }
    int32_t next(int32_t entry) const { return next_[entry]; }
    size_t size() const { return numbers_.size(); }
    const std::vector<int32_t>& numbers() const { return numbers_; }
    void clear() {
        for (const int32_t number : numbers_) first_[number] = kNone;
        next_.clear();
        numbers_.clear();
    }

   private:
    std::vector<int32_t> first_, next_, numbers_;
};

namespace {

// Calls visit(entry, trigram) for each trigram of a bigram whose rank an entry of the index has.
template <typename Visit>
void visit_trigrams(const Model& model, int32_t bigram, const Index& ranks, Visit visit) {
    const Children children = model.children(bigram);
    if (children.last - children.first <= kSearched * ranks.size()) {
        for (uint32_t i = children.first; i < children.last; ++i) {
            for (int32_t entry = ranks.first(model.rank(i)); entry != kNone; entry = ranks.next(entry)) visit(entry, i);
        }
        return;
    }
    for (size_t entry = 0; entry < ranks.size(); ++entry) {
        const int64_t trigram = model.find_trigram(children, ranks.numbers()[entry]);
        if (trigram != kNone) visit(static_cast<int32_t>(entry), trigram);
    }
}

}  // namespace

std::pair<const Trigram*, const Trigram*> Arc::explicit_of(int low, int high) const {
    const auto before = [](const Trigram& trigram, int pair) { return trigram.bc < pair; };
    const Trigram* begin = trigrams.data();
    const Trigram* end = begin + trigrams.size();
    const Trigram* first = std::lower_bound(begin, end, low, before);
    return {first, std::lower_bound(first, end, high, before)};
}

Lattice::Lattice(const Model& model, const Positions& positions) {
    positions.check(static_cast<int>(model.unigram.size));
    span(positions);
    look_up(model, positions);
    run_forward();
    State last{-1, 0, 0};
    score_ = -kInfinity;
    for (const int i : into_[finish_]) {
        const std::vector<double>& ends = arcs_[i].forward;  // one column: the boundary
        const auto b = std::max_element(ends.begin(), ends.end());
        if (last.arc < 0 || *b >= score_) {
            score_ = *b;
            last = {i, static_cast<int>(b - ends.begin()), 0};
        }
    }
    std::vector<State> chain{last};
    while (!begins(chain.back())) chain.push_back(previous(chain.back()));
    best_.assign(chain.rbegin(), chain.rend());
}

// The arcs from each position to the next, and over those that may be empty.
void Positions::check(int characters) const {
    const auto require = [](bool good, const char* message) {
        if (!good) throw std::invalid_argument(message);
    };
    require(first.size() >= 3 && first.front() == 0 && first.back() == static_cast<int64_t>(ids.size),
            "the positions of a lattice do not fit its candidates");
    for (int i = 0; i < count(); ++i) require(first[i] < first[i + 1], "a position of a lattice has no candidates");
    require(size(0) == 1 && size(count() - 1) == 1, "a lattice begins and ends with a boundary");
    require(empty.size + 1 == first.size() && log_probs.size == ids.size, "the arrays of a lattice differ in length");
    if (enter.data) {
        require(enter.size == ids.size && leave.size == ids.size && fixed.size == ids.size,
                "the ports of a lattice differ in length from its candidates");
    }
    for (size_t i = 0; i < ids.size; ++i) require(ids[i] >= 0 && ids[i] < characters, "a candidate is not a character");
}

void Lattice::span(const Positions& positions) {
    finish_ = positions.count() - 1;
    into_.resize(positions.count());
    out_of_.resize(positions.count());
    std::vector<int> rows(positions.count(), 0);  // of the arcs that end at each position
    for (int start = 0; start < finish_; ++start) {
        float cost = 0.0f;
        for (int end = start + 1; end <= finish_; ++end) {
            const int heights = positions.size(start), number = static_cast<int>(arcs_.size());
            arcs_.push_back({start, end, heights, positions.size(end), cost, rows[end], {}, {}, {}, {}, {}});
            rows[end] += heights;
            into_[end].push_back(number);
            out_of_[start].push_back(number);
            cost = static_cast<float>(static_cast<double>(cost) + positions.empty[end]);
            if (!(cost > kMinSkipLogProb)) break;
        }
    }
}

void Lattice::look_up(const Model& model, const Positions& positions) {
    std::vector<std::vector<int32_t>> known(arcs_.size());  // the bigram of each pair
    Index index;
    for (size_t i = 0; i < arcs_.size(); ++i) find_pairs(model, positions, arcs_[i], index, known[i]);
    find_trigrams(model, known, index);
}

// `index` is empty before and after.
void Lattice::find_pairs(const Model& model, const Positions& positions, Arc& arc, Index& index,
                         std::vector<int32_t>& known) const {
    const int64_t from = positions.first[arc.start], to = positions.first[arc.end];
    const size_t heights = arc.heights, widths = arc.widths;
    known.assign(heights * widths, kNone);
    arc.bigram.resize(known.size());
    arc.backoff.assign(known.size(), 0.0f);
    for (size_t c = 0; c < widths; ++c) index.add(positions.ids[to + c]);
    for (size_t row = 0; row < heights; ++row) {
        const int32_t b = positions.ids[from + row];
        int32_t* found = known.data() + row * widths;
        const int64_t first = model.first_bigram[b], last = model.first_bigram[b + 1];
        if (static_cast<size_t>(last - first) <= kSearched * widths) {
            for (int64_t i = first; i < last; ++i) {
                int32_t c = index.first(model.bigrams[i] & (kIds - 1));
                for (; c != kNone; c = index.next(c)) found[c] = static_cast<int32_t>(i);
            }
        } else {
            for (size_t c = 0; c < widths; ++c) found[c] = model.find_bigram(b, positions.ids[to + c]);
        }
        float* bigram = arc.bigram.data() + row * widths;
        float* backoff = arc.backoff.data() + row * widths;
        for (size_t c = 0; c < widths; ++c) {
            const float log_prob = positions.log_probs[to + c];
            if (positions.enter.data) {
                const bool apart = positions.leave[from + row] != positions.enter[to + c];
                if (apart || positions.fixed[to + c]) {
                    found[c] = kNone;  // nor are there trigrams
                    bigram[c] = apart ? -std::numeric_limits<float>::infinity() : log_prob + arc.cost;
                    continue;
                }
            }
            bigram[c] = model.unigram_backoff[b] + model.unigram[positions.ids[to + c]] + log_prob + arc.cost;
            if (found[c] == kNone) continue;
            bigram[c] += static_cast<float>(model.bigram_boosts[found[c]]) * model.step;
            backoff[c] = static_cast<float>(model.bigram_backoffs[found[c]]) * -model.step;
        }
    }
    index.clear();
}

// Joins known pairs (a, b) with known pairs (b, c) at each b, which `index` has by the rank of their bigram.
void Lattice::find_trigrams(const Model& model, const std::vector<std::vector<int32_t>>& known, Index& index) {
    struct Pair {
        int arc;
        int32_t bc;
    };
    std::vector<Pair> pairs;
    for (int position = 1; position < finish_; ++position) {
        if (into_[position].empty()) continue;
        const int heights = arcs_[into_[position][0]].widths;
        for (int b = 0; b < heights; ++b) {
            pairs.clear();
            for (const int i : out_of_[position]) {
                const int widths = arcs_[i].widths;
                for (int32_t bc = b * widths; bc < (b + 1) * widths; ++bc) {
                    const int32_t bigram = known[i][bc];
                    if (bigram == kNone) continue;
                    index.add(static_cast<int32_t>(bigram - model.first_bigram[model.bigrams[bigram] >> kIdBits]));
                    pairs.push_back({i, bc});
                }
            }
            if (pairs.empty()) continue;
            for (const int j : into_[position]) {
                const Arc& before = arcs_[j];
                for (int a = 0; a < before.heights; ++a) {
                    const int32_t ab = known[j][static_cast<size_t>(a) * before.widths + b];
                    if (ab == kNone) continue;
                    visit_trigrams(model, ab, index, [&](int32_t entry, int64_t trigram) {
                        const float boost = static_cast<float>(model.trigram_boosts[trigram]) * model.step;
                        arcs_[pairs[entry].arc].trigrams.push_back({before.row + a, pairs[entry].bc, boost});
                    });
                }
            }
            index.clear();
        }
    }
    for (Arc& arc : arcs_) {
        std::sort(arc.trigrams.begin(), arc.trigrams.end(), [](const Trigram& left, const Trigram& right) {
            return left.bc != right.bc ? left.bc < right.bc : left.a < right.a;
        });
    }
}

void Lattice::run_forward() {
    std::vector<double> highest;  // of each b
    for (Arc& arc : arcs_) {
        const size_t widths = arc.widths;
        arc.forward.assign(arc.bigram.begin(), arc.bigram.end());
        if (!before(arc).empty()) {
            highest.assign(arc.heights, -kInfinity);
            for (const int j : before(arc)) {
                const double* row = arcs_[j].forward.data();
                for (int a = 0; a < arcs_[j].heights; ++a, row += arc.heights) {
                    for (int b = 0; b < arc.heights; ++b) highest[b] = std::max(highest[b], row[b]);
                }
            }
            for (int b = 0; b < arc.heights; ++b) {
                double* scores = arc.forward.data() + b * widths;
                for (size_t c = 0; c < widths; ++c) scores[c] += highest[b];
            }
            for (const Trigram& each : arc.trigrams) {
                const int b = each.bc / arc.widths;
                const State ab = of_row(static_cast<int>(&arc - arcs_.data()), each.a, b);
                const double up_to = arcs_[ab.arc].forward[static_cast<size_t>(ab.b) * arc.heights + b];
                double& score = arc.forward[each.bc];
                score = std::max(score, up_to + each.boost + arc.bigram[each.bc]);
            }
        }
        for (size_t bc = 0; bc < arc.pairs(); ++bc) arc.forward[bc] += arc.backoff[bc];
    }
}

void Lattice::run_backward() {
    for (Arc& arc : arcs_) arc.backward.assign(arc.pairs(), arc.end == finish_ ? 0.0 : -kInfinity);
    std::vector<double> onwards, highest;
    for (size_t i = arcs_.size(); i-- > 0;) {
        const Arc& arc = arcs_[i];
        if (before(arc).empty()) continue;
        onwards.resize(arc.pairs());
        highest.assign(arc.heights, -kInfinity);
        for (int b = 0; b < arc.heights; ++b) {
            for (size_t bc = static_cast<size_t>(b) * arc.widths; bc < static_cast<size_t>(b + 1) * arc.widths; ++bc) {
                onwards[bc] = static_cast<double>(arc.bigram[bc] + arc.backoff[bc]) + arc.backward[bc];
                highest[b] = std::max(highest[b], onwards[bc]);
            }
        }
        for (const int j : before(arc)) {
            double* row = arcs_[j].backward.data();
            for (int a = 0; a < arcs_[j].heights; ++a, row += arc.heights) {
                for (int b = 0; b < arc.heights; ++b) row[b] = std::max(row[b], highest[b]);
            }
        }
        for (const Trigram& each : arc.trigrams) {
            const int b = each.bc / arc.widths;
            const State ab = of_row(static_cast<int>(i), each.a, b);
            double& score = arcs_[ab.arc].backward[static_cast<size_t>(ab.b) * arc.heights + b];
            score = std::max(score, onwards[each.bc] + each.boost);
        }
    }
}

State Lattice::of_row(int arc, int row, int b) const {
    const std::vector<int>& arcs = before(arcs_[arc]);
    size_t n = arcs.size() - 1;
    while (arcs_[arcs[n]].row > row) --n;
    return {arcs[n], row - arcs_[arcs[n]].row, b};
}

}  // namespace ngram
