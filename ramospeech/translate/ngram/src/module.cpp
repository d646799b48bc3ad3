// The Python module ramospeech.translate.ngram._search. Arguments are made in Python; see engine.py.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <tuple>

#include "lattice.hpp"

namespace nb = nanobind;

namespace {

template <typename T>
using Array = nb::ndarray<const T, nb::numpy, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <typename T>
ngram::Span<T> span(const Array<T>& array) {
    return {array.data(), array.size()};
}

// A model and the arrays that it reads, which live as long as it does.
class Model {
   public:
    Model(Array<float> unigram, Array<float> unigram_backoff, Array<int32_t> bigrams, Array<uint8_t> bigram_boosts,
          Array<uint8_t> bigram_backoffs, Array<int64_t> first_bigram, Array<uint32_t> trigrams,
          Array<int64_t> trigram_starts, Array<uint8_t> trigram_boosts, float step)
        : held_{unigram, unigram_backoff, bigrams, bigram_boosts, bigram_backoffs, first_bigram, trigrams,
                trigram_starts, trigram_boosts} {
        model_.unigram = span(unigram);
        model_.unigram_backoff = span(unigram_backoff);
        model_.bigrams = span(bigrams);
        model_.bigram_boosts = span(bigram_boosts);
        model_.bigram_backoffs = span(bigram_backoffs);
        model_.first_bigram = span(first_bigram);
        model_.trigrams = span(trigrams);
        model_.trigram_starts = span(trigram_starts);
        model_.trigram_boosts = span(trigram_boosts);
        model_.step = step;
        model_.index();
    }

    const ngram::Model& get() const { return model_; }

   private:
    std::tuple<Array<float>, Array<float>, Array<int32_t>, Array<uint8_t>, Array<uint8_t>, Array<int64_t>,
               Array<uint32_t>, Array<int64_t>, Array<uint8_t>>
        held_;
    ngram::Model model_;
};

using Ports = std::optional<std::tuple<Array<int32_t>, Array<int32_t>, Array<bool>>>;  // enter, leave, fixed

std::unique_ptr<ngram::Lattice> lattice(const Model& model, std::vector<int64_t> first, Array<int32_t> ids,
                                        Array<float> log_probs, Array<double> empty, Ports ports) {
    ngram::Positions positions;
    positions.first = std::move(first);
    positions.ids = span(ids);
    positions.log_probs = span(log_probs);
    positions.empty = span(empty);
    if (ports) {
        const auto& [enter, leave, fixed] = *ports;
        positions.enter = span(enter);
        positions.leave = span(leave);
        positions.fixed = {reinterpret_cast<const uint8_t*>(fixed.data()), fixed.size()};
    }
    const nb::gil_scoped_release release;
    return std::make_unique<ngram::Lattice>(model.get(), positions);
}

using Change = std::tuple<int, int, double, std::vector<ngram::Node>>;

std::vector<Change> changes(ngram::Lattice& lattice, double max_loss, size_t positions, size_t limit) {
    std::vector<Change> result;
    for (ngram::Change& each : lattice.changes(max_loss, positions, limit)) {
        result.emplace_back(each.start, each.end, each.loss, std::move(each.nodes));
    }
    return result;
}

}  // namespace

NB_MODULE(_search, module) {
    nb::set_leak_warnings(false);  // threads that run when Python ends hold models
    nb::class_<Model>(module, "Model")
        .def(nb::init<Array<float>, Array<float>, Array<int32_t>, Array<uint8_t>, Array<uint8_t>, Array<int64_t>,
                      Array<uint32_t>, Array<int64_t>, Array<uint8_t>, float>());
    nb::class_<ngram::Lattice>(module, "Lattice")
        .def(nb::new_(&lattice), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none())
        .def_prop_ro("score", &ngram::Lattice::score)
        .def_prop_ro("best", &ngram::Lattice::best)
        .def("best_paths", &ngram::Lattice::best_paths)
        .def("log_total", &ngram::Lattice::log_total)
        .def("changes", &changes);
}
