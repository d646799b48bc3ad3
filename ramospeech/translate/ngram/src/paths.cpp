// What is read off a lattice: its best paths, the sum over all of them, and the changes of the best one.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <queue>
#include <tuple>

#include "lattice.hpp"

namespace ngram {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The numbers of the `count` largest values, largest first.
std::vector<int> largest(const std::vector<double>& values, size_t count) {
    if (count == 1) return {static_cast<int>(std::max_element(values.begin(), values.end()) - values.begin())};
    std::vector<int> order(values.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return values[a] > values[b]; });
    order.resize(std::min(count, order.size()));
    return order;
}

}  // namespace

void Lattice::arriving(int arc, int b, int c, std::vector<double>& scores, std::vector<double>& boost) const {
    const Arc& here = arcs_[arc];
    scores.clear();
    for (const int j : before(here)) {
        const std::vector<double>& forward = arcs_[j].forward;
        for (size_t ab = b; ab < forward.size(); ab += here.heights) scores.push_back(forward[ab]);
    }
    boost.assign(scores.size(), 0.0);
    const int bc = b * here.widths + c;
    const auto [first, last] = here.explicit_of(bc, bc + 1);
    for (const Trigram* each = first; each != last; ++each) boost[each->a] = each->boost;
}

State Lattice::previous(const State& state) const {
    static thread_local std::vector<double> scores, boost;
    arriving(state.arc, state.b, state.c, scores, boost);
    for (size_t row = 0; row < scores.size(); ++row) scores[row] += boost[row];
    const auto best = std::max_element(scores.begin(), scores.end());
    return of_row(state.arc, static_cast<int>(best - scores.begin()), state.b);
}

State Lattice::next(const State& state) const {
    static thread_local std::vector<double> onwards;
    const int row = arcs_[state.arc].row + state.b;
    double best = -kInfinity;
    State found = state;
    for (const int j : out_of_[arcs_[state.arc].end]) {
        const Arc& arc = arcs_[j];
        const size_t low = static_cast<size_t>(state.c) * arc.widths;
        onwards.resize(arc.widths);
        for (int c = 0; c < arc.widths; ++c) {
            onwards[c] = static_cast<double>(arc.bigram[low + c] + arc.backoff[low + c]) + arc.backward[low + c];
        }
        const auto [first, last] = arc.explicit_of(static_cast<int>(low), static_cast<int>(low) + arc.widths);
        for (const Trigram* each = first; each != last; ++each) {
            if (each->a == row) onwards[each->bc - low] += each->boost;
        }
        const auto highest = std::max_element(onwards.begin(), onwards.end());
        if (*highest > best) {
            best = *highest;
            found = {j, state.c, static_cast<int>(highest - onwards.begin())};
        }
    }
    return found;
}

bool Lattice::on_best(const State& state) const {
    const auto after = [](const State& each, int arc) { return each.arc < arc; };
    const auto found = std::lower_bound(best_.begin(), best_.end(), state.arc, after);
    return found != best_.end() && *found == state;
}

std::vector<Node> Lattice::nodes(const std::vector<State>& chain) const {
    std::vector<Node> result;
    for (const State& state : chain) {
        if (!finishes(state)) result.emplace_back(arcs_[state.arc].end - 1, state.c);
    }
    return result;
}

std::vector<Path> Lattice::best_paths(size_t nbest) const {
    struct Behind {
        int position, node, next;
    };
    struct Item {
        double score;
        size_t age;
        State state;
        double behind;
        int suffix;
        bool operator<(const Item& other) const {
            return score != other.score ? score < other.score : age > other.age;
        }
    };
    std::vector<Behind> suffixes;
    std::priority_queue<Item> heap;
    size_t age = 0;
    for (const int i : into_[finish_]) {
        for (const int b : largest(arcs_[i].forward, nbest)) heap.push({arcs_[i].forward[b], age++, {i, b, 0}, 0.0, -1});
    }
    std::vector<Path> paths;
    std::vector<double> scores, boost, sums;
    while (!heap.empty() && paths.size() < nbest) {
        const Item item = heap.top();
        heap.pop();
        if (item.score == -kInfinity) break;  // an incomplete phrase
        const State& state = item.state;
        const Arc& arc = arcs_[state.arc];
        suffixes.push_back({arc.end, state.c, item.suffix});
        const int suffix = static_cast<int>(suffixes.size()) - 1;
        if (begins(state)) {
            Path path{item.score, std::vector<std::optional<int>>(finish_ - 1)};
            for (int at = suffix; at >= 0; at = suffixes[at].next) {
                if (suffixes[at].position < finish_) path.second[suffixes[at].position - 1] = suffixes[at].node;
            }
            paths.push_back(std::move(path));
            continue;
        }
        arriving(state.arc, state.b, state.c, scores, boost);
        const size_t bc = static_cast<size_t>(state.b) * arc.widths + state.c;
        const double behind = item.behind + static_cast<double>(arc.bigram[bc] + arc.backoff[bc]);
        sums.resize(scores.size());
        for (size_t row = 0; row < scores.size(); ++row) sums[row] = scores[row] + boost[row];
        for (const int row : largest(sums, nbest)) {
            const double rest = behind + boost[row];
            heap.push({scores[row] + rest, age++, of_row(state.arc, row, state.b), rest, suffix});
        }
    }
    return paths;
}

double Lattice::log_total() const {
    std::vector<std::vector<double>> sums(arcs_.size());
    std::vector<double> into;
    for (size_t i = 0; i < arcs_.size(); ++i) {
        const Arc& arc = arcs_[i];
        sums[i].assign(arc.bigram.begin(), arc.bigram.end());
        if (!before(arc).empty()) {
            double top = -kInfinity;
            for (const int j : before(arc)) top = std::max(top, *std::max_element(sums[j].begin(), sums[j].end()));
            std::vector<double> mass(arc.heights, 0.0);
            for (const int j : before(arc)) {
                for (size_t ab = 0; ab < sums[j].size(); ++ab) mass[ab % arc.heights] += std::exp(sums[j][ab] - top);
            }
            into.resize(arc.pairs());
            for (size_t bc = 0; bc < into.size(); ++bc) into[bc] = mass[bc / arc.widths];
            for (const Trigram& each : arc.trigrams) {
                const int b = each.bc / arc.widths;
                const State ab = of_row(static_cast<int>(i), each.a, b);
                const double up_to = sums[ab.arc][static_cast<size_t>(ab.b) * arc.heights + b];
                into[each.bc] += std::exp(up_to - top) * std::expm1(static_cast<double>(each.boost));
            }
            for (size_t bc = 0; bc < into.size(); ++bc) sums[i][bc] += std::log(into[bc]) + top;
        }
        for (size_t bc = 0; bc < arc.pairs(); ++bc) sums[i][bc] += arc.backoff[bc];
    }
    double top = -kInfinity, total = 0.0;
    for (const int i : into_[finish_]) top = std::max(top, *std::max_element(sums[i].begin(), sums[i].end()));
    for (const int i : into_[finish_]) {
        for (const double sum : sums[i]) total += std::exp(sum - top);
    }
    return top + std::log(total);
}

std::vector<Change> Lattice::changes(double max_loss, size_t positions, size_t limit) {
    run_backward();
    std::vector<std::tuple<double, int, int>> found;  // loss, arc, pair
    std::vector<size_t> offsets{0};
    for (size_t i = 0; i < arcs_.size(); ++i) {
        const Arc& arc = arcs_[i];
        for (size_t bc = 0; bc < arc.pairs(); ++bc) {
            const double loss = score_ - (arc.forward[bc] + arc.backward[bc]);
            if (loss < max_loss) found.emplace_back(loss, static_cast<int>(i), static_cast<int>(bc));
        }
        offsets.push_back(offsets.back() + arc.pairs());
    }
    std::sort(found.begin(), found.end());
    std::vector<bool> passed(offsets.back());
    const auto pair_of = [&](const State& state) {
        return offsets[state.arc] + static_cast<size_t>(state.b) * arcs_[state.arc].widths + state.c;
    };
    std::vector<Change> changes;
    for (const auto& [loss, i, bc] : found) {
        if (changes.size() == limit) break;
        const State state{i, bc / arcs_[i].widths, bc % arcs_[i].widths};
        if (on_best(state) || passed[pair_of(state)]) continue;  // the path through it is that through a state before
        std::vector<State> chain{state};
        while (!on_best(chain.back()) && !begins(chain.back()) && chain.size() <= positions) {
            chain.push_back(previous(chain.back()));
        }
        std::reverse(chain.begin(), chain.end());
        while (!on_best(chain.back()) && !finishes(chain.back()) && chain.size() <= positions) {
            chain.push_back(next(chain.back()));
        }
        for (const State& each : chain) passed[pair_of(each)] = true;
        const State &first = chain.front(), &last = chain.back();
        if ((!on_best(first) && !begins(first)) || (!on_best(last) && !finishes(last))) continue;  // too long
        const int start = on_best(first) ? arcs_[first.arc].end - 1 : -1;
        changes.push_back({start, arcs_[last.arc].end - 1, loss, nodes(chain)});
    }
    return changes;
}

}  // namespace ngram
