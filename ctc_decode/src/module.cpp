// The Python module ctc_decode._core. Arguments are checked in Python; see ctc_decode/compiled_search.py.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <stdexcept>
#include <tuple>

#include "decoder.hpp"

namespace nb = nanobind;

namespace {

template <typename T>
using Array = nb::ndarray<const T, nb::numpy, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Rows = nb::ndarray<nb::numpy, nb::ro, nb::device::cpu>;  // float32, or the bits of float16 as uint16

// ids, score, am_score, automaton_scores, start_frames, end_frames, confidences
using Row = std::tuple<std::vector<int32_t>, double, double, std::vector<double>, std::vector<int32_t>,
                       std::vector<int32_t>, std::vector<double>>;

Row row_of(const ctc::Result& result) {
    std::vector<int32_t> starts, ends;
    std::vector<double> confidences;
    for (const ctc::Token& token : result.tokens) {
        starts.push_back(token.start);
        ends.push_back(token.end);
        confidences.push_back(token.confidence);
    }
    return {result.ids, result.score, result.am_score, result.automaton_scores, starts, ends, confidences};
}

std::vector<Row> rows_of(const std::vector<ctc::Result>& results) {
    std::vector<Row> rows;
    for (const ctc::Result& result : results) rows.push_back(row_of(result));
    return rows;
}

// Frame 0 of the last but one dimension; `item` counts along the first of three.
ctc::Posteriors posteriors_of(const Rows& rows, int64_t item, int64_t frames) {
    const size_t frame_axis = rows.ndim() - 2;
    const auto size = static_cast<int64_t>(rows.itemsize());
    const char* data = static_cast<const char*>(rows.data());
    if (frame_axis == 1) data += item * rows.stride(0) * size;
    return {data, static_cast<ptrdiff_t>(rows.stride(frame_axis) * size), static_cast<int>(frames),
            static_cast<int>(rows.shape(frame_axis + 1)), size == 2};
}

class Core {
   public:
    Core(int units, int blank, int beam_width, int top_k, int nbest, double length_bonus)
        : settings_(std::make_shared<ctc::Settings>()) {
        *settings_ = {units, blank, beam_width, top_k, nbest, length_bonus, {}};
    }

    void add(Array<int64_t> begin, Array<int32_t> unit, Array<int32_t> target, Array<float> weight,
             Array<int32_t> fallback, Array<float> fallback_weight, Array<float> final, double otherwise,
             int32_t start, double scale) {
        if (settings_->automata.size() == ctc::kMaxAutomata) throw std::invalid_argument("too many automata");
        ctc::Automaton automaton{};
        automaton.begin = begin.data();
        automaton.unit = unit.data();
        automaton.target = target.data();
        automaton.weight = weight.data();
        automaton.fallback = fallback.data();
        automaton.fallback_weight = fallback_weight.data();
        automaton.final = final.data();
        automaton.states = static_cast<int32_t>(final.size());
        automaton.otherwise = otherwise;
        automaton.start = start;
        automaton.scale = scale;
        automaton.index(settings_->units);
        settings_->automata.push_back(std::move(automaton));
    }

    // Of each item its results, or the frame that is not a distribution and none.
    std::vector<std::tuple<std::vector<Row>, int>> decode(const Rows& rows, const std::vector<int64_t>& lengths,
                                                          int threads) const {
        std::vector<ctc::Posteriors> items;
        for (size_t i = 0; i < lengths.size(); ++i) {
            items.push_back(posteriors_of(rows, static_cast<int64_t>(i), lengths[i]));
        }
        std::vector<ctc::Decoded> decoded;
        {
            nb::gil_scoped_release release;
            decoded = ctc::decode(*settings_, items, threads);
        }
        std::vector<std::tuple<std::vector<Row>, int>> answers;
        for (const ctc::Decoded& item : decoded) answers.emplace_back(rows_of(item.results), item.bad_frame);
        return answers;
    }

    std::shared_ptr<ctc::Settings> settings() const { return settings_; }

   private:
    std::shared_ptr<ctc::Settings> settings_;
};

class Stream {
   public:
    explicit Stream(const Core& core) : settings_(core.settings()), search_(*settings_) {}

    // Takes a chunk of frames and returns -1, or takes none of them and returns the one that is not a distribution.
    int push(const Rows& rows) {
        nb::gil_scoped_release release;
        const ctc::Posteriors chunk = posteriors_of(rows, 0, static_cast<int64_t>(rows.shape(0)));
        std::vector<float> buffer(static_cast<size_t>(chunk.units));
        for (int t = 0; t < chunk.frames; ++t) {
            ctc::RowSummary summary;
            ctc::summarize(chunk.row(t, buffer.data()), chunk.units, summary);
            if (!ctc::is_distribution(summary)) return t;
        }
        for (int t = 0; t < chunk.frames; ++t) search_.push(chunk.row(t, buffer.data()));
        return -1;
    }

    std::tuple<std::vector<int32_t>, int> partial() const {
        int stable = 0;
        std::vector<int32_t> ids = search_.partial(stable);
        return {std::move(ids), stable};
    }

    std::vector<Row> finish(const Rows& rows) const {
        const ctc::Posteriors all = posteriors_of(rows, 0, static_cast<int64_t>(rows.shape(0)));
        std::vector<ctc::Result> results;
        {
            nb::gil_scoped_release release;
            results = ctc::conclude(*settings_, search_, all);
        }
        return rows_of(results);
    }

   private:
    std::shared_ptr<ctc::Settings> settings_;
    ctc::Search search_;
};

}  // namespace

NB_MODULE(_core, module) {
    nb::class_<Core>(module, "Core")
        .def(nb::init<int, int, int, int, int, double>())
        // The core reads the arrays of an automaton where they lie: they are not converted, and live as long as it does.
        .def("add", &Core::add, nb::arg().noconvert(), nb::arg().noconvert(), nb::arg().noconvert(),
             nb::arg().noconvert(), nb::arg().noconvert(), nb::arg().noconvert(), nb::arg().noconvert(), nb::arg(),
             nb::arg(), nb::arg(), nb::keep_alive<1, 2>(), nb::keep_alive<1, 3>(), nb::keep_alive<1, 4>(),
             nb::keep_alive<1, 5>(), nb::keep_alive<1, 6>(), nb::keep_alive<1, 7>(), nb::keep_alive<1, 8>())
        .def("decode", &Core::decode);
    nb::class_<Stream>(module, "Stream")
        .def(nb::init<const Core&>(), nb::keep_alive<1, 2>())
        .def("push", &Stream::push)
        .def("partial", &Stream::partial)
        .def("finish", &Stream::finish);
}
