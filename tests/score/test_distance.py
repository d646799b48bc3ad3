"""Edit distance against a plain reference; corpus rates and their bootstrap interval."""

import numpy as np
import pytest

from ramospeech.score import Edits, Score, align_edits, cer, edits, ser


def plain_distance(ref, hyp):
    """The textbook recurrence."""
    row = list(range(len(hyp) + 1))
    for i, left in enumerate(ref, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(hyp, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return row[-1]


def test_against_the_plain_reference(rng):
    units = ["ma1", "ma2", "shi4", "de"]
    for _ in range(300):
        ref, hyp = ([units[i] for i in rng.integers(0, 4, rng.integers(0, 12))] for _ in range(2))
        counted = edits(ref, hyp)
        assert counted.errors == plain_distance(ref, hyp)
        assert counted.length == len(ref)
        assert counted.insertions - counted.deletions == len(hyp) - len(ref)


def test_alignment_spells_both_sides(rng):
    for _ in range(100):
        ref, hyp = ("".join(rng.choice(list("今天好"), rng.integers(0, 9))) for _ in range(2))
        pairs = align_edits(ref, hyp)
        assert "".join(left for left, _ in pairs) == ref
        assert "".join(right for _, right in pairs) == hyp
        assert sum(left != right for left, right in pairs) == plain_distance(ref, hyp)


def test_the_corpus_rate_is_not_the_mean_of_the_clips():
    score = cer(["今天天气很好啊", "好"], ["今天天气很好啊", "坏"])
    assert score.rate == pytest.approx(1 / 8)
    assert (score.clips, score.correct, score.accuracy) == (2, 1, 0.5)
    assert score.total == Edits(1, 0, 0, 8)


def test_tones_count_only_where_asked():
    refs, hyps = [["ma3", "de", "lv4"]], [["ma1", "de", "lu4"]]
    assert ser(refs, hyps).total.errors == 2
    assert ser(refs, hyps, toneless=True).total.errors == 1


def test_an_empty_reference_stays_finite():
    assert edits([], []).rate == 0.0
    assert edits([], ["a", "b"]).rate == 2.0
    assert ser([], []).rate == 0.0
    assert Score(()).interval() == (0.0, 0.0)


def test_lines_must_be_as_many():
    with pytest.raises(ValueError, match="argument"):
        cer(["好"], [])


def test_the_interval_covers_the_truth(rng):
    """About 95 % of the intervals of corpora with a true rate of 0.1 hold it."""
    covered = 0
    for trial in range(100):
        wrong = rng.binomial(10, 0.1, 150)
        low, high = Score(tuple(Edits(int(w), 0, 0, 10) for w in wrong)).interval(seed=trial)
        covered += low <= 0.1 <= high
    assert 85 <= covered <= 100


def test_the_interval_is_seeded_and_follows_a_plain_loop():
    score = Score(tuple(Edits(i % 3, 0, 0, 5 + i % 4) for i in range(50)))
    low, high = score.interval()
    assert (low, high) == score.interval()
    assert low < score.rate < high
    rng = np.random.default_rng(7)
    rates = []
    for _ in range(1000):
        drawn = [score.per_clip[i] for i in rng.integers(0, 50, 50)]
        rates.append(sum(d.errors for d in drawn) / sum(d.length for d in drawn))
    assert (low, high) == pytest.approx(np.quantile(rates, [0.025, 0.975]), abs=0.02)
