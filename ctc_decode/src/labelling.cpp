#include "labelling.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ctc {
namespace {

constexpr double kZero = -std::numeric_limits<double>::infinity();
constexpr int kPad = 2;            // states without probability on either side of those that are kept
constexpr int kReach = 4;          // states more to either side, for labellings that lack a token
constexpr double kMargin = 40.0;   // natural log: states this far below a frame's best are left out
constexpr double kDoubt = 1.0;     // a score so far below what the search found has lost something
constexpr double kFaint = 10.0;    // where a unit has less than exp(-10) of the labelling, a confidence ignores it
constexpr float kRival = -2.9957f;  // log of 5 %
constexpr int kMostRivals = 20;     // of a frame, which may sum to 1.01

double add(double a, double b) {
    const double high = std::max(a, b);
    return high == kZero ? kZero : high + std::log1p(std::exp(std::min(a, b) - high));
}

}  // namespace

double Examiner::score(const std::vector<int32_t>& ids, double expected) {
    if (ids == ids_ && !offset_.empty()) return score_;
    ids_ = ids;
    skip_.assign(2 * ids.size() + 3, kZero);
    for (size_t u = 1; u < ids.size(); ++u) {
        if (ids[u] != ids[u - 1]) skip_[2 * u + 1] = 0.0;
    }
    forward(kMargin);
    if (!(score_ > expected - kDoubt)) forward(std::numeric_limits<double>::infinity());
    return score_;
}

void Examiner::forward(double margin) {
    const int T = posteriors_.frames, S = static_cast<int>(skip_.size()) - 2;
    for (auto* array : {&low_, &high_}) array->assign(T, 0);
    offset_.assign(T, 0);
    alpha_.clear();
    emission_.clear();
    score_ = T == 0 && S == 1 ? 0.0 : kZero;
    int low = 0, high = kReach;
    size_t before = 0;
    for (int t = 0; t < T; ++t) {
        const int first = std::max(low, S - 2 - 2 * (T - 1 - t) - kReach);  // lower ones can no longer come to the end
        const int n = std::min(high + 2, S) - first;
        if (n <= 0) return;
        const size_t at = alpha_.size() + kPad;
        alpha_.resize(at + n + kPad, kZero);
        emission_.resize(at + n + kPad);
        double* alpha = alpha_.data() + at;
        double* emission = emission_.data() + at;
        emit(t, first, n, emission);
        if (t == 0) {
            for (int i = 0; i < n; ++i) alpha[i] = first + i < 2 ? 0.0 : kZero;
        } else {
            const double* from = alpha_.data() + before + (first - low);
            scratch_.resize(n);
            for (int i = 0; i < n; ++i) scratch_[i] = from[i - 2] + skip_[first + i];
            log_add(from, from - 1, alpha, n);
            log_add(alpha, scratch_.data(), alpha, n);
        }
        double best = kZero;
        for (int i = 0; i < n; ++i) {
            alpha[i] += emission[i];
            best = std::max(best, alpha[i]);
        }
        if (best == kZero) return;
        int begin = 0, end = n;
        while (!(alpha[begin] >= best - margin)) ++begin;
        while (!(alpha[end - 1] >= best - margin)) --end;
        end = std::min(end + kReach, n);
        std::fill(alpha - kPad, alpha + begin, kZero);
        std::fill(alpha + end, alpha + n + kPad, kZero);
        low_[t] = low = first + begin;
        high_[t] = high = first + end;
        offset_[t] = before = at + begin;
    }
    if (T > 0) score_ = add(forward_at(T - 1, S - 1), forward_at(T - 1, S - 2));
}

// Log probabilities of the units of some states at a frame.
void Examiner::emit(int frame, int first, int n, double* out) const {
    const double blank = posteriors_.at(frame, blank_);
    for (int i = 0; i < n; ++i) {
        const int s = first + i;
        out[i] = s % 2 ? posteriors_.at(frame, ids_[s / 2]) : blank;
    }
}

double Examiner::value(const std::vector<double>& table, int frame, int state) const {
    if (state < low_[frame] || state >= high_[frame]) return kZero;
    return table[offset_[frame] + state - low_[frame]];
}

// beta includes the emission of its own frame.
void Examiner::backward() {
    const int T = posteriors_.frames, S = static_cast<int>(skip_.size()) - 2;
    beta_.assign(alpha_.size(), kZero);
    for (int t = T - 1; t >= 0; --t) {
        const int low = low_[t], n = high_[t] - low;
        double* beta = beta_.data() + offset_[t];
        if (t == T - 1) {
            for (int i = 0; i < n; ++i) beta[i] = low + i >= S - 2 ? 0.0 : kZero;
        } else {
            // The states of this frame whose way on is kept, from i = begin: those below have none.
            const double* to = beta_.data() + offset_[t + 1] + (low - low_[t + 1]);
            const int begin = std::min(std::max(low_[t + 1] - 2 - low, 0), n);
            const int end = std::min(high_[t + 1] - low, n);
            const int count = std::max(end - begin, 0);
            scratch_.resize(count);
            for (int i = 0; i < count; ++i) scratch_[i] = to[begin + i + 2] + skip_[low + begin + i + 2];
            log_add(to + begin, to + begin + 1, beta + begin, count);
            log_add(beta + begin, scratch_.data(), beta + begin, count);
        }
        for (int i = 0; i < n; ++i) beta[i] += emission_[offset_[t] + i];
    }
}

std::vector<Token> Examiner::tokens() {
    std::vector<Token> tokens(ids_.size());
    if (tokens.empty()) return tokens;
    best_path(tokens);
    backward();
    if (rival_begin_.empty()) find_rivals();
    for (size_t u = 0; u < tokens.size(); ++u) tokens[u].confidence = confidence(static_cast<int>(u), tokens[u]);
    return tokens;
}

// Viterbi over the states that forward() kept.
void Examiner::best_path(std::vector<Token>& tokens) const {
    const int T = posteriors_.frames, S = 2 * static_cast<int>(ids_.size()) + 1;
    std::vector<uint8_t> back(alpha_.size(), 0);
    std::vector<double> before, now;
    for (int t = 0; t < T; ++t) {
        const int n = high_[t] - low_[t];
        now.assign(n, kZero);
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
        return s < low_[T - 1] || s >= high_[T - 1] ? kZero : before[s - low_[T - 1]];
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

// What comes before a unit that starts at `frame` in the place of a token: a blank (or nothing), or the token before.
double Examiner::before_blank(int frame, int token) const {
    if (frame == 0) return token == 0 ? 0.0 : kZero;
    return forward_at(frame - 1, 2 * token);
}

double Examiner::before_token(int frame, int token) const {
    return frame == 0 || token == 0 ? kZero : forward_at(frame - 1, 2 * token - 1);
}

// What comes after a unit whose last frame is `frame`: a blank (or nothing), or the next token.
double Examiner::after_blank(int frame, int token) const {
    const int U = static_cast<int>(ids_.size());
    if (frame + 1 == posteriors_.frames) return token + 1 == U ? 0.0 : kZero;
    return backward_at(frame + 1, 2 * token + 2);
}

double Examiner::after_token(int frame, int token) const {
    const int U = static_cast<int>(ids_.size());
    return frame + 1 == posteriors_.frames || token + 1 == U ? kZero : backward_at(frame + 1, 2 * token + 3);
}

void Examiner::find_rivals() {
    std::vector<float> buffer(posteriors_.units);
    int32_t found[kMostRivals];
    for (int t = 0; t < posteriors_.frames; ++t) {
        rival_begin_.push_back(rivals_.size());
        const float* row = posteriors_.row(t, buffer.data());
        const int count = find_above(row, posteriors_.units, kRival, found, kMostRivals);
        for (int i = 0; i < count; ++i) {
            if (found[i] != blank_) rivals_.push_back({found[i], std::exp(static_cast<double>(row[found[i]]))});
        }
    }
    rival_begin_.push_back(rivals_.size());
    held_.assign(posteriors_.units, {0.0, -1});
}

// The labelling's probability over that of all labellings with any unit, or none, in the place of this token.
double Examiner::confidence(int token, const Token& span) {
    const int T = posteriors_.frames, U = static_cast<int>(ids_.size());
    const int32_t own = ids_[token];
    const int32_t previous = token > 0 ? ids_[token - 1] : blank_;
    const int32_t next = token + 1 < U ? ids_[token + 1] : blank_;

    // The frames around its span where a unit in its place would matter.
    const auto matters = [&](int t) {
        const double in = std::max(before_blank(t, token), before_token(t, token));
        const double out = std::max(after_blank(t, token), after_token(t, token));
        return in + out > score_ - kFaint;
    };
    int first = span.start, last = span.end - 1;
    while (first > 0 && matters(first - 1)) --first;
    while (last + 1 < T && matters(last + 1)) ++last;

    const int n = last - first + 1;
    std::vector<double> in_blank(n), in_token(n), out_blank(n), out_token(n), tail(n);
    double base = kZero;
    for (int i = 0; i < n; ++i) {
        base = std::max(base, std::max(before_blank(first + i, token), before_token(first + i, token)));
    }
    double none = 0.0;
    for (int i = 0; i <= n; ++i) {
        const int t = first + i;
        const double blank = std::exp(before_blank(t, token) - base);
        const double unit = std::exp(before_token(t, token) - base);
        // Without the token, the next one starts here, or the labelling ends.
        double after = t < T ? after_token(t - 1, token) : kZero;
        if (t == T && token + 1 == U) after = 0.0;
        none += (blank + (previous != next || t == T ? unit : 0.0)) * std::exp(after + base - score_);
        if (i == n) break;
        in_blank[i] = blank;
        in_token[i] = unit;
        out_blank[i] = std::exp(after_blank(t, token) + base - score_);
        out_token[i] = std::exp(after_token(t, token) + base - score_);
        tail[i] = 1.0 - std::exp(posteriors_.at(t, blank_));
    }

    // A unit in its place, over one frame or more.
    const auto in_place = [&](int32_t unit) {
        double held = 0.0, total = 0.0;
        for (int i = 0; i < n; ++i) {
            const double p = std::exp(posteriors_.at(first + i, unit));
            tail[i] -= p;
            held = p * (held + in_blank[i] + (unit != previous ? in_token[i] : 0.0));
            total += held * (out_blank[i] + (unit != next ? out_token[i] : 0.0));
        }
        return total;
    };
    const double mine = in_place(own);
    double all = none + mine;
    if (previous != blank_ && previous != own) all += in_place(previous);
    if (next != blank_ && next != own && next != previous) all += in_place(next);

    // All others: together for one frame each, and one by one for longer where they have five percent and more.
    ++clock_;
    for (int i = 0; i < n; ++i, ++clock_) {
        const double in = in_blank[i] + in_token[i], out = out_blank[i] + out_token[i];
        all += std::max(tail[i], 0.0) * in * out;
        for (size_t r = rival_begin_[first + i]; r < rival_begin_[first + i + 1]; ++r) {
            const auto [unit, p] = rivals_[r];
            if (unit == own || unit == previous || unit == next) continue;
            Held& held = held_[unit];
            const double before = held.clock == clock_ - 1 ? held.mass : 0.0;
            all += p * before * out;
            held = {p * (before + in), clock_};
        }
    }
    return all > 0.0 && std::isfinite(all) ? std::min(mine / all, 1.0) : 0.0;
}

}  // namespace ctc
