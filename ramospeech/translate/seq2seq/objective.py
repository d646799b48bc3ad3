"""What a translator network minimises in training."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ramospeech.losses import Loss
from ramospeech.translate.seq2seq.causal import CausalTransformer
from ramospeech.translate.seq2seq.dataset import TextBatch
from ramospeech.translate.seq2seq.model import Seq2Seq
from ramospeech.translate.seq2seq.transformer import Transformer

NUM_SAMPLED_NEGATIVES = 1024  # characters outside the batch in the sampled softmax
NORMALISER = 0.05  # weight of the square of the log of the sum over all characters


def training_loss(network: Seq2Seq, observed: Tensor, batch: TextBatch, step: int) -> Loss:
    """Cross-entropy over the characters of the batch and a sample of the others.

    observed (S, V), log p(observed syllable | character), is added to the logits as in the search: lexicon and
    confusions are given, so the network learns which possible character fits the sentence. Each sampled character
    stands for all that were not drawn, so its logit gains the log of their ratio (sampled softmax: Jean et al., arXiv
    1412.2007).
    """
    before = functional.pad(batch.hanzi[:, :-1], (1, 0))
    states = network(batch.syllables, before).flatten(0, 1)
    present, targets = batch.hanzi.unique(return_inverse=True)
    absent = torch.ones(network.config.characters, dtype=torch.bool, device=present.device)
    absent[present] = False
    rest = absent.nonzero().flatten()
    drawn = rest[torch.randperm(len(rest), device=rest.device)[:NUM_SAMPLED_NEGATIVES]]
    chosen = torch.cat((present, drawn))
    shift = torch.zeros(len(chosen), device=states.device)
    shift[len(present) :] = float(np.log(len(rest) / max(len(drawn), 1)))
    logits = functional.linear(states, network.character.weight[chosen]).float() + (network.bias[chosen] + shift)
    logits = logits + observed[:, chosen][batch.syllables.flatten()]
    total = functional.cross_entropy(logits, targets.flatten(), reduction="sum")
    return Loss(total, torch.tensor(float(batch.hanzi.numel())), torch.tensor(0.0))


def whole_loss(network: Transformer, observed: Tensor, batch: TextBatch, step: int) -> Loss:
    """Cross-entropy of a transformer over all characters; observed as in `training_loss`."""
    logits = functional.linear(network(batch.syllables), network.character.weight, network.bias).float()
    logits = logits + observed[batch.syllables]
    total = functional.cross_entropy(logits.flatten(0, 1), batch.hanzi.flatten(), reduction="sum")
    return Loss(total, torch.tensor(float(batch.hanzi.numel())), torch.tensor(0.0))


def causal_loss(network: CausalTransformer, observed: Tensor, batch: TextBatch, step: int) -> Loss:
    """Cross-entropy of a causal language model: `batch.hanzi` follows `batch.syllables`, which are characters here.

    With a cost of the normaliser of the softmax, so that it stays near 1 and need not be computed afterwards (Devlin
    et al., ACL 2014, Fast and Robust Neural Network Joint Models).
    """
    logits = network.logits(network(batch.syllables)).flatten(0, 1)
    sums = logits.logsumexp(-1)
    following = logits.gather(1, batch.hanzi.flatten()[:, None])[:, 0]
    total = (sums - following + NORMALISER * sums.square()).sum()
    return Loss(total, torch.tensor(float(batch.hanzi.numel())), torch.tensor(0.0))
