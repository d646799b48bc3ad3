// Language models and hotwords, as ctc_decode/automaton.py describes them; the arrays belong to Python.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace ctc {

constexpr float kRounding = 1e-4f;  // a bound must not be lower than a sum that is rounded otherwise

struct Automaton {
    const int64_t* begin;
    const int32_t* unit;
    const int32_t* target;
    const float* weight;
    const int32_t* fallback;
    const float* fallback_weight;
    const float* final;
    int32_t states;
    double otherwise;
    int32_t start;
    double scale;             // what all its weights are multiplied by
    std::vector<float> max_gain;  // that any unit adds in a state, scaled
    std::vector<int32_t> dense_target;  // of state 0, whose arcs are looked for most, by unit; -1 without an arc
    std::vector<double> dense_weight;

    // Prepares what is derived from the arrays, whose units are all below V.
    void index(int units) {
        dense_target.assign(units, -1);
        dense_weight.assign(units, otherwise);
        for (int64_t a = begin[0]; a < begin[1]; ++a) {
            dense_target[unit[a]] = target[a];
            dense_weight[unit[a]] = weight[a];
        }
        const float sign = scale < 0 ? -1.0f : 1.0f;  // the largest once it is scaled
        max_gain.resize(states);
        std::vector<char> known(states, 0);
        std::vector<int32_t> path;
        for (int32_t s = 0; s < states; ++s) {
            for (int32_t at = s; !known[at]; at = fallback[at]) {
                path.push_back(at);
                known[at] = 1;
                if (at == 0) break;
            }
            for (; !path.empty(); path.pop_back()) {  // a fallback before the states that lead to it
                const int32_t at = path.back();
                float& gain = max_gain[at];
                gain = at ? sign * fallback_weight[at] + max_gain[fallback[at]] : sign * static_cast<float>(otherwise);
                for (int64_t a = begin[at]; a < begin[at + 1]; ++a) gain = std::max(gain, sign * weight[a]);
            }
        }
        for (float& bound : max_gain) bound = bound * static_cast<float>(std::fabs(scale)) + kRounding;
    }

    // Reads a unit, moves `state` on and returns what that adds, not scaled.
    double step(int32_t& state, int32_t read) const {
        double total = 0.0;
        while (state != 0) {
            const int32_t* last = unit + begin[state + 1];
            const int32_t* found = std::lower_bound(unit + begin[state], last, read);
            if (found != last && *found == read) {
                state = target[found - unit];
                return total + weight[found - unit];
            }
            total += fallback_weight[state];
            state = fallback[state];
        }
        state = std::max(dense_target[read], 0);
        return total + dense_weight[read];
    }

    // Adds to `scores` what each of n units adds in a state, scaled. rank: of each of these units its place among
    // them, else -1. Arcs that are few are gone through, others searched.
    void add_gains(int32_t state, const int32_t* units, const int32_t* rank, int n, double* scores,
                   std::vector<double>& gains) const {
        gains.resize(n);
        double fall = 0.0;
        int depth = 0;
        for (int32_t s = state; s != 0; s = fallback[s], ++depth) fall += fallback_weight[s];
        for (int r = 0; r < n; ++r) gains[r] = fall + dense_weight[units[r]];
        for (; depth > 0; --depth) {  // from the shortest history to the longest, which decides
            int32_t s = state;
            fall = 0.0;
            for (int level = 1; level < depth; ++level, s = fallback[s]) fall += fallback_weight[s];
            const int32_t* first = unit + begin[s];
            const int32_t* last = unit + begin[s + 1];
            const float* weights = weight + begin[s];
            if (last - first <= 8 * n) {
                for (const int32_t* arc = first; arc != last; ++arc) {
                    const int32_t r = rank[*arc];
                    if (r >= 0 && r < n) gains[r] = fall + weights[arc - first];
                }
            } else {
                for (int r = 0; r < n; ++r) {
                    const int32_t* arc = std::lower_bound(first, last, units[r]);
                    if (arc != last && *arc == units[r]) gains[r] = fall + weights[arc - first];
                }
            }
        }
        for (int r = 0; r < n; ++r) scores[r] += scale * gains[r];
    }
};

}  // namespace ctc
