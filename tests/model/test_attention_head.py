"""The attention head: its steps, its state, its loss against stepping, and sizes as they are printed."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ramospeech import losses
from ramospeech.data import Batch, pad
from ramospeech.errors import ModelError
from ramospeech.model import (
    AcousticModel,
    AttentionHead,
    AttentionObjective,
    ModelConfig,
    SpellerState,
    load_model,
    save_model,
    sizes_of_encoders,
    sizes_of_heads,
)
from ramospeech.model.heads import AttentionSizes

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


@pytest.mark.parametrize("kind", SIZES)
def test_mixed_precision_is_close(kind: str) -> None:
    head, states = a_head(SIZES[kind]).float().train(), some_states().float()
    head.dropout.p = head.rnn.dropout = 0.0
    found = []
    for amp in (False, True):
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=amp):
            loss = head.loss(states, LENGTHS, LABELS, LABEL_LENGTHS, 0)
        head.zero_grad()
        loss.sum.backward()
        assert loss.sum.dtype == torch.float32 and head.attend.value_projection.weight.grad.isfinite().all()
        found.append(float(loss.sum.detach()))
    assert found[1] == pytest.approx(found[0], rel=0.2)


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


def test_the_loss_is_the_sum_over_parts_of_the_batch(head: AttentionHead) -> None:
    """So workers that have them get the loss of the whole."""
    states = some_states()
    whole = head.loss(states, LENGTHS, LABELS, LABEL_LENGTHS, 0)
    parts = [head.loss(states[rows], LENGTHS[rows], LABELS[rows], LABEL_LENGTHS[rows], 0) for rows in ([2, 0], [1])]
    torch.testing.assert_close(sum(part.sum for part in parts), whole.sum)
    assert sum(part.count for part in parts) == whole.count


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


def by_steps(head: AttentionHead, states: Tensor, given: list[int], own: list[bool]) -> list[Tensor]:
    """The log-probabilities after each unit that is given; where `own`, the most probable one before it instead."""
    state, found = head.start(states, torch.tensor([states.shape[1]])), []
    for token, replaced in zip(given, own, strict=True):
        token = int(found[-1].argmax()) if replaced else token
        log_probs, state, _ = head.step(state, torch.tensor([token]))
        found.append(log_probs[0])
    return found


@pytest.mark.parametrize("ratio", [0.0, 0.5])
def test_scheduled_sampling_gives_back_what_the_speller_wrote(head: AttentionHead, ratio: float) -> None:
    """All of it, or where the random numbers say so."""
    head.train()
    head.dropout.p = head.rnn.dropout = 0.0
    head.objective = AttentionObjective(smoothing=0.0, teacher_forcing=(ratio,))
    torch.manual_seed(8)
    own = torch.rand(3, 5) >= ratio  # as the head draws it
    own[:, 0] = False
    states, expected = some_states(), []
    for i, (n, u) in enumerate(zip(LENGTHS, LABEL_LENGTHS, strict=True)):
        labels = LABELS[i, :u].tolist()
        found = by_steps(head, states[i : i + 1, :n], [head.start_id, *labels], own[i, : u + 1].tolist())
        expected += [-row[unit] for row, unit in zip(found, [*labels, head.end_id], strict=True)]
    torch.manual_seed(8)
    loss = head.loss(states, LENGTHS, LABELS, LABEL_LENGTHS, 0)
    torch.testing.assert_close(loss.sum, torch.stack(expected).sum())
    head.eval()
    forced = head.loss(states, LENGTHS, LABELS, LABEL_LENGTHS, 0)
    assert forced.sum != loss.sum, "the dev loss is that of the reference"


def test_label_smoothing_is_the_mean_over_all_units() -> None:
    torch.manual_seed(0)
    log_probs, targets = torch.randn(2, 3, 5).double().log_softmax(2), torch.tensor([[1, 4, 0], [2, 0, 0]])
    expected = torch.zeros(()).double()
    for i, length in enumerate((3, 2)):
        for u in range(length):
            wanted = torch.full((5,), 0.3 / 5).double()
            wanted[targets[i, u]] += 0.7
            expected = expected - (wanted * log_probs[i, u]).sum()
    found = losses.cross_entropy(log_probs, targets, torch.tensor([2, 1]), 0.3)
    torch.testing.assert_close(found.sum, expected)
    assert found.count == 3


def test_a_clip_that_is_not_finite_is_skipped_and_moves_nothing() -> None:
    head, states = a_head(SIZES["location, lstm"]), some_states()
    expected = head.loss(states[1:], LENGTHS[1:], LABELS[1:], LABEL_LENGTHS[1:], 0)
    states[0, 0] = torch.inf
    states.requires_grad_()
    loss = head.loss(states, LENGTHS, LABELS, LABEL_LENGTHS, 0)
    torch.testing.assert_close(loss.sum, expected.sum)
    assert (loss.count, loss.skipped) == (3, 1)


@pytest.mark.parametrize(
    ("ratios", "steps", "expected"),
    [
        ((0.9,), (), {0: 0.9, 1000: 0.9}),
        ((1.0, 0.7), (100,), {0: 1.0, 50: 0.85, 100: 0.7, 1000: 0.7}),  # linear
        ((1.0, 1.0, 0.6), (10, 40), {0: 1.0, 10: 1.0, 30: 0.8, 50: 0.6, 99: 0.6}),  # kept, then two stages
        ((1.0, 0.9, 0.5), (10, 10), {5: 0.95, 10: 0.9, 15: 0.7, 20: 0.5}),
    ],
)
def test_teacher_forcing_by_step(ratios: tuple, steps: tuple, expected: dict) -> None:
    objective = AttentionObjective(teacher_forcing=ratios, teacher_forcing_steps=steps)
    assert {step: pytest.approx(objective.forced(step)) for step in expected} == expected


def test_alignments_are_those_of_the_steps(head: AttentionHead) -> None:
    states = some_states()
    found = head.alignments(states, LENGTHS, LABELS, LABEL_LENGTHS)
    assert found.shape == (3, 5, head.attend.heads, 9)
    state = head.start(states, LENGTHS)
    for number, tokens in enumerate([[0, 0, 0], [3, 5, 0], [4, 1, 0], [6, 0, 0], [3, 0, 0]]):
        _, state, where = head.step(state, torch.tensor(tokens))
        torch.testing.assert_close(found[:, number], where)


def test_syllables_may_share_rows() -> None:
    units = ("<blank>", "<UNK>", "ba1", "ba2", "ma1")
    torch.manual_seed(0)
    head = AttentionHead(DIM, units, True).double().eval()
    for parameter in head.output.parameters():
        nn.init.normal_(parameter)
    state = head.start(some_states(), LENGTHS)
    expected = head.step(state, torch.tensor([2, 3, 0]))[0]
    head.merge_shared_rows()
    assert isinstance(head.output, nn.Linear)
    torch.testing.assert_close(head.step(state, torch.tensor([2, 3, 0]))[0], expected)


def test_names_of_sizes_are_those_of_no_encoder() -> None:
    """They share the command line and the description of a model."""
    of_encoders = {item.name for sizes in sizes_of_encoders().values() for item in fields(sizes)}
    assert not of_encoders & {item.name for sizes in sizes_of_heads().values() for item in fields(sizes)}


def test_a_model_with_both_heads_in_a_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {"maps": (2, 2, 2, 2), "fc": 4, "rnn": 4, "rnn_layers": 1, "speller": 4, "attention_heads": 2}
    config = ModelConfig(UNITS, heads=("ctc", "attention"), attention="dot", **sizes)
    assert ModelConfig.from_dict(config.to_dict()) == config and config.sizes_of("attention").speller == 4
    assert config.matches(replace(config, speller_dropout=0.5)) and not config.matches(replace(config, speller=5))
    assert "heads: ctc, attention (speller 4, " in config.describe()
    model = AcousticModel(config).eval()
    save_model(model, tmp_path / "m.safetensors", {})
    read = load_model(tmp_path / "m.safetensors")
    assert read.config == config and all(map(torch.equal, read.state_dict().values(), model.state_dict().values()))
    save_model(model, tmp_path / "small.safetensors", {}, bits=8)
    small = load_model(tmp_path / "small.safetensors")
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(small.state_dict()[name], tensor, atol=0.02, rtol=0.02, msg=name)
    alone = AcousticModel(replace(config, heads=("attention",)))
    assert "(attention): AttentionHead(" in alone.tree() and alone.min_frames([2, 2]) == 1
    with pytest.raises(ModelError, match="no CTC head, only attention"):
        alone(torch.zeros(1, 8000), torch.tensor([8000]))
    with pytest.raises(ModelError, match="no attention head, only ctc"):
        _ = AcousticModel(replace(config, heads=("ctc",))).attention
    with pytest.raises(ModelError, match="speller must be a whole number from 1"):
        replace(config, speller=0)


def test_the_losses_of_both_heads_are_weighted() -> None:
    torch.manual_seed(0)
    sizes = {"maps": (2, 2, 2, 2), "fc": 4, "rnn": 4, "rnn_layers": 1, "dropout_scale": 0.0, "speller": 4}
    model = AcousticModel(ModelConfig(UNITS, heads=("ctc", "attention"), **sizes)).eval()
    batch: Batch = pad([torch.randn(16_000).numpy(), torch.randn(9_000).numpy()], [[3, 4], [5] * 9], [])
    given = *model.encode(batch.waveforms, batch.lengths), batch.labels, batch.label_lengths, 0
    ctc, attention = model.ctc.loss(*given), model.attention.loss(*given)
    assert (ctc.count, ctc.skipped) == (2, 1), "9 equal labels do not fit into 6 frames"
    assert (attention.count, attention.skipped) == (11, 0)
    model.head_weights |= {"ctc": 0.3, "attention": 0.7}
    both = model.loss(batch)
    torch.testing.assert_close(both.sum, 0.3 * ctc.sum + 0.7 * attention.sum)
    assert (both.count, both.skipped) == (11, 1)


def coded(codes: Tensor, generator: torch.Generator, clips: int) -> tuple[Tensor, ...]:
    """Sentences of 1 to 5 units, each 1 to 3 noisy frames of its code: features, frames, labels, lengths."""
    lengths = torch.randint(1, 6, (clips,), generator=generator)
    labels = torch.randint(2, len(UNITS), (clips, 5), generator=generator)
    times = torch.randint(1, 4, (clips, 5), generator=generator)
    rows = [codes[labels[i, :n].repeat_interleave(times[i, :n])] for i, n in enumerate(lengths)]
    features = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    noise = 0.1 * torch.randn(features.shape, generator=generator)
    return features + noise, torch.tensor([len(row) for row in rows]), labels, lengths


def test_it_learns_to_write_what_it_is_shown() -> None:
    """After 200 steps from nothing; over 6 seeds 53 to 70 of 100 new sentences are right, by chance 4 would be."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(len(UNITS), 8, generator=generator)
    sizes = AttentionSizes(speller=32, speller_embedding=8, speller_dropout=0.0, attention_heads=2, attention_dim=16)
    encoder = nn.GRU(8, 8, batch_first=True, bidirectional=True)
    head = AttentionHead(16, UNITS, False, sizes=sizes)
    optimizer = torch.optim.Adam([*head.parameters(), *encoder.parameters()], lr=0.01)
    for step in range(200):
        features, *given = coded(codes, generator, 32)
        loss = head.loss(encoder(features)[0], *given, step)
        optimizer.zero_grad()
        (loss.sum / loss.count).backward()
        optimizer.step()
    features, frames, labels, lengths = coded(codes, generator, 100)
    found = head.eval().greedy(encoder(features)[0], frames, 10)
    assert sum(ids == labels[i, : lengths[i]].tolist() for i, ids in enumerate(found)) > 25
