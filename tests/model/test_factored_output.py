"""The last layer: rows that syllables share, and the model to ship, which shares none."""

import pytest
import torch

from ramospeech.model import AcousticModel, ModelConfig, load_model, save_model
from ramospeech.model.__main__ import average, main
from ramospeech.model.layers.output import FactoredLinear, shared_rows
from ramospeech.text import Vocabulary, parts

UNITS = Vocabulary.inventory().units


def config(**options):
    sizes = {"maps": (4, 6, 8, 10), "fc": 12, "rnn": 10, "rnn_layers": 2, "features": "fbank", "units": UNITS[:40]}
    return ModelConfig(**{**sizes, **options})


def test_syllables_share_rows_part_by_part():
    torch.manual_seed(0)
    layer = FactoredLinear(5, UNITS)
    rows = layer.rows()
    expected = torch.zeros(len(UNITS), 5)
    # the same sum from the parts' names, without the table
    names = {}
    for unit, indices in zip(UNITS, shared_rows(UNITS).tolist(), strict=True):
        split = parts.split(unit)
        for kind, index in zip((*split, unit.rstrip("12345")), indices, strict=True):
            if parts.OTHER not in split:
                assert names.setdefault((indices.index(index), kind), index) == index
                expected[UNITS.index(unit)] += layer.parts[index].detach()
    torch.testing.assert_close(rows.detach(), expected)
    assert not rows[:2].any()  # the blank and <UNK> share nothing
    ma1, ma2, ba1 = (UNITS.index(unit) for unit in ("ma1", "ma2", "ba1"))
    rows[ma1].sum().backward()
    moved = layer.rows().detach() + layer.parts.grad.new_zeros(1)
    layer.parts.data -= layer.parts.grad
    moved = layer.rows().detach() - moved
    assert moved[ma2].sum() < moved[ba1].sum() < 0 == moved[0].sum()


def test_a_file_gives_the_same_model_back(tmp_path):
    model = AcousticModel(config(share_parts=True)).eval()
    save_model(model, tmp_path / "model.safetensors", {})
    again = load_model(tmp_path / "model.safetensors")
    assert again.config == model.config
    clip = torch.randn(1, 8000), torch.tensor([8000])
    torch.testing.assert_close(again(*clip)[0], model(*clip)[0])


def test_what_is_shipped_is_the_mean_with_the_same_posteriors(tmp_path, capsys):
    models = [AcousticModel(config(share_parts=True)).eval() for _ in range(2)]
    for number, model in enumerate(models):
        model.ctc.output.weight.data.normal_()
        save_model(
            model, tmp_path / f"{number}.safetensors", {"steps": number, "options": {"lr": 1.0, "data_root": "/x"}}
        )
    clip = torch.randn(1, 8000), torch.tensor([8000])
    main([str(tmp_path / name) for name in ("out.safetensors", "0.safetensors", "1.safetensors")])
    assert "40 units" in capsys.readouterr().out
    shipped = load_model(tmp_path / "out.safetensors")
    assert not shipped.config.share_parts and shipped.summary == {"steps": 1, "averaged": 2, "options": {"lr": 1.0}}
    for name, tensor in models[0].named_parameters():
        tensor.data.lerp_(dict(models[1].named_parameters())[name].data, 0.5)
    torch.testing.assert_close(shipped(*clip)[0], models[0](*clip)[0], rtol=0.02, atol=0.02)
    assert main([str(tmp_path / "one.safetensors"), str(tmp_path / "out.safetensors")]) == 0
    assert main(["--bits", "8", str(tmp_path / "small.safetensors"), str(tmp_path / "out.safetensors")]) == 0
    torch.testing.assert_close(
        load_model(tmp_path / "small.safetensors")(*clip)[0], shipped(*clip)[0], rtol=0.1, atol=0.1
    )
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("small", "one")]
    assert sizes[0] < sizes[1]


def test_models_of_two_kinds_are_not_averaged(tmp_path, capsys):
    for name, share in (("a", True), ("b", False)):
        save_model(AcousticModel(config(share_parts=share)), tmp_path / f"{name}.safetensors", {})
    with pytest.raises(SystemExit) as error:
        raise SystemExit(main([str(tmp_path / f"{name}.safetensors") for name in "oab"]))
    assert error.value.code == 2 and "average alike ones" in capsys.readouterr().err
    assert not (tmp_path / "o.safetensors").exists()


def test_an_average_overwrites_nothing(tmp_path, capsys):
    """Who gives the models only would lose the first of them."""
    for name in "ab":
        save_model(AcousticModel(config()), tmp_path / f"{name}.safetensors", {})
    before = (tmp_path / "a.safetensors").read_bytes()
    assert average([str(tmp_path / f"{name}.safetensors") for name in "ab"]) == 2
    assert "a.safetensors: exists, and the first name is that of the file to write" in capsys.readouterr().err
    assert (tmp_path / "a.safetensors").read_bytes() == before
    assert average([str(tmp_path / "c.onnx"), str(tmp_path / "a.safetensors")]) == 2
    assert "c.onnx: the name of a model file ends in .safetensors" in capsys.readouterr().err


def test_a_file_alone_is_shown(tmp_path, capsys):
    save_model(AcousticModel(config()), tmp_path / "m.safetensors", {"steps": 7, "dev_ser": 0.25})
    assert main([str(tmp_path / "m.safetensors")]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("dfcnn on fbank (normalised by bin), maps 4-6-8-10, fc 12, rnn 10, rnn_layers 2")
    assert '"steps": 7' in shown and "\n  (fc3): Linear(in_features=12, out_features=40, bias=True)\n" in shown
    assert main([str(tmp_path / "none.safetensors")]) == 2 and "check the path" in capsys.readouterr().err
    assert main(["dfcnn"]) == 0 and "192" in capsys.readouterr().out
