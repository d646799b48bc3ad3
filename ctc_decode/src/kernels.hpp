// Loops over whole rows and beams, compiled for several instruction sets and chosen when the library is loaded.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(CTC_ONE_TARGET)
#define CTC_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CTC_CLONES
#endif

namespace ctc {

constexpr int kLanes = 128;  // unit v belongs to group v % kLanes

// The largest value of each group, and the sum of exp over the row. `bad` tells of NaN and of values above 1.
struct RowSummary {
    float group_best[kLanes];
    float mass;
    bool bad;
};

void summarize(const float* row, int units, RowSummary& summary);

// Sums to 1 within one percent, and holds no NaN.
inline bool is_distribution(const RowSummary& summary) {
    return !summary.bad && summary.mass > 0.99f && summary.mass < 1.01f;
}

// out = log(exp(a) + exp(b)), n times; exact to 1e-11. -inf is the log of 0.
void log_add(const double* a, const double* b, double* out, int n);

void half_to_float(const uint16_t* from, float* to, int n);

}  // namespace ctc
