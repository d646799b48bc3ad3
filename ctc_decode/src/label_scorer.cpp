#include "label_scorer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ctc {
namespace {

constexpr double kLogZero = -std::numeric_limits<double>::infinity();
constexpr int kPad = 2;            // states without probability on either side of those that are kept
constexpr int kExtraStates = 4;          // states beyond those near the best are kept too: they may count later
constexpr double kPruningMargin = 40.0;   // natural log: states this far below a frame's best are left out
constexpr double kMaxLoss = 1.0;          // a score so far below what the search found has lost something

double add(double a, double b) {
    const double high = std::max(a, b);
    return high == kLogZero ? kLogZero : high + std::log1p(std::exp(std::min(a, b) - high));
}

}  // namespace

double LabelScorer::score(const std::vector<int32_t>& ids, double expected) {
    if (ids == ids_ && !offset_.empty()) return score_;
    ids_ = ids;
    skip_.assign(2 * ids.size() + 3, kLogZero);
    for (size_t u = 1; u < ids.size(); ++u) {
        if (ids[u] != ids[u - 1]) skip_[2 * u + 1] = 0.0;
    }
    forward(kPruningMargin);
    if (!(score_ > expected - kMaxLoss)) forward(std::numeric_limits<double>::infinity());
    return score_;
}

void LabelScorer::forward(double margin) {
    const int T = posteriors_.frames, S = static_cast<int>(skip_.size()) - 2;
    for (auto* array : {&low_, &high_}) array->assign(T, 0);
    offset_.assign(T, 0);
    alpha_.clear();
    emission_.clear();
    score_ = T == 0 && S == 1 ? 0.0 : kLogZero;
    int low = 0, high = kExtraStates;
    size_t before = 0;
    for (int t = 0; t < T; ++t) {
        // Lower states can no longer come to the end.
        const int first = std::max(low, S - 2 - 2 * (T - 1 - t) - kExtraStates);
        const int n = std::min(high + 2, S) - first;
        if (n <= 0) return;
        const size_t at = alpha_.size() + kPad;
        alpha_.resize(at + n + kPad, kLogZero);
        emission_.resize(at + n + kPad);
        double* alpha = alpha_.data() + at;
        double* emission = emission_.data() + at;
        emit(t, first, n, emission);
        if (t == 0) {
            for (int i = 0; i < n; ++i) alpha[i] = first + i < 2 ? 0.0 : kLogZero;
        } else {
            const double* from = alpha_.data() + before + (first - low);
            scratch_.resize(n);
            for (int i = 0; i < n; ++i) scratch_[i] = from[i - 2] + skip_[first + i];
            log_add(from, from - 1, alpha, n);
            log_add(alpha, scratch_.data(), alpha, n);
        }
        double best = kLogZero;
        for (int i = 0; i < n; ++i) {
            alpha[i] += emission[i];
            best = std::max(best, alpha[i]);
        }
        if (best == kLogZero) return;
        int begin = 0, end = n;
        while (!(alpha[begin] >= best - margin)) ++begin;
        while (!(alpha[end - 1] >= best - margin)) --end;
        end = std::min(end + kExtraStates, n);
        std::fill(alpha - kPad, alpha + begin, kLogZero);
        std::fill(alpha + end, alpha + n + kPad, kLogZero);
        low_[t] = low = first + begin;
        high_[t] = high = first + end;
        offset_[t] = before = at + begin;
    }
    if (T > 0) score_ = add(forward_at(T - 1, S - 1), forward_at(T - 1, S - 2));
}

// Log probabilities of the units of some states at a frame.
void LabelScorer::emit(int frame, int first, int n, double* out) const {
    const double blank = posteriors_.at(frame, blank_);
    for (int i = 0; i < n; ++i) {
        const int s = first + i;
        out[i] = s % 2 ? posteriors_.at(frame, ids_[s / 2]) : blank;
    }
}

double LabelScorer::forward_at(int frame, int state) const {
    if (state < low_[frame] || state >= high_[frame]) return kLogZero;
    return alpha_[offset_[frame] + state - low_[frame]];
}

std::vector<Token> LabelScorer::tokens() {
    std::vector<Token> tokens(ids_.size());
    if (tokens.empty()) return tokens;
    best_path(tokens);
    for (size_t u = 0; u < tokens.size(); ++u) {
        Token& token = tokens[u];
        double best = kLogZero;
        for (int t = token.start; t < token.end; ++t) best = std::max(best, posteriors_.at(t, ids_[u]));
        token.confidence = std::min(std::exp(best), 1.0);
    }
    return tokens;
}

// Viterbi over the states that forward() kept.
void LabelScorer::best_path(std::vector<Token>& tokens) const {
    const int T = posteriors_.frames, S = 2 * static_cast<int>(ids_.size()) + 1;
    std::vector<uint8_t> back(alpha_.size(), 0);
    std::vector<double> before, now;
    for (int t = 0; t < T; ++t) {
        const int n = high_[t] - low_[t];
        now.assign(n, kLogZero);
        for (int i = 0; i < n; ++i) {
            const int s = low_[t] + i;
            if (t == 0) {
                if (s < 2) now[i] = 0.0;
            } else {
                const int steps = skip_[s] == 0.0 ? 2 : 1;
                for (int step = 0; step <= steps; ++step) {
                    const int from = s - step;
                    if (from < low_[t - 1] || from >= high_[t - 1]) continue;
                    if (before[from - low_[t - 1]] > now[i]) {
                        now[i] = before[from - low_[t - 1]];
                        back[offset_[t] + i] = static_cast<uint8_t>(step);
                    }
                }
            }
            now[i] += emission_[offset_[t] + i];
        }
        std::swap(before, now);
    }
    const auto last = [&](int s) {
        return s < low_[T - 1] || s >= high_[T - 1] ? kLogZero : before[s - low_[T - 1]];
    };
    int s = last(S - 1) > last(S - 2) ? S - 1 : S - 2;
    for (Token& token : tokens) token.end = 0;
    for (int t = T - 1; t >= 0; --t) {
        if (s % 2) {
            Token& token = tokens[s / 2];
            token.start = t;
            token.end = std::max(token.end, t + 1);
        }
        if (t > 0) s -= back[offset_[t] + s - low_[t]];
    }
}

}  // namespace ctc
