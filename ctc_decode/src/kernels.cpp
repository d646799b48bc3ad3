#include "kernels.hpp"

#include <cmath>
#include <cstring>
#include <limits>

namespace ctc {
namespace {

constexpr float kLog2E = 1.44269504f;

// exp of x <= 1 to 1e-6. Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
inline float fast_exp(float x) {
    const float y = (x > -87.0f ? x : -87.0f) * kLog2E;
    const float shifted = y + 12582912.0f;
    const float r = y - (shifted - 12582912.0f);
    const float power =
        1.0f + r * (0.69314718f + r * (0.24022651f + r * (0.05550411f + r * (0.00961813f + r * 0.00133336f))));
    uint32_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    const uint32_t exponent = (bits + 127) << 23;
    float scale;
    std::memcpy(&scale, &exponent, sizeof scale);
    return power * scale;
}

// The polynomial in x with these coefficients, the highest first.
template <typename... Coefficients>
inline double polynomial(double x, double highest, Coefficients... others) {
    double value = highest;
    ((value = value * x + others), ...);
    return value;
}

// log(1 + exp(-d)) for 0 <= d <= 700: Taylor series of exp within ln 2 / 2, then 2 atanh(x / (2 + x)).
inline double log1p_exp(double d) {
    const double y = d * -1.4426950408889634;
    const double shifted = y + 6755399441055744.0;
    const double rounded = shifted - 6755399441055744.0;
    const double r = (y - rounded) * 0.6931471805599453;
    const double power = polynomial(r, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0, 1.0 / 40320.0, 1.0 / 5040.0,
                                    1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0);
    uint64_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    const uint64_t exponent = (bits + 1023) << 52;
    double scale;
    std::memcpy(&scale, &exponent, sizeof scale);
    const double x = power * scale;
    const double z = x / (2.0 + x);
    const double series = polynomial(z * z, 1.0 / 21.0, 1.0 / 19.0, 1.0 / 17.0, 1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0,
                                     1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0);
    return 2.0 * z * series;
}

}  // namespace

CTC_CLONES
void summarize(const float* row, int units, RowSummary& summary) {
    alignas(64) float best[kLanes], mass[kLanes];
    alignas(64) int32_t bad[kLanes];
    for (int j = 0; j < kLanes; ++j) {
        best[j] = -std::numeric_limits<float>::infinity();
        mass[j] = 0.0f;
        bad[j] = 0;
    }
    int first = 0;
    for (; first + kLanes <= units; first += kLanes) {
        const float* x = row + first;
        for (int j = 0; j < kLanes; ++j) {
            best[j] = x[j] > best[j] ? x[j] : best[j];
            bad[j] |= !(x[j] <= 1.0f);
            mass[j] += fast_exp(x[j]);
        }
    }
    for (int j = 0; first + j < units; ++j) {
        const float x = row[first + j];
        best[j] = x > best[j] ? x : best[j];
        bad[j] |= !(x <= 1.0f);
        mass[j] += fast_exp(x);
    }
    float total = 0.0f;
    int32_t any = 0;
    for (int j = 0; j < kLanes; ++j) {
        summary.group_best[j] = best[j];
        total += mass[j];
        any |= bad[j];
    }
    summary.mass = total;
    summary.bad = any != 0;
}

CTC_CLONES
void log_add(const double* a, const double* b, double* out, int n) {
    for (int i = 0; i < n; ++i) {
        const double high = a[i] > b[i] ? a[i] : b[i];
        const double low = a[i] > b[i] ? b[i] : a[i];
        const double d = high - low;
        out[i] = high + log1p_exp(d < 700.0 ? d : 700.0);  // also where both are -inf and d is NaN
    }
}

CTC_CLONES
void half_to_float(const uint16_t* from, float* to, int n) {
    for (int i = 0; i < n; ++i) {
        const uint32_t bits = static_cast<uint32_t>(from[i] & 0x7fff) << 13;
        float value;
        std::memcpy(&value, &bits, sizeof value);
        value *= 0x1p112f;  // moves the exponent's bias from 15 to 127, subnormal numbers too
        uint32_t full;
        std::memcpy(&full, &value, sizeof full);
        full |= value >= 65536.0f ? 0x7f800000u : 0u;  // infinity and NaN
        full |= static_cast<uint32_t>(from[i] & 0x8000) << 16;
        std::memcpy(&to[i], &full, sizeof full);
    }
}

}  // namespace ctc
