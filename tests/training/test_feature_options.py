"""Options of train.py about silence, first weights, masks and reversal, through the program."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from speech import make_corpus
from torch import nn

from ramospeech import audio
from ramospeech.audio.voice import without_silence
from ramospeech.data import Loader
from ramospeech.model import AcousticModel, ModelConfig, load_model
from ramospeech.model.layers.padding import reversed_clips
from ramospeech.programs import train
from ramospeech.text import Vocabulary
from ramospeech.training.initial import draw_uniform

UNITS = ("<blank>", "<UNK>", "hao3", "ni3", "ma")
SIZES = {"maps": (2, 2, 2, 2), "fc": 8, "rnn": 4, "rnn_layers": 1}


@pytest.fixture
def command(tmp_path: Path):
    """Options of a run on a small corpus."""
    lists = make_corpus(tmp_path, clips=4)
    places = ["--config_path", str(lists), "--data_root", str(tmp_path / "audio"), "--model_path", str(tmp_path)]
    sizes = ["--maps", "2", "2", "2", "2", "--fc", "8", "--rnn", "4", "--rnn_layers", "1", "--no-share_parts"]
    options = ["--data_type", "tones", "--device", "cpu", "--threads", "1", "--epochs", "1"]
    return [*places, *sizes, *options, "--model_name"]


def test_masks_and_warp_are_options(command: list[str], tmp_path: Path) -> None:
    own = ["--time_masks", "1", "--time_mask_width", "50", "--frequency_masks", "1", "--frequency_mask_width", "12"]
    assert train.main([*command, "a", *own, "--time_warp", "5", "--reverse_input"]) == 0
    model = load_model(tmp_path / "a.last.safetensors")
    assert model.config.framing.reverse_input and model.summary["options"]["time_warp"] == 5


def test_weights_begin_evenly_drawn(command: list[str], capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = AcousticModel(ModelConfig(UNITS, **SIZES))
    frozen = {name: p.clone() for name, p in model.named_parameters() if not p.requires_grad}
    draw_uniform(model, 0.08)
    normalisations = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert normalisations and all(m.weight.eq(1).all() and m.bias.eq(0).all() for m in normalisations)
    drawn = torch.cat([p.flatten() for n, p in model.named_parameters() if p.requires_grad and "rnn" in n])
    assert drawn.abs().max() <= 0.08 and drawn.max() > 0.07 and drawn.min() < -0.07 and abs(drawn.mean()) < 0.01
    assert all(torch.equal(dict(model.named_parameters())[name], value) for name, value in frozen.items())
    assert train.main([*command, "b", "--init_uniform"]) == 0
    assert train.main([*command, "b", "--init_uniform", "0.1", "--load_model"]) == 2
    assert "--init_uniform 0.1: for a new model" in capsys.readouterr().err


def test_a_model_that_reads_backwards_gives_frames_in_the_order_of_time() -> None:
    torch.manual_seed(0)
    forwards, backwards = (AcousticModel(ModelConfig(UNITS, **SIZES, reverse_input=r)).eval() for r in (False, True))
    backwards.load_state_dict(forwards.state_dict())
    waveforms, lengths = torch.randn(2, 20_000), torch.tensor([20_000, 11_600])
    found, frames = backwards(waveforms, lengths)
    alone, _ = backwards(waveforms[1:, :11_600], lengths[1:])
    torch.testing.assert_close(found[1, : frames[1]], alone[0], atol=1e-5, rtol=0)
    features, count = forwards.features(waveforms, lengths)
    states, _ = forwards.encoder(reversed_clips(features, count), count)
    expected = forwards.ctc(reversed_clips(states, frames))
    torch.testing.assert_close(found[0], expected[0], atol=1e-5, rtol=0)
    assert not torch.allclose(found[0], forwards(waveforms, lengths)[0][0], atol=1e-3)
    assert reversed_clips(torch.arange(4.0).view(1, 4, 1), torch.tensor([3])).flatten().tolist() == [2, 1, 0, 3]


@pytest.fixture
def speech(root: Path) -> np.ndarray:
    """A clip of the demo with five seconds of faint noise in the middle."""
    pytest.importorskip("webrtcvad")
    clip = audio.load(next(path for path in sorted((root / "demo" / "audio").rglob("*")) if path.is_file()))
    pause = 1e-4 * np.random.default_rng(0).standard_normal(5 * audio.SAMPLE_RATE).astype(np.float32)
    return np.concatenate([clip, pause, clip])


def test_silence_is_left_out_where_the_labels_still_fit(speech: np.ndarray, tmp_path: Path) -> None:
    from ramospeech.corpora import Clip

    left = without_silence(speech)
    assert len(speech) - 5 * audio.SAMPLE_RATE <= len(left) < len(speech) - 3 * audio.SAMPLE_RATE
    silence = np.zeros(16_000, np.float32)
    assert np.array_equal(without_silence(silence), silence)
    soundfile.write(tmp_path / "a.wav", speech, audio.SAMPLE_RATE)
    for count, removed in ((5, True), (len(speech) // 1280 - 2, False)):
        clip = Clip("a.wav", ("ni3", "hao3") * (count // 2), "你好", len(speech) / audio.SAMPLE_RATE)
        loader = Loader([clip], tmp_path, Vocabulary(UNITS), 8, remove_silence=True)
        [batch] = loader([[0]])
        assert not batch.unreadable
        assert (batch.waveforms.shape[1] == len(left)) == removed
        assert loader.removed == ({0: pytest.approx((len(speech) - len(left)) / audio.SAMPLE_RATE)} if removed else {})


def test_what_was_left_out_is_counted(command: list[str], capsys: pytest.CaptureFixture) -> None:
    pytest.importorskip("webrtcvad")
    assert train.main([*command, "c", "--remove_silence"]) == 0
    assert "--remove_silence: " in capsys.readouterr().err
    assert train.main([*command, "d", "--remove_silence", "--windows", "6"]) == 2
    assert "--remove_silence: works on clips" in capsys.readouterr().err
