#include "decoder.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

namespace ctc {
namespace {

Decoded decode_item(const Settings& settings, const Posteriors& posteriors) {
    Decoded decoded;
    Search search(settings);
    std::vector<float> buffer(posteriors.half ? posteriors.units : 0);
    for (int t = 0; t < posteriors.frames; ++t) {
        if (!search.push(posteriors.row(t, buffer.data()))) {
            decoded.bad_frame = t;
            return decoded;
        }
    }
    decoded.results = conclude(settings, search, posteriors);
    return decoded;
}

}  // namespace

std::vector<Result> conclude(const Settings& settings, const Search& search, const Posteriors& posteriors) {
    LabelScorer scorer(posteriors, settings.blank);
    const int wanted = settings.nbest;
    std::vector<Result> results;
    for (LabelSequence& labels : search.best(std::max(wanted, kRescored))) {
        if (static_cast<int>(results.size()) >= wanted && labels.score < results[0].score - kRescoringMargin) break;
        Result result;
        result.ids = std::move(labels.ids);
        double external = settings.length_bonus * static_cast<double>(result.ids.size());
        for (const Automaton& automaton : settings.automata) {
            int32_t state = automaton.start;
            double total = 0.0;
            for (const int32_t id : result.ids) total += automaton.step(state, id);
            total += automaton.final[state];
            result.automaton_scores.push_back(total);
            external += automaton.scale * total;
        }
        result.am_score = scorer.score(result.ids, labels.searched ? labels.score - external : kLogZero);
        // What was not searched to its end may have no alignment at all.
        if (result.am_score == kLogZero && !results.empty()) continue;
        result.score = result.am_score + external;
        if (wanted > 1) result.tokens = scorer.tokens();
        results.push_back(std::move(result));
    }
    std::stable_sort(results.begin(), results.end(),
                     [](const Result& a, const Result& b) { return a.score > b.score; });
    if (static_cast<int>(results.size()) > wanted) results.resize(wanted);
    if (wanted == 1) {
        scorer.score(results[0].ids, results[0].am_score);
        results[0].tokens = scorer.tokens();
    }
    return results;
}

std::vector<Decoded> decode(const Settings& settings, const std::vector<Posteriors>& items, int threads) {
    std::vector<Decoded> decoded(items.size());
    std::atomic<size_t> next{0};
    std::exception_ptr failure;
    std::mutex mutex;
    const auto work = [&] {
        try {
            for (size_t i = next++; i < items.size(); i = next++) decoded[i] = decode_item(settings, items[i]);
        } catch (...) {
            const std::lock_guard<std::mutex> lock(mutex);
            failure = std::current_exception();
        }
    };
    std::vector<std::thread> others;
    const size_t count = std::min(static_cast<size_t>(threads), items.size());
    try {
        for (size_t i = 1; i < count; ++i) others.emplace_back(work);
    } catch (const std::system_error&) {
        // No more threads to be had: those that run do the work.
    }
    work();
    for (std::thread& other : others) other.join();
    if (failure) std::rethrow_exception(failure);
    return decoded;
}

}  // namespace ctc
