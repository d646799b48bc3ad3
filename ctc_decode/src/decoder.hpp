// Whole utterances: search, then the best label sequences examined by themselves; batches on several threads.
#pragma once

#include <vector>

#include "label_scorer.hpp"
#include "posteriors.hpp"
#include "search.hpp"

namespace ctc {

struct Result {
    std::vector<int32_t> ids;
    double score, am_score;
    std::vector<double> automaton_scores;  // of each automaton, not scaled, with the end of the utterance
    std::vector<Token> tokens;
};

struct Decoded {
    std::vector<Result> results;
    int bad_frame = -1;  // the first that is not a distribution; there are no results then
};

// The search's best label sequences, scored exactly, with times and confidences, best first.
std::vector<Result> conclude(const Settings& settings, const Search& search, const Posteriors& posteriors);

std::vector<Decoded> decode(const Settings& settings, const std::vector<Posteriors>& items, int threads);

}  // namespace ctc
