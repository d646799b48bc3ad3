"""The textbook search against brute force: what everything else is measured by must itself be right."""

import pytest
from textbook import log_add, prefix_beam_search


@pytest.mark.parametrize("blank", [0, 2])
def test_against_brute_force(posteriors, every_labelling, blank):
    log_probs = posteriors(1, 5, 4, 2.0, blank)[0]
    found = prefix_beam_search(log_probs.tolist(), blank=blank, beam_width=5000, nbest=5000)
    assert dict(found) == pytest.approx(every_labelling(log_probs, blank), abs=1e-9)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def test_a_narrow_beam_and_few_units(posteriors):
    log_probs = posteriors(1, 12, 10, 6.0)[0].tolist()
    [(ids, score)] = prefix_beam_search(log_probs, beam_width=3, top_k=2)
    every = dict(prefix_beam_search(log_probs, beam_width=500, nbest=500))
    assert ids in every
    assert score <= every[ids] + 1e-9


def test_no_frames():
    assert prefix_beam_search([]) == [((), 0.0)]


def test_log_add_of_nothing():
    assert log_add(float("-inf"), float("-inf")) == float("-inf")
    assert log_add(-1.0, float("-inf")) == -1.0
