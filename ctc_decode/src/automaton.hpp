// Language models and hotwords, as ctc_decode/automaton.py describes them; the arrays belong to Python.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace ctc {

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
    double scale;     // what all its weights are multiplied by
    double max_gain;  // no unit adds more than this in any state, scaled
    std::vector<int32_t> dense_target;  // of state 0, whose arcs are looked for most, by unit; -1 without an arc
    std::vector<double> dense_weight;

    // Prepares what is derived from the arrays.
    void index(int units) {
        dense_target.assign(units, -1);
        dense_weight.assign(units, otherwise);
        for (int64_t a = begin[0]; a < begin[1]; ++a) {
            if (unit[a] < units) {
                dense_target[unit[a]] = target[a];
                dense_weight[unit[a]] = weight[a];
            }
        }
        // The largest and smallest total of a way down from each state. A fallback's number may be above its state's.
        std::vector<double> best(states), worst(states);
        std::vector<char> known(states, 0);
        std::vector<int32_t> way;
        for (int32_t s = 0; s < states; ++s) {
            for (int32_t at = s; !known[at]; at = fallback[at]) {
                way.push_back(at);
                known[at] = 1;
                if (at == 0) break;
            }
            for (; !way.empty(); way.pop_back()) {
                const int32_t at = way.back();
                best[at] = worst[at] = at ? fallback_weight[at] : otherwise;
                if (at) {
                    best[at] += best[fallback[at]];
                    worst[at] += worst[fallback[at]];
                }
                for (int64_t a = begin[at]; a < begin[at + 1]; ++a) {
                    best[at] = std::max(best[at], static_cast<double>(weight[a]));
                    worst[at] = std::min(worst[at], static_cast<double>(weight[a]));
                }
            }
        }
        max_gain = scale >= 0 ? scale * *std::max_element(best.begin(), best.end())
                              : scale * *std::min_element(worst.begin(), worst.end());
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
};

}  // namespace ctc
