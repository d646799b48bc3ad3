// The character n-gram model of the translator; see model.py for what the arrays hold. They belong to the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ngram {

constexpr int kIdBits = 13;
constexpr int kIds = 1 << kIdBits;
constexpr int32_t kNone = -1;

template <typename T>
struct Span {
    const T* data = nullptr;
    size_t size = 0;
    const T& operator[](size_t i) const { return data[i]; }
};

// The trigrams of one bigram (a, b): their numbers are first to last, without last.
struct Children {
    uint32_t first, last;
};

class Model {
   public:
    Span<float> unigram, unigram_backoff;
    Span<int32_t> bigrams;
    Span<uint8_t> bigram_boosts, bigram_backoffs;
    Span<int64_t> first_bigram;      // of each character, and the number of bigrams
    Span<uint32_t> trigrams;         // the low 32 bits of sorted keys
    Span<int64_t> trigram_starts;    // where the higher bits change
    Span<uint8_t> trigram_boosts;
    float step = 0.0f;

    // Makes what finds the trigrams of a bigram; call it once the arrays are there. Throws std::invalid_argument where
    // their sizes do not fit together.
    void index();

    Children children(int32_t bigram) const;

    // The rank of the last character of a trigram among the bigrams of the middle one.
    int32_t rank(uint32_t trigram) const { return static_cast<int32_t>(trigrams[trigram] & (kIds - 1)); }

    // The number of bigram (b, c), kNone where there is none.
    int32_t find_bigram(int32_t b, int32_t c) const;

    // The number of the trigram of `rank` among children, kNone where there is none.
    int64_t find_trigram(Children children, int32_t rank) const;

   private:
    static constexpr int kBlock = 16;  // bigrams: an index of each of them would take 6 MB
    std::vector<uint32_t> first_trigram_;  // of each block
};

}  // namespace ngram
