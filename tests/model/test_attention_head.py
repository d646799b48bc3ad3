"""The attention head: its steps, its state, its loss against stepping, and sizes as they are printed."""

import pytest
import torch
from torch import Tensor, nn

from ramospeech.model import AttentionHead
from ramospeech.model.heads import AttentionSizes, SpellerState

UNITS = ("<blank>", "<UNK>", *(f"u{i}" for i in range(6)))
DIM = 5
SIZES = {
    "location, lstm": AttentionSizes(speller=8, speller_embedding=6, attention_heads=2, attention_dim=3),
    "dot, gru, no feeding": AttentionSizes(
        speller=8, speller_layers=2, speller_type="gru", speller_embedding=6, input_feeding=False, attention="dot",
        attention_heads=1, attention_dim=4,
    ),
    "location, 2 gru, no feeding": AttentionSizes(
        speller=4, speller_layers=2, speller_type="gru", speller_embedding=4, input_feeding=False, attention_heads=2,
        attention_dim=3, location_channels=2, location_width=5,
    ),
    "dot, 2 lstm": AttentionSizes(speller=4, speller_layers=2, attention="dot", attention_heads=2, attention_dim=3),
}  # fmt: skip
LENGTHS = torch.tensor([9, 4, 6])
LABELS = torch.tensor([[3, 4, 6, 3], [5, 1, -1, 99], [-1, 99, 0, 7]])  # the padding may hold anything
LABEL_LENGTHS = torch.tensor([4, 2, 0])


def a_head(sizes: AttentionSizes, seed: int = 3) -> AttentionHead:
    """A head whose weights are large enough to matter."""
    torch.manual_seed(seed)
    head = AttentionHead(DIM, UNITS, False, sizes=sizes).double()
    for parameter in head.parameters():
        nn.init.normal_(parameter, std=0.7)
    return head.eval()


@pytest.fixture(params=SIZES)
def head(request: pytest.FixtureRequest) -> AttentionHead:
    return a_head(SIZES[request.param])


def some_states() -> Tensor:
    torch.manual_seed(4)
    states = torch.randn(3, 9, DIM).double()
    for i, length in enumerate(LENGTHS):
        states[i, length:] = torch.nan  # there may be anything
    return states


def alone(state: SpellerState, row: int, frames: int) -> SpellerState:
    """The state of one clip without its padding."""
    cut = {name: getattr(state, name)[..., :frames] for name in ("padding", "alignment")}
    cut |= {name: getattr(state, name)[:, :, :frames] for name in ("keys", "values")}
    return SpellerState(*(part[row : row + 1] for part in state._replace(**cut)))


def test_a_step_gives_probabilities_that_no_padding_changes(head: AttentionHead) -> None:
    states = some_states()
    state = head.start(states, LENGTHS)
    singles = [head.start(states[i : i + 1, :n], LENGTHS[i : i + 1]) for i, n in enumerate(LENGTHS)]
    for tokens in ([0, 0, 0], [3, 5, 2], [7, 1, 6]):
        log_probs, state, attention = head.step(state, torch.tensor(tokens))
        assert log_probs.shape == (3, len(UNITS)) and attention.shape == (3, head.attend.heads, 9)
        torch.testing.assert_close(log_probs.exp().sum(1), torch.ones(3).double())
        torch.testing.assert_close(attention.sum(2), torch.ones_like(attention[..., 0]))
        for i, n in enumerate(LENGTHS):
            of_one, singles[i], where = head.step(singles[i], torch.tensor(tokens[i : i + 1]))
            torch.testing.assert_close(of_one[0], log_probs[i])
            torch.testing.assert_close(where[0], attention[i, :, :n])
            for found, expected in zip(singles[i], alone(state, i, int(n)), strict=True):
                torch.testing.assert_close(found, expected)


def test_rows_of_a_state_may_be_reordered_and_repeated(head: AttentionHead) -> None:
    _, state, _ = head.step(head.start(some_states(), LENGTHS), torch.tensor([0, 0, 0]))
    rows, tokens = torch.tensor([2, 0, 0, 1]), torch.tensor([4, 3, 2, 6])
    several, following, _ = head.step(head.select(state, rows), tokens)
    for i, row in enumerate(rows.tolist()):
        one, _, _ = head.step(head.select(state, torch.tensor([row])), tokens[i : i + 1])
        torch.testing.assert_close(several[i], one[0])
    assert all(len(part) == 4 for part in following)


def test_the_loss_is_that_of_stepping(head: AttentionHead) -> None:
    states, expected = some_states(), []
    for i, (n, u) in enumerate(zip(LENGTHS, LABEL_LENGTHS, strict=True)):
        state, given = head.start(states[i : i + 1, :n], LENGTHS[i : i + 1]), head.start_id
        for unit in [*LABELS[i, :u].tolist(), head.end_id]:
            log_probs, state, _ = head.step(state, torch.tensor([given]))
            expected.append(-log_probs[0, unit])
            given = unit
    loss = head.loss(states, LENGTHS, LABELS, LABEL_LENGTHS, 0)
    torch.testing.assert_close(loss.sum, torch.stack(expected).sum())
    assert (loss.count, loss.skipped) == (4 + 2 + 1, 0)  # an empty clip counts 1


def test_gradients_flow_to_all_that_learns_and_to_no_padding(head: AttentionHead) -> None:
    states = some_states().requires_grad_()
    head.train().loss(states, LENGTHS, LABELS, LABEL_LENGTHS, 0).sum.backward()
    for name, parameter in head.named_parameters():
        assert not parameter.requires_grad or (parameter.grad.any() and parameter.grad.isfinite().all()), name
    for i, n in enumerate(LENGTHS):
        assert states.grad[i, :n].any(1).all() and not states.grad[i, n:].any()


def test_greedy_takes_the_best_unit_until_the_end(head: AttentionHead) -> None:
    states = some_states()
    head.output.bias.data[head.end_id] += 1.0
    expected = []
    for i, n in enumerate(LENGTHS):
        state, tokens = head.start(states[i : i + 1, :n], LENGTHS[i : i + 1]), [head.start_id]
        for _ in range(20):
            log_probs, state, _ = head.step(state, torch.tensor(tokens[-1:]))
            tokens.append(int(log_probs.argmax()))
            if tokens[-1] == head.end_id:
                break
        expected.append([token for token in tokens if token != head.end_id])
    assert head.greedy(states, LENGTHS, 20) == expected
    limits = [1, 0, 3]
    cut = [tokens[:limit] for tokens, limit in zip(expected, limits, strict=True)]
    assert head.greedy(states, LENGTHS, torch.tensor(limits)) == cut
    assert head.greedy(states, LENGTHS, 0) == [[], [], []]
    assert head.greedy(states[:0], LENGTHS[:0], 5) == []


def test_a_speller_of_the_printed_sizes_has_as_many_weights() -> None:
    """KoSpeech's print: the speller, its attention in it, with 2,038 units and a listener of 2 x 256 cells."""
    printed = [
        nn.GRU(512, 512, num_layers=3), nn.Embedding(2038, 512), nn.Linear(512, 2038),
        nn.Linear(10, 64, bias=False), nn.Conv1d(8, 10, 3, padding=1), nn.Linear(512, 512, bias=False),
        nn.Linear(512, 512, bias=False), nn.Linear(64, 1), nn.Linear(1024, 512),
    ]  # fmt: skip
    sizes = AttentionSizes(
        speller=512, speller_layers=3, speller_type="gru", speller_embedding=512, speller_dropout=0.3,
        input_feeding=False, attention="location", attention_heads=8, attention_dim=64, location_channels=10,
    )  # fmt: skip
    units = ("<blank>", *map(str, range(2037)))
    head = AttentionHead(512, units, False, sizes=sizes)
    count = sum(parameter.numel() for parameter in head.parameters())
    assert count == sum(parameter.numel() for layer in printed for parameter in layer.parameters()) == 7_866_801
