"""The recogniser of a model and of how it is to be decoded."""

from typing import TYPE_CHECKING

from ctc_decode import GreedyDecoder
from ramospeech.errors import UsageError
from ramospeech.onnx_model import OnnxModel
from ramospeech.recogniser import AttentionDecoding, CtcRecogniser, Decoder, Recogniser

if TYPE_CHECKING:  # transcribing by an ONNX file needs no torch
    import torch

    from ramospeech.model import AcousticModel


def recogniser_of(
    model: "AcousticModel | OnnxModel",
    device: str,
    decoder: Decoder | AttentionDecoding | None,
    networks: bool,
    min_confidence: float,
    silence: float,
    precision: str,
) -> "tuple[torch.device | None, Recogniser]":
    """Move a model to a device, and return this, None for a model of ONNX, and its recogniser.

    decoder: None is greedy decoding, or of a model without a CTC head the search of its attention head. The rest: see
    `CtcRecogniser` and `TorchPosteriors`. Raises UsageError for what the model does not have or cannot do.
    """
    heads = tuple(getattr(model, "heads", ("ctc",)))
    if decoder is None:
        decoder = GreedyDecoder(model.vocabulary.units) if "ctc" in heads else AttentionDecoding()
    rest = networks, min_confidence, silence
    if isinstance(model, OnnxModel):
        if device != "cpu":
            raise UsageError(f"{model.path}: an ONNX file runs on the CPU; leave --device {device} out")
        if precision not in ("auto", "float32"):
            raise UsageError(f"{model.path}: an ONNX file has the precision that it was exported with; leave it out")
        if isinstance(decoder, AttentionDecoding):
            raise UsageError(f"{model.path}: an ONNX file has no attention head; use --decoder greedy or beam")
        return None, CtcRecogniser(model, model.posteriors, decoder, *rest)
    from ramospeech.model.inference import TorchPosteriors, checked_device

    checked = checked_device(device)
    model.to(checked).eval()
    if isinstance(decoder, AttentionDecoding):
        from ramospeech.attention import AttentionRecogniser

        return checked, AttentionRecogniser(model, decoder, checked, *rest, precision)
    if "ctc" not in heads:
        raise UsageError(f"this model has no CTC head, only {', '.join(heads)}: leave --decoder out")
    return checked, CtcRecogniser(model, TorchPosteriors(model, checked, precision), decoder, *rest)
