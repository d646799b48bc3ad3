#include "search.hpp"

#include <algorithm>
#include <functional>

namespace ctc {
void Search::Beam::resize(int width) {
    for (auto* array : {&node, &unit, &parent}) array->resize(width);
    for (auto* array : {&blank, &unblank, &total, &external}) array->resize(width);
}

void Search::Beam::put(int slot, int32_t node_, int32_t unit_, int32_t parent_, double blank_, double unblank_,
                       double total_, double external_) {
    node[slot] = node_;
    unit[slot] = unit_;
    parent[slot] = parent_;
    blank[slot] = blank_;
    unblank[slot] = unblank_;
    total[slot] = total_;
    external[slot] = external_;
}

// Better ones first; equal ones in the order in which numpy_search.py has them.
bool Search::Entry::operator<(const Entry& other) const {
    if (score != other.score) return score > other.score;
    if ((rank < 0) != (other.rank < 0)) return rank < 0;
    return slot != other.slot ? slot < other.slot : rank < other.rank;
}

Search::Search(const Settings& settings)
    : settings_(settings),
      width_(settings.beam_width),
      automata_(static_cast<int>(settings.automata.size())),
      nodes_(automata_) {
    for (auto* array : {&inflow_, &max_gain_, &stay_blank_, &stay_unblank_, &stay_total_}) array->resize(width_);
    for (auto* array : {&first_child_, &next_child_}) array->resize(width_);
    for (auto* beam : {&beam_, &next_}) beam->resize(width_);
    rank_.assign(settings.units, -1);
    with_unit_.assign(settings.units, -1);
    best_groups_.resize(kLanes);
    pool_.reserve(3 * static_cast<size_t>(width_) + 64 + static_cast<size_t>(settings.top_k));

    const int32_t root = nodes_.add(-1, settings.blank, 0.0);
    for (int a = 0; a < automata_; ++a) nodes_.states(root)[a] = settings.automata[a].start;
    nodes_[root].slot = 0;
    nodes_[root].references = 1;
    beam_.put(0, root, settings.blank, -1, 0.0, kLogZero, 0.0, 0.0);
    beam_.size = 1;
}

bool Search::push(const float* row) {
    summarize(row, settings_.units, summary_);
    if (!is_distribution(summary_)) return false;
    if (beam_.size == width_) merge_equivalent();
    stay(row);
    double bound = kLogZero;
    for (int i = 0; i < beam_.size; ++i) pool_[i].score = stay_total_[i] + beam_.external[i];
    if (beam_.size == width_) {
        bound = pool_[0].score;
        for (int i = 1; i < beam_.size; ++i) bound = std::min(bound, pool_[i].score);
    }
    double best = kLogZero;  // before what a unit makes of it
    for (int i = 0; i < beam_.size; ++i) {
        max_gain_[i] = max_gain(beam_.node[i]);
        best = std::max(best, beam_.total[i] + beam_.external[i] + max_gain_[i]);
    }
    choose_units(row, bound - best - settings_.length_bonus);
    if (!emissions_.empty()) extend(bound);
    select();
    ++frame_;
    return true;
}

// What each prefix of the beam has after this frame without growing: it waits in a blank, repeats its last unit, or
// is reached from its parent, where that is in the beam too.
void Search::stay(const float* row) {
    const int n = beam_.size;
    pool_.resize(n);
    std::fill_n(first_child_.begin(), n, -1);
    for (int i = 0; i < n; ++i) {
        pool_[i].slot = i;
        pool_[i].rank = -1;
        const int32_t parent = beam_.parent[i];
        const int32_t j = parent < 0 ? -1 : nodes_[parent].slot;
        inflow_[i] = kLogZero;
        if (j >= 0) {
            inflow_[i] = beam_.unit[j] == beam_.unit[i] ? beam_.blank[j] : beam_.total[j];
            next_child_[i] = first_child_[j];
            first_child_[j] = i;
        }
    }
    log_add(beam_.unblank.data(), inflow_.data(), stay_unblank_.data(), n);
    const double blank = row[settings_.blank];
    for (int i = 0; i < n; ++i) {
        stay_unblank_[i] += row[beam_.unit[i]];
        stay_blank_[i] = beam_.total[i] + blank;
    }
    log_add(stay_blank_.data(), stay_unblank_.data(), stay_total_.data(), n);
}

// The top_k units of the frame among those above `bound`, best first. Groups of units whose best is not among the
// best of top_k groups cannot have any.
void Search::choose_units(const float* row, double bound) {
    emissions_.clear();
    const int blank = settings_.blank, lane = blank % kLanes;
    float* groups = summary_.group_best;
    groups[lane] = -std::numeric_limits<float>::infinity();
    for (int v = lane; v < settings_.units; v += kLanes) {
        if (v != blank) groups[lane] = std::max(groups[lane], row[v]);
    }
    int above = 0;
    for (int j = 0; j < kLanes; ++j) above += groups[j] >= bound;
    if (above == 0) return;
    const size_t k = static_cast<size_t>(settings_.top_k);
    float min_log_prob = std::max(static_cast<float>(bound), std::numeric_limits<float>::lowest());
    if (above > settings_.top_k) {
        std::copy_n(groups, kLanes, best_groups_.begin());
        const auto last = best_groups_.begin() + (k - 1);
        std::nth_element(best_groups_.begin(), last, best_groups_.end(), std::greater<float>());
        min_log_prob = std::max(min_log_prob, *last);
    }
    for (int j = 0; j < kLanes; ++j) {
        if (groups[j] < min_log_prob) continue;
        for (int v = j; v < settings_.units; v += kLanes) {
            if (row[v] >= min_log_prob && v != blank) emissions_.push_back({row[v], v});
        }
    }
    const auto better = [](const Emission& a, const Emission& b) {
        return a.log_prob > b.log_prob || (a.log_prob == b.log_prob && a.unit < b.unit);
    };
    if (emissions_.size() > k) {
        std::nth_element(emissions_.begin(), emissions_.begin() + k, emissions_.end(), better);
        emissions_.resize(k);
    }
    std::sort(emissions_.begin(), emissions_.end(), better);
}

// Adds to the pool the extensions that can still enter the beam. Without automata an extension by the r-th unit of
// the i-th prefix has (i + 1) r others above it, so few units are looked at for all but the best prefixes; one unit a
// prefix may be lower, its last, which needs a blank before it.
void Search::extend(double bound) {
    const int n = beam_.size, count = static_cast<int>(emissions_.size());
    scores_.resize(count);
    chosen_.resize(count);
    for (int r = 0; r < count; ++r) {
        chosen_[r] = emissions_[r].unit;
        rank_[chosen_[r]] = r;
    }
    const size_t full = 2 * static_cast<size_t>(width_) + 64;
    for (int slot = 0; slot < n; ++slot) {
        const double base = beam_.total[slot] + beam_.external[slot] + settings_.length_bonus;
        const double min_log_prob = bound - base - max_gain_[slot];
        const int limit = automata_ ? count : std::min(count, width_ / (slot + 1) + 2);
        int taken = 0;
        for (; taken < limit && emissions_[taken].log_prob >= min_log_prob; ++taken) {
            scores_[taken] = base + emissions_[taken].log_prob;
        }
        if (taken == 0) continue;
        patch(slot, taken);
        for (int a = 0; a < automata_; ++a) {
            settings_.automata[a].add_gains(nodes_.states(beam_.node[slot])[a], chosen_.data(), rank_.data(), taken,
                                            scores_.data(), gains_);
        }
        for (int r = 0; r < taken; ++r) {
            if (scores_[r] >= bound && scores_[r] != kLogZero) pool_.push_back({scores_[r], slot, r});
        }
        if (pool_.size() >= full) {
            std::nth_element(pool_.begin(), pool_.begin() + (width_ - 1), pool_.end());
            bound = std::max(bound, pool_[width_ - 1].score);
            pool_.resize(width_);
        }
    }
    for (const int32_t unit : chosen_) rank_[unit] = -1;
}

// Of the first extensions of a prefix: those in the beam already are not built, and its last unit needs a blank.
void Search::patch(int slot, int taken) {
    const int last = rank_[beam_.unit[slot]];
    if (last >= 0 && last < taken) scores_[last] += beam_.blank[slot] - beam_.total[slot];
    for (int c = first_child_[slot]; c >= 0; c = next_child_[c]) {
        const int r = rank_[beam_.unit[c]];
        if (r >= 0 && r < taken) scores_[r] = kLogZero;
    }
}

// The best of the pool become the beam.
void Search::select() {
    if (pool_.size() > static_cast<size_t>(width_)) {
        std::nth_element(pool_.begin(), pool_.begin() + (width_ - 1), pool_.end());
        pool_.resize(width_);
    }
    std::sort(pool_.begin(), pool_.end());
    next_.size = 0;
    for (int i = 0; i < beam_.size; ++i) nodes_[beam_.node[i]].slot = -1;
    for (const Entry& entry : pool_) {
        if (entry.score == kLogZero) continue;
        const int from = entry.slot, to = next_.size++;
        const int32_t node = beam_.node[from];
        if (entry.rank < 0) {
            next_.put(to, node, beam_.unit[from], beam_.parent[from], stay_blank_[from], stay_unblank_[from],
                      stay_total_[from], beam_.external[from]);
            nodes_[node].slot = to;
            ++nodes_[node].references;
            continue;
        }
        const Emission& emission = emissions_[entry.rank];
        const int32_t grown = child(node, emission.unit);
        const double base = emission.unit == beam_.unit[from] ? beam_.blank[from] : beam_.total[from];
        const double total = base + emission.log_prob;
        next_.put(to, grown, emission.unit, node, kLogZero, total, total, nodes_[grown].external);
        nodes_[grown].slot = to;
        ++nodes_[grown].references;
    }
    for (int i = 0; i < beam_.size; ++i) nodes_.release(beam_.node[i]);
    std::swap(beam_, next_);
}

double Search::gain(int32_t node, int32_t unit, int32_t* states) const {
    double total = 0.0;
    for (int a = 0; a < automata_; ++a) {
        const Automaton& automaton = settings_.automata[a];
        states[a] = nodes_.states(node)[a];
        total += automaton.scale * automaton.step(states[a], unit);
    }
    return total;
}

// The node of a prefix and one more unit: the one there is, as a descendant may still be in the beam, or a new one.
int32_t Search::child(int32_t parent, int32_t unit) {
    const int32_t known = nodes_.find(parent, unit);
    if (known >= 0) return known;
    int32_t states[kMaxAutomata];
    const double external = nodes_[parent].external + settings_.length_bonus + gain(parent, unit, states);
    const int32_t node = nodes_.add(parent, unit, external);
    nodes_[node].born = frame_;
    std::copy_n(states, automata_, nodes_.states(node));
    return node;
}

// No unit adds more than this to a prefix, without the length bonus.
double Search::max_gain(int32_t node) const {
    double total = 0.0;
    for (int a = 0; a < automata_; ++a) total += settings_.automata[a].max_gain[nodes_.states(node)[a]];
    return total;
}

}  // namespace ctc
