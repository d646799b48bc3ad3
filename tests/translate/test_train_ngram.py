"""Counting, estimation, the file, and the training program."""

import gzip
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from ramospeech.errors import ListError, ModelError, UsageError
from ramospeech.lm.characters import DISCOUNT_SCALE, estimate
from ramospeech.lm.counting import count_characters, count_trigrams
from ramospeech.lm.kneser_ney import fraction_discounted
from ramospeech.lm.text import TextFile
from ramospeech.translate import NgramTranslator, train_ngram
from ramospeech.translate.ngram import file as ngram_file
from ramospeech.translate.ngram.model import BOUNDARY, ID_BITS
from ramospeech.translate.ngram.pruning import STEP, prune
from ramospeech.translate.ngram.train import choose_characters

CHARACTERS = "\n□一二三"


def write(path: Path, text: str) -> TextFile:
    path.write_bytes(text.encode("utf-8-sig"))
    return TextFile(path)


def test_counts_are_those_of_a_plain_loop(tmp_path: Path) -> None:
    one, two = write(tmp_path / "1", "一二三\r\n\r\n二二,一一a三\n"), write(tmp_path / "2", "一二三\n三三三")
    counts = count_trigrams([one, TextFile(two.path, 0.5)], CHARACTERS, frozenset(["三三三"]))
    expected: Counter[int] = Counter()
    weighted: dict[int, float] = defaultdict(float)
    for sentence, weight in [("一二三", 1), ("二二", 1), ("一一", 1), ("三", 1), ("一二三", 0.5)]:
        ids = [BOUNDARY, *(CHARACTERS.index(c) for c in sentence), BOUNDARY]
        for a, b, c in zip(ids, ids[1:], ids[2:], strict=False):
            expected[a << 2 * ID_BITS | b << ID_BITS | c] += 1
            weighted[a << 2 * ID_BITS | b << ID_BITS | c] += weight
    assert dict(zip(counts.keys.tolist(), counts.counts.tolist(), strict=True)) == expected
    assert dict(zip(counts.keys.tolist(), counts.weighted.tolist(), strict=True)) == weighted
    assert (np.diff(counts.keys) > 0).all()
    assert count_characters([one, two])[ord("三")] == 6


def test_text_is_read_plain_or_gzipped_and_faults_are_named(tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress("一\n二\n".encode()))
    assert list(TextFile(packed).lines()) == ["一", "二"]
    assert TextFile.parse(f"{packed}=0.25") == TextFile(packed, 0.25)
    with pytest.raises(UsageError, match="weight"):
        TextFile.parse(f"{packed}=much")
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(ListError, match="packed"):
        list(TextFile(packed).lines())
    packed.write_bytes(b"\xe4\xb8\x80\n\xff\n")
    with pytest.raises(ListError, match="packed:2"):
        list(TextFile(packed).lines())
    with pytest.raises(ListError, match="none"):
        list(TextFile(tmp_path / "none").lines())


def test_the_unpruned_model_gives_the_estimated_probabilities(text_file: Path) -> None:
    characters = choose_characters(count_characters([TextFile(text_file)]))
    counts = count_trigrams([TextFile(text_file)], characters)
    full = estimate(counts, len(characters))
    assert full.unigram.sum() == pytest.approx(1)
    b = full.bigrams >> ID_BITS
    of_b = np.bincount(b, full.p2, len(characters))
    lower = np.bincount(b, full.unigram[full.bigrams & 0x1FFF], len(characters))
    seen = np.unique(b)  # explicit and backed-off probabilities of a context sum to one
    np.testing.assert_allclose((of_b + full.unigram_backoff * (1 - lower))[seen], 1)

    model = prune(full, len(full), characters, NgramTranslator.load(_train(text_file)).model.lexicon)
    for i in range(0, len(full.p3), 7):
        ab, bc = full.bigrams[full.ab[i]], full.bigrams[full.bc[i]]
        got = model.log_prob(int(ab >> ID_BITS), int(ab & 0x1FFF), int(bc & 0x1FFF))
        assert got == pytest.approx(np.log(full.p3[i]), abs=2 * STEP)
    smaller = prune(full, len(full) // 2, characters, model.lexicon)
    assert len(smaller.trigrams) < len(model.trigrams)
    assert len(prune(estimate(counts, len(characters), 2), 10**9, characters, model.lexicon).trigrams) == 0


def _train(text_file: Path) -> Path:
    path = text_file.parent / "again.safetensors"
    assert train_ngram.main([str(text_file), "--output", str(path)]) == 0
    return path


def test_discounts_are_those_of_chen_and_goodman() -> None:
    counts = np.array([1] * 100 + [2] * 40 + [3] * 20 + [4] * 10 + [50])
    y = 100 / (100 + 2 * 40)
    d = [1 - 2 * y * 40 / 100, 2 - 3 * y * 20 / 40, 3 - 4 * y * 10 / 20]
    expected = [DISCOUNT_SCALE * d[0], DISCOUNT_SCALE * d[1] / 2, DISCOUNT_SCALE * d[2] / 50]
    np.testing.assert_allclose(fraction_discounted(counts, DISCOUNT_SCALE)[[0, 110, -1]], expected)


def test_the_same_text_gives_the_same_bytes(text_file: Path, small_model: Path) -> None:
    assert _train(text_file).read_bytes() == small_model.read_bytes()


def test_writing_and_reading_a_file_preserves_the_model(small_model: Path) -> None:
    model = ngram_file.read(small_model)
    again = ngram_file.pack(model, {"characters": 3})
    (path := small_model.parent / "copy.safetensors").write_bytes(again)
    copy = ngram_file.read(path)
    for name in ("unigram", "bigrams", "bigram_boosts", "bigram_backoffs", "trigram_boosts"):
        np.testing.assert_array_equal(getattr(copy, name), getattr(model, name))
    np.testing.assert_array_equal(copy.trigrams.unpacked(), model.trigrams.unpacked())
    assert copy.characters == model.characters and copy.lexicon.syllables == model.lexicon.syllables


def test_long_gaps_survive_packing() -> None:
    values = np.array([0, 1, 127, 128, 129, 8190, 5, 16000], np.int64)
    np.testing.assert_array_equal(ngram_file._from_varints(ngram_file._varints(values)), values)
    rows = np.array([0, 0, 0, 0, 0, 0, 2, 2])
    gaps = ngram_file._gaps(values, rows)
    np.testing.assert_array_equal(ngram_file._from_gaps(gaps, np.array([6, 0, 2])), values)


def test_numbers_too_large_for_a_row_are_refused() -> None:
    with pytest.raises(ValueError, match="numbers"):
        ngram_file._from_gaps(np.array([2**31 - 2, 5], np.int32), np.array([2]))


def test_broken_files_are_named(small_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    with pytest.raises(ModelError, match=r"bad\.safetensors: no such model"):
        ngram_file.read(path)
    good = small_model.read_bytes()
    header = {ngram_file.HEADER: '{"format": "ramospeech character n-gram 1", "step": 0.125}'}
    tensors = load(good)
    crafted = [b"", b"\x80\x04pickle", good[:-100], save({"weight": np.zeros(3)}), save({}, header)]
    for name in tensors:
        crafted.append(save({k: v for k, v in tensors.items() if k != name}, header))
        crafted.append(save(tensors | {name: tensors[name][:-5]}, header))
        crafted.append(
            save(tensors | {name: tensors["trigram_gaps" if name == "characters" else "characters"]}, header)
        )
    for data in crafted:
        path.write_bytes(data)
        with pytest.raises(ModelError, match=r"bad\.safetensors"):
            ngram_file.read(path)


def test_size_and_excluded_sentences(text_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exclude = tmp_path / "test.tsv"
    exclude.write_text("ni3 hao3 ma\t你好吗\n", encoding="utf-8")
    output = tmp_path / "m.safetensors"
    command = [str(text_file), "--output", str(output)]
    assert train_ngram.main([*command, "--exclude", str(exclude), "--max_mb", "0.1"]) == 0
    assert "left out 3 lines that --exclude lists" in capsys.readouterr().err
    assert output.stat().st_size <= 100_000
    assert train_ngram.main([*command, "--max_mb", "0.001"]) == 2
    assert "--max_mb 0.001 is too small" in capsys.readouterr().err
    empty = tmp_path / "empty"
    empty.write_text("abc\n", encoding="utf-8")
    assert train_ngram.main([str(empty), "--output", str(output)]) == 1
    assert "has no hanzi" in capsys.readouterr().err
