#include "model.hpp"

#include <algorithm>
#include <stdexcept>

namespace ngram {

void Model::index() {
    const auto is = [](size_t found, size_t expected) {
        if (found != expected) throw std::invalid_argument("the arrays of an n-gram model do not fit together");
    };
    is(unigram.size <= static_cast<size_t>(kIds), true);
    is(unigram_backoff.size, unigram.size);
    is(first_bigram.size, unigram.size + 1);
    is(static_cast<size_t>(first_bigram[unigram.size]), bigrams.size);
    is(bigram_boosts.size, bigrams.size);
    is(bigram_backoffs.size, bigrams.size);
    is(trigram_starts.size > 0, true);
    is(static_cast<size_t>(trigram_starts[trigram_starts.size - 1]), trigrams.size);
    is(trigram_boosts.size, trigrams.size);
    const size_t blocks = bigrams.size / kBlock + 2;
    first_trigram_.assign(blocks, static_cast<uint32_t>(trigrams.size));
    size_t next = 0;  // the first block without an entry
    for (size_t high = 0; high + 1 < trigram_starts.size; ++high) {
        for (int64_t i = trigram_starts[high]; i < trigram_starts[high + 1]; ++i) {
            const uint64_t key = (static_cast<uint64_t>(high) << 32) | trigrams[static_cast<size_t>(i)];
            const size_t block = static_cast<size_t>(key >> kIdBits) / kBlock;
            for (; next <= block && next < blocks; ++next) first_trigram_[next] = static_cast<uint32_t>(i);
        }
    }
}

Children Model::children(int32_t bigram) const {
    // The low bits are enough: the high ones change every 2^19 bigrams, and no block spans such a change.
    const size_t block = static_cast<size_t>(bigram) / kBlock;
    const uint32_t* begin = trigrams.data + first_trigram_[block];
    const uint32_t* end = trigrams.data + first_trigram_[block + 1];
    const uint32_t lowest = static_cast<uint32_t>(bigram) << kIdBits;
    const uint32_t* first = std::lower_bound(begin, end, lowest);
    const uint32_t* last = std::upper_bound(first, end, lowest | (kIds - 1));
    return {static_cast<uint32_t>(first - trigrams.data), static_cast<uint32_t>(last - trigrams.data)};
}

int32_t Model::find_bigram(int32_t b, int32_t c) const {
    const int32_t* begin = bigrams.data + first_bigram[b];
    const int32_t* end = bigrams.data + first_bigram[b + 1];
    const int32_t key = (b << kIdBits) | c;
    const int32_t* found = std::lower_bound(begin, end, key);
    return found != end && *found == key ? static_cast<int32_t>(found - bigrams.data) : kNone;
}

int64_t Model::find_trigram(Children children, int32_t rank) const {
    uint32_t low = children.first, high = children.last;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (this->rank(middle) < rank) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < children.last && this->rank(low) == rank ? static_cast<int64_t>(low) : kNone;
}

}  // namespace ngram
