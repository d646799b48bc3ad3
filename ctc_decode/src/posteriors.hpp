// One item's log posteriors, (T', V), where Python has them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels.hpp"

namespace ctc {

struct Posteriors {
    const char* data;
    ptrdiff_t stride;  // bytes from frame to frame; the units of a frame lie side by side
    int frames;
    int units;
    bool half;  // float16, else float32

    // The units of a frame, by way of `buffer` (V values) where they must be converted.
    const float* row(int frame, float* buffer) const {
        const char* at = data + frame * stride;
        if (!half) return reinterpret_cast<const float*>(at);
        half_to_float(reinterpret_cast<const uint16_t*>(at), buffer, units);
        return buffer;
    }

    double at(int frame, int32_t unit) const {
        const char* row = data + frame * stride;
        if (!half) return reinterpret_cast<const float*>(row)[unit];
        float value;
        half_to_float(reinterpret_cast<const uint16_t*>(row) + unit, &value, 1);
        return value;
    }
};

}  // namespace ctc
