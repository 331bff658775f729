import builtins
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSeq2SeqLM, GPT2Config, GPT2LMHeadModel, MarianConfig, ProphetNetConfig
from transformers import ProphetNetForConditionalGeneration as ProphetNet

from erpo_explore.errors import ConfigError, DataError
from erpo_explore.seq2seq import PretrainedConfig, build_model, greedy
from erpo_explore.seq2seq.pretrained import PretrainedSeq2Seq
from erpo_explore.tasks import PretrainedVocabulary
from tests.tiny_pretrained import KINDS, save_tiny

from .models import seeded

V = 14
"""Ids of the model, at least two more than tokens."""

# the prompt that the library's decoder reads before what is BOS here
LEAD = {"t5": [], "bart": [2], "marian": []}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def name(kind, tmp_path):
    return save_tiny(kind, tmp_path / kind, num_tokens=V)


def build(name, *, seed=1, **config):
    model = build_model(PretrainedConfig(name=name, **config), V, V, pad=0, generator=seeded(seed))
    assert isinstance(model, PretrainedSeq2Seq)
    return model


@pytest.fixture
def model(name):
    return build(name).eval()


@pytest.fixture
def library(name):
    """Oracle: the same weights in the library's own model."""
    return AutoModelForSeq2SeqLM.from_pretrained(name).eval()


@pytest.fixture
def symbols(name):
    return PretrainedVocabulary(name).symbols


@pytest.fixture
def batch(symbols):
    """Sources with EOS and padding, and their mask."""
    rows = ([5, 8, 4, 6, 7, symbols.eos], [6, 3, symbols.eos], [8, 4, 4, 5, symbols.eos])
    source_BS = torch.tensor([[*row, *[symbols.pad] * (6 - len(row))] for row in rows])
    length_B = torch.tensor([[len(row)] for row in rows])
    return source_BS, torch.arange(6)[None] < length_B


def inputs(symbols):
    return torch.tensor([[symbols.bos, 4, 5, 6, 4], [symbols.bos, 8, 8, symbols.eos, symbols.pad], [symbols.bos] * 5])


def test_logits_equal_those_of_the_library(kind, model, library, symbols, batch):
    source_BS, keep_BS = batch
    inputs_BT = inputs(symbols)
    lead_BL = torch.tensor([LEAD[kind]] * 3, dtype=torch.long)
    with torch.no_grad():
        expected = library(
            input_ids=source_BS, attention_mask=keep_BS, decoder_input_ids=torch.cat([lead_BL, inputs_BT], dim=1)
        )
        found_BTV = model.decode(model.encode(source_BS, keep_BS), inputs_BT)
    torch.testing.assert_close(found_BTV, expected.logits[:, len(LEAD[kind]) :])


SENTENCES = ([4, 5, 6], [7, 7, 4, 5, 8], [6])


MARGIN = 5.0
"""Margin of the taught token's logit over all others, beyond the rounding of any machine."""


def teach(model, batch, symbols):
    """Train the model until it generates the sentences for their sources; random weights repeat one word.

    Training ends when the margins are large. After a fixed number of steps, the rounding of another machine could leave
    a token that is hardly likelier than the next.
    """
    target_BT = torch.tensor([[*words, symbols.eos, *[symbols.pad] * (5 - len(words))] for words in SENTENCES])
    keep_BT = torch.arange(6)[None] <= torch.tensor([[len(words)] for words in SENTENCES])
    inputs_BT = torch.nn.functional.pad(target_BT[:, :-1], (1, 0), value=symbols.bos)
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(1000):
        logits_NV = model.decode(model.encode(*batch), inputs_BT)[keep_BT]
        if smallest_margin(logits_NV, target_BT[keep_BT]) > MARGIN:
            return target_BT
        loss = torch.nn.functional.cross_entropy(logits_NV, target_BT[keep_BT])
        adam.zero_grad()
        loss.backward()
        adam.step()
    pytest.fail("the model did not learn the sentences")


def smallest_margin(logits_NV, token_N):
    """Smallest difference over the rows between the token's logit and the best other one."""
    is_token_NV = torch.nn.functional.one_hot(token_N, logits_NV.shape[1]).bool()
    margin_N = logits_NV[is_token_NV] - logits_NV.masked_fill(is_token_NV, -torch.inf).amax(1)
    return margin_N.min().item()


def test_greedy_decoding_equals_that_of_the_library(kind, model, library, symbols, batch):
    target_BT = teach(model, batch, symbols)
    library.load_state_dict(model.model.state_dict())
    source_BS, keep_BS = batch
    for num_tokens in (4, 12):
        expected = library.generate(
            input_ids=source_BS,
            attention_mask=keep_BS,
            max_new_tokens=num_tokens + len(LEAD[kind]),
            do_sample=False,
            num_beams=1,
            suppress_tokens=sorted({*symbols.never_drawn} - {symbols.bos}),
        )
        prompt = [*LEAD[kind], symbols.bos]
        assert expected[:, : len(prompt)].tolist() == [prompt] * 3
        with torch.no_grad():
            found_BT = greedy(model, model.encode(source_BS, keep_BS), symbols, num_tokens)
        assert torch.equal(found_BT, expected[:, len(prompt) :])
        assert torch.equal(found_BT, target_BT[:, :num_tokens])


def test_a_state_can_be_advanced_by_several_tokens_in_turn(model, symbols, batch):
    memory = model.encode(*batch)
    _, state = model.step(memory, model.begin(memory), torch.full((3,), symbols.bos))
    first_BV, _ = model.step(memory, state, torch.tensor([4, 5, 6]))
    model.step(memory, state, torch.tensor([7, 7, 7]))
    again_BV, _ = model.step(memory, state, torch.tensor([4, 5, 6]))
    assert torch.equal(again_BV, first_BV)


def test_rows_can_be_selected_within_a_sentence(model, symbols, batch):
    memory = model.encode(*batch)
    _, state = model.step(memory, model.begin(memory), torch.full((3,), symbols.bos))
    row_N, token_B = torch.tensor([2, 0, 0]), torch.tensor([4, 5, 6])
    whole_BV, _ = model.step(memory, state, token_B)
    taken_NV, _ = model.step(memory.take(row_N), state.take(row_N), token_B[row_N])
    torch.testing.assert_close(taken_NV, whole_BV[row_N])


class TestDropout:
    def trained_logits(self, model, batch, symbols):
        return model.train().decode(model.encode(*batch), inputs(symbols))

    def test_is_a_function_of_the_generators_state(self, name, batch, symbols):
        generator = seeded(8)
        model = build_model(PretrainedConfig(name=name), V, V, pad=0, generator=generator)
        state = generator.get_state()
        first_BTV = self.trained_logits(model, batch, symbols)
        assert not torch.equal(self.trained_logits(model, batch, symbols), first_BTV)
        generator.set_state(state)
        torch.manual_seed(11)
        assert torch.equal(self.trained_logits(model, batch, symbols), first_BTV)

    def test_differs_from_generator_to_generator(self, name, batch, symbols):
        one, other = (self.trained_logits(build(name, seed=seed), batch, symbols) for seed in (1, 2))
        assert not torch.equal(one, other)

    @pytest.mark.parametrize("kind", ["t5"], indirect=True)
    def test_is_the_configured_share(self, name, batch, symbols):
        model = build(name, dropout=0.0)
        expected_BTV = model.eval().decode(model.encode(*batch), inputs(symbols))
        torch.testing.assert_close(self.trained_logits(model, batch, symbols), expected_BTV)
        much, little = (self.trained_logits(build(name, dropout=share), batch, symbols) for share in (0.9, 0.01))
        assert (much - expected_BTV).abs().mean() > 2 * (little - expected_BTV).abs().mean()

    def test_evaluation_draws_no_random_number(self, name, batch, symbols):
        generator = seeded(8)
        model = build_model(PretrainedConfig(name=name), V, V, pad=0, generator=generator).eval()
        before = generator.get_state()
        model.decode(model.encode(*batch), inputs(symbols))
        assert torch.equal(generator.get_state(), before)


class TestState:
    def test_shared_embeddings_are_stored_once(self, kind, model):
        names = [name for name in model.state_dict() if "embed_tokens" in name or "shared" in name or "lm_head" in name]
        assert names == ["model.shared.weight" if kind == "t5" else "model.model.shared.weight"]

    def test_a_missing_weight_is_an_error(self, model):
        state = model.state_dict()
        del state[next(name for name in state if "layer_norm" in name)]
        with pytest.raises(RuntimeError, match="Missing key"):
            model.load_state_dict(state)

    def test_the_state_can_be_loaded_into_another_model(self, name, model, batch, symbols):
        state = model.state_dict()
        other = build(name).eval()
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.zero_()
        other.load_state_dict(state)
        logits = [each.decode(each.encode(*batch), inputs(symbols)) for each in (model, other)]
        assert torch.equal(*logits)

    def test_num_parameters_of_the_config_is_that_of_the_model(self, name, model):
        assert PretrainedConfig(name=name).num_parameters(1, 1) == model.num_parameters


@pytest.mark.parametrize("kind", ["bart", "marian"], indirect=True)
class TestLength:
    def test_sources_and_targets_longer_than_the_positions_are_refused(self, model, symbols):
        long_BS = torch.full((1, 49), 4)
        with pytest.raises(DataError, match="reads at most 48 tokens, got 49; lower"):
            model.encode(long_BS, torch.ones_like(long_BS, dtype=torch.bool))
        memory = model.encode(long_BS[:, :48], torch.ones(1, 48, dtype=torch.bool))
        with pytest.raises(DataError, match="reads at most 48 tokens, got "):
            model.features(memory, long_BS)
        model.model.final_logits_bias[:, symbols.eos] = -100.0
        with pytest.raises(DataError, match="reads at most 48 tokens, got 49;"):
            greedy(model, memory, symbols, 60)


class TestErrors:
    def errors(self, name, num_tokens=V):
        with pytest.raises(ConfigError) as caught:
            build_model(PretrainedConfig(name=name), num_tokens, num_tokens, pad=0, generator=seeded(1))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_a_vocabulary_of_another_size(self, name):
        assert f"has {V} ids, the task's vocabularies have 9 and 9; set vocabulary to {{kind: pretrained, name: " in (
            self.errors(name, 9)
        )

    def test_a_folder_without_a_model(self, tmp_path):
        message = self.errors(str(tmp_path))
        assert message.startswith(f"pretrained {tmp_path}: cannot be loaded (")
        assert message.endswith(
            "name a model of the hub or a folder that save_pretrained wrote, and check revision and the network"
        )

    def test_a_missing_folder(self, tmp_path):
        assert "cannot be loaded (" in self.errors(str(tmp_path / "nowhere"))

    def test_a_model_without_an_encoder(self, tmp_path):
        GPT2LMHeadModel(GPT2Config(vocab_size=V, n_embd=8, n_layer=1, n_head=2)).save_pretrained(tmp_path)
        assert "must be an encoder-decoder, is of type gpt2; name one such as T5" in self.errors(str(tmp_path))

    def test_a_model_of_two_vocabularies(self, tmp_path):
        MarianConfig(vocab_size=V, share_encoder_decoder_embeddings=False).save_pretrained(tmp_path)
        assert "must have one vocabulary for sources and targets, has two;" in self.errors(str(tmp_path))

    def test_an_architecture_with_another_output_head(self, tmp_path):
        sizes = {"num_encoder_layers": 1, "num_decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
        heads = {"num_encoder_attention_heads": 2, "num_decoder_attention_heads": 2}
        config = ProphetNetConfig(vocab_size=V, hidden_size=16, **sizes, **heads, decoder_start_token_id=0)
        ProphetNet(config).save_pretrained(tmp_path)
        assert "computes its logits in an unsupported way" in self.errors(str(tmp_path))

    @pytest.mark.parametrize("kind", ["t5"], indirect=True)
    def test_weights_that_are_missing_and_would_be_random(self, name):
        file = Path(name) / "model.safetensors"
        weights = load_file(file)
        lacking = next(weight for weight in weights if "SelfAttention.q" in weight)
        save_file({key: value for key, value in weights.items() if key != lacking}, file, metadata={"format": "pt"})
        assert f"lacks 1 weights, such as {lacking};" in self.errors(name)

    @pytest.mark.parametrize("kind", ["t5"], indirect=True)
    def test_a_model_without_a_start_token(self, name):
        (Path(name) / "generation_config.json").unlink()
        config = Path(name) / "config.json"
        config.write_text(config.read_text().replace('"decoder_start_token_id": 0,', ""))
        assert "must have a decoder_start_token_id, has none; add it" in self.errors(name)

    def test_without_transformers_the_error_gives_the_install_command(self, name, monkeypatch):
        real_import = builtins.__import__

        def without_transformers(wanted, *args, **settings):
            if wanted == "transformers":
                raise ImportError(wanted)
            return real_import(wanted, *args, **settings)

        monkeypatch.delitem(sys.modules, "transformers")
        monkeypatch.setattr(builtins, "__import__", without_transformers)
        assert "needs the package transformers; pip install 'erpo-explore[hub]'" in self.errors(name)


def test_code_of_a_model_is_never_run(tmp_path):
    name = save_tiny("t5", tmp_path)
    config = tmp_path / "config.json"
    theirs = '{"auto_map": {"AutoConfig": "theirs.Config"}, "model_type": "theirs"'
    config.write_text(config.read_text().replace('"model_type": "t5"', theirs[1:]))
    (tmp_path / "theirs.py").write_text("raise SystemExit('run')\n")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        build(name)


def test_position_sines_of_the_library_are_not_trained(tmp_path):
    model = build(save_tiny("marian", tmp_path / "marian", num_tokens=V))
    frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    assert sorted(frozen) == [f"model.model.{side}.embed_positions.weight" for side in ("decoder", "encoder")]
