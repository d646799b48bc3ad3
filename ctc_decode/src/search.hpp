// True CTC prefix beam search: probabilities of one label sequence are summed over its alignments, those that end in a
// blank separately from those that end in its last unit. Natural logs throughout.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "automaton.hpp"
#include "kernels.hpp"
#include "prefix_tree.hpp"

namespace ctc {

// The search's score of a label sequence lacks alignments that left the beam. So at the end the best by it are compared
// exactly: so many at least, if they are so near the best (natural log), among them what was merged in so many frames.
constexpr int kRescored = 10;
constexpr double kRescoringMargin = 1.0;
constexpr int64_t kUnsettledFrames = 100;

constexpr double kLogZero = -std::numeric_limits<double>::infinity();

constexpr int kMaxAutomata = 4;

struct Settings {
    int units;  // V
    int blank;
    int beam_width;
    int top_k;
    int nbest;
    double length_bonus;
    std::vector<Automaton> automata;
};

struct LabelSequence {
    std::vector<int32_t> ids;
    double score;
    bool searched;  // to its end; an alternative was not, and may have less than this score
};

class Search {
   public:
    explicit Search(const Settings& settings);

    // One frame: V natural logs. False, and nothing is done, for NaN and for what is not a distribution.
    bool push(const float* row);

    // The best label sequences, best first, if the utterance ended here: at most `count`, by the search's own scores.
    std::vector<LabelSequence> best(int count) const;
    // The best label sequence if more frames come, and how many of its first units every prefix in the beam has.
    std::vector<int32_t> partial(int& stable) const;

   private:
    // The beam as arrays, best first: log probabilities that end in a blank, in the last unit, and both.
    struct Beam {
        std::vector<int32_t> node, unit, parent;
        std::vector<double> blank, unblank, total, external;
        int size = 0;
        void resize(int width);
        void put(int slot, int32_t node, int32_t unit, int32_t parent, double blank, double unblank, double total,
                 double external);
    };
    // A candidate for the next beam: a prefix of this one that stays, or its extension by one of the best units.
    struct Entry {
        double score;
        int32_t slot;
        int32_t rank;  // of the unit; -1: it stays
        bool operator<(const Entry& other) const;
    };
    struct Emission {
        float log_prob;
        int32_t unit;
    };

    void merge_equivalent();
    bool dominates(int strong, int weak) const;
    void merge_into(int strong, int weak);
    void stay(const float* row);
    void choose_units(const float* row, double bound);
    void extend(double bound);
    void patch(int slot, int taken);
    void select();
    double gain(int32_t node, int32_t unit, int32_t* states) const;
    int32_t child(int32_t parent, int32_t unit);
    double max_gain(int32_t node) const;
    double final_gain(int32_t node) const;
    bool counts(const Alternative& alternative) const;

    const Settings& settings_;
    const int width_, automata_;
    PrefixTree nodes_;
    Beam beam_, next_;
    int64_t frame_ = 0;
    RowSummary summary_;
    std::vector<double> inflow_, max_gain_, stay_blank_, stay_unblank_, stay_total_;
    std::vector<float> best_groups_;
    std::vector<Emission> emissions_;  // of the frame's best units, best first
    std::vector<int32_t> chosen_;      // their units
    std::vector<int32_t> rank_;        // of each unit among them, or -1
    std::vector<double> scores_, gains_;  // of one prefix with each of them
    std::vector<int32_t> first_child_, next_child_;  // lists of slots
    std::vector<Entry> pool_;
    std::vector<int32_t> with_unit_;  // lists of slots by last unit, while merging
};

}  // namespace ctc
