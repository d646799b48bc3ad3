"""Pictures: what is in which cell."""

import warnings

import numpy as np
import pytest
from matplotlib import font_manager

from ramospeech.score import pictures
from ramospeech.score.pictures import draw_clip, draw_confusions, draw_features


def test_confusions_are_shares_of_the_row():
    confusions = {("b", "b"): 6, ("b", "p"): 2, ("p", "p"): 1, ("b", ""): 2, ("", "m"): 3}
    [axes] = draw_confusions(confusions, ("b", "p", "m"), "initial").axes
    cells = {tuple(int(x) for x in text.get_position()): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "60", (1, 0): "20", (2, 0): "20", (1, 1): "100"}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["b", "p", "missed"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "p"]
    right, wrong = (image.get_array() for image in axes.images)
    assert not right.mask[0, 0] and right.mask[0, 1]
    assert wrong.mask[0, 0] and not wrong.mask[0, 1]
    np.testing.assert_allclose(wrong[0, 1], 0.2**0.5)


def test_a_clip_has_its_syllables_as_rows():
    units = ("<blank>", "ma1", "ni3", "hao3")
    log_probs = np.log(np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.6, 0.2]]))
    figure = draw_clip(np.zeros((16, 80)), log_probs, units, ["ni3", "???"], ["hao3", "ni3", "$x_$"])
    lines, top, bottom = figure.axes
    assert [label.get_text() for label in bottom.get_yticklabels()] == ["<blank>", "ni3", "hao3"]
    np.testing.assert_allclose(bottom.images[0].get_array(), [[0.7, 0.1], [0.1, 0.6], [0.1, 0.2]])
    assert top.images[0].get_extent() == [0, 0.16, 0, 80]
    texts = {(round(text.get_position()[0]), text.get_position()[1]): text for text in lines.texts}
    assert [texts[place, 0.5].get_text() for place in range(4)] == ["ref", "∗", "ni3", "???"]
    assert [texts[place, 1.5].get_text() for place in range(4)] == ["hyp", "hao3", "ni3", "$x_$"]
    assert texts[2, 0.5].get_color() == "black" != texts[3, 0.5].get_color()
    figure.canvas.draw()  # dollars do not begin a formula


@pytest.mark.parametrize("title", [False, True])
def test_a_long_clip_has_several_rows_with_their_own_units(title):
    units = ("<blank>", "ma1", "ni3", "hao3")
    posteriors = np.full((250, 4), 0.01)
    posteriors[20, 1] = posteriors[130, 2] = posteriors[240, 3] = 0.9
    figure = draw_clip(np.zeros((2500, 8)), np.log(posteriors), units, units[1:], units[1:], title=title, start=30.0)
    axes = figure.axes[1 if title else 0 :]
    assert [[label.get_text() for label in axis.get_yticklabels()] for axis in axes[1::2]] == [
        ["<blank>", "ma1"], ["<blank>", "ni3"], ["<blank>", "hao3"]
    ]  # fmt: skip
    assert [axis.get_xlim() for axis in axes[::2]] == [(30, 40), (40, 50), (50, 60)]
    assert axes[-1].images[0].get_extent()[:2] == [50, 55]


def test_on_a_card_rows_are_shorter():
    units = ("<blank>", "ni3")
    figure = draw_clip(np.zeros((700, 8)), np.log(np.full((70, 2), 0.5)), units, ["ni3"] * 20, ["ni3"] * 20, card=True)
    lines, *axes = figure.axes
    assert [axis.get_xlim() for axis in axes[::2]] == [(0, 5), (5, 10)] and len(lines.texts) == 2 * 23
    assert figure.get_figwidth() * figure.dpi == 1200


def test_features_are_drawn_over_seconds():
    figure = draw_features(np.zeros((250, 200)))
    assert figure.axes[0].images[0].get_extent() == [0, 2.5, 0, 200]
    assert [axes.images[0].get_extent()[:2] for axes in draw_features(np.zeros((1100, 8))).axes] == [[0, 10], [10, 11]]


@pytest.mark.parametrize("installed", [False, True])
def test_hanzi_are_drawn_by_a_font_that_has_them_or_as_numbers(installed, monkeypatch):
    font = pictures.cjk_font()
    if installed and font is None:
        pytest.skip("no Chinese font is installed")
    if not installed:
        monkeypatch.setattr(pictures, "cjk_font", lambda: None)
    units = ("<blank>", "<UNK>", "你", "好", "ok")
    log_probs = np.log(np.full((2, 5), 0.2))
    figure = draw_clip(np.zeros((16, 80)), log_probs, units, ["你", "ok"], ["好", "ok"])
    lines, _, bottom = figure.axes
    labels = ["<blank>", "你", "ok", "好"] if installed else ["<blank>", "2", "ok", "3"]
    assert [label.get_text() for label in bottom.get_yticklabels()] == labels
    assert {text.get_text() for text in lines.texts} == {"ref", "hyp", "ok", labels[1], labels[3]}
    assert (font in bottom.get_yticklabels()[1].get_fontfamily()) is installed
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of a glyph that no font has
        figure.canvas.draw()


def test_without_a_chinese_font_a_line_says_so_once(monkeypatch, capsys):
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [])
    pictures.cjk_font.cache_clear()
    assert pictures.cjk_font() is pictures.cjk_font() is None
    assert capsys.readouterr().err.count("no Chinese font is installed") == 1
    pictures.cjk_font.cache_clear()
