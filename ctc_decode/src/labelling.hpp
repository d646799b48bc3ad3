// What one labelling is worth by itself: its exact CTC log probability, its best alignment and how sure each of its
// tokens is. Forward and backward over the 2 U + 1 states of its units and blanks (Graves et al., 2006).
#pragma once

#include <cstdint>
#include <vector>

#include "posteriors.hpp"

namespace ctc {

struct Token {
    int32_t start, end;  // frames start <= t < end of the best alignment
    double confidence;
};

class Examiner {
   public:
    Examiner(const Posteriors& posteriors, int blank) : posteriors_(posteriors), blank_(blank) {}

    // Log probability of a labelling, summed over its alignments. Those that are far below the best at some frame are
    // left out, unless that loses what it has at least: about `expected`.
    double score(const std::vector<int32_t>& ids, double expected);

    // Times and confidences, of the labelling that was scored last.
    std::vector<Token> tokens();

   private:
    void forward(double margin);
    void emit(int frame, int first, int n, double* out) const;
    void backward();
    void best_path(std::vector<Token>& tokens) const;
    double confidence(int token, const Token& span);
    void find_rivals();

    double forward_at(int frame, int state) const { return value(alpha_, frame, state); }
    double backward_at(int frame, int state) const { return value(beta_, frame, state); }
    double value(const std::vector<double>& table, int frame, int state) const;
    double before_blank(int frame, int token) const;
    double before_token(int frame, int token) const;
    double after_blank(int frame, int token) const;
    double after_token(int frame, int token) const;

    const Posteriors& posteriors_;
    const int blank_;
    std::vector<int32_t> ids_;
    double score_ = 0.0;

    std::vector<double> skip_;  // 0 where a state can be reached from the last but one, else the log of 0

    // Of each frame t the states low[t] <= s < high[t] are kept, from offset[t] of the tables.
    std::vector<int32_t> low_, high_;
    std::vector<size_t> offset_;
    std::vector<double> alpha_, beta_, emission_;
    std::vector<double> scratch_;

    // Units of five percent and more, of all frames; frame t has those from rival_begin[t] on.
    struct Rival {
        int32_t unit;
        double probability;
    };
    std::vector<Rival> rivals_;
    std::vector<size_t> rival_begin_;
    // By unit: the mass of alignments that are in it, and when that was so.
    struct Held {
        double mass;
        int64_t clock;
    };
    std::vector<Held> held_;
    int64_t clock_ = 0;  // goes on by 1 from frame to frame of a token, and further from token to token
};

}  // namespace ctc
