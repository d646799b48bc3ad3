// One label sequence by itself: its exact CTC log probability and its best alignment, over the 2 U + 1 states of its
// units and blanks (Graves et al., 2006).
#pragma once

#include <cstdint>
#include <vector>

#include "posteriors.hpp"

namespace ctc {

struct Token {
    int32_t start, end;  // frames start <= t < end of the best alignment
    double confidence;   // the largest probability of the token in these frames
};

class LabelScorer {
   public:
    LabelScorer(const Posteriors& posteriors, int blank) : posteriors_(posteriors), blank_(blank) {}

    // Log probability of a label sequence, summed over its alignments. Those that are far below the best at some frame
    // are left out, unless that loses what it has at least: about `expected`.
    double score(const std::vector<int32_t>& ids, double expected);

    // Times and confidences, of the label sequence that was scored last.
    std::vector<Token> tokens();

   private:
    void forward(double margin);
    void emit(int frame, int first, int n, double* out) const;
    void best_path(std::vector<Token>& tokens) const;

    double forward_at(int frame, int state) const;

    const Posteriors& posteriors_;
    const int blank_;
    std::vector<int32_t> ids_;
    double score_ = 0.0;

    std::vector<double> skip_;  // 0 where a state can be reached from the last but one, else the log of 0

    // Of each frame t the states low[t] <= s < high[t] are kept, from offset[t] of the tables.
    std::vector<int32_t> low_, high_;
    std::vector<size_t> offset_;
    std::vector<double> alpha_, emission_;
    std::vector<double> scratch_;
};

}  // namespace ctc
