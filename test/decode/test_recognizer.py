"""The recognizer: batches, order of results, one encoder pass for all modes, bad checkpoints."""

import copy
import itertools
import time

import pytest
import torch

from moeasr import checkpoint
from moeasr.config import to_mapping
from moeasr.decode.config import DecodeConfig
from moeasr.decode.ctc.greedy import ctc_greedy_search
from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.recognizer import Recognizer
from moeasr.decode.searches import SEARCHES
from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoeConfig
from moeasr.text.tokenizer import Tokenizer

MODES = list(SEARCHES)
UNITS = ["<blank>", "<unk>", "<sos/eos>", *"abcd", "\u2581"]


@pytest.fixture(scope="module")
def content():
    torch.manual_seed(2)
    moe = MoeConfig(hidden_units=16, num_experts=4)
    config = ModelConfig(
        encoder=ConformerConfig(num_blocks=2, d_model=16, num_heads=2, feed_forward=moe),
        decoder=DecoderConfig(num_blocks=1, num_heads=2, num_reverse_blocks=1),
    )
    model = build_model(config, num_mel_bins=20, vocab_size=len(UNITS))
    torch.nn.init.normal_(model.ctc.project.weight, std=2.0)
    return {
        "model": model.state_dict(),
        "config": {"model": to_mapping(config)},
        "tokenizer": {"type": "char", "non_lang_syms": [], "units": UNITS, "bpe_model": None},
        "fbank": to_mapping(FbankConfig(num_mel_bins=20)),
        "info": {"commit": "abc", "seed": 5, "config_name": "tiny"},
    }


@pytest.fixture
def recognizer(content, tmp_path):
    checkpoint.save(tmp_path / "x.pt", content)
    one = Recognizer.from_checkpoint(tmp_path / "x.pt")
    return Recognizer(one.model.double(), one.tokenizer, one.fbank, one.info, one.device)


def random_feats(lengths):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(length, 20, generator=generator, dtype=torch.float64) for length in lengths]


def assert_same(left, right):
    assert [h.tokens for h in left] == [h.tokens for h in right]
    assert [h.score for h in left] == pytest.approx([h.score for h in right], abs=1e-9)


@pytest.mark.parametrize("chunk_size", [-1, 2])
def test_results_are_in_input_order_and_do_not_depend_on_batches(recognizer, chunk_size):
    feats = random_feats([50, 90, 31, 64, 90])
    config = DecodeConfig(beam_size=4, chunk_size=chunk_size)
    together = recognizer.recognize(feats, MODES, config, batch_frames=200)
    assert list(together) == MODES
    for index, utt in enumerate(feats):
        alone = recognizer.recognize_batch([utt], MODES, config).nbest
        for mode in MODES:
            assert_same(together[mode][index], alone[mode][0])


def test_modes_share_one_encoder_pass_and_do_not_affect_each_other(recognizer):
    feats = random_feats([40, 60])
    config = DecodeConfig(beam_size=3)
    calls = []
    encode = recognizer.model.encode
    recognizer.model.encode = lambda *args: calls.append(args) or encode(*args)
    together = recognizer.recognize_batch(feats, MODES, config)
    assert len(calls) == 1
    assert set(together.search_sec) == set(MODES)
    for mode in MODES:
        for left, right in zip(
            together.nbest[mode], recognizer.recognize_batch(feats, [mode], config).nbest[mode]
        ):
            assert_same(left, right)


def test_every_mode_is_timed_separately(recognizer, monkeypatch):
    """Run on a clock that advances by 1 s at each reading."""
    monkeypatch.setattr(time, "perf_counter", itertools.count().__next__)
    output = recognizer.recognize_batch(random_feats([40]), MODES, DecodeConfig(beam_size=2))
    assert output.encoder_sec == 1
    assert output.search_sec == dict.fromkeys(MODES, 1)


def test_every_utterance_keeps_its_language_through_batches(content):
    routed = MoeConfig(hidden_units=16, num_experts=4, router="language")
    encoder = ConformerConfig(num_blocks=1, d_model=16, num_heads=2, feed_forward=routed)
    config = ModelConfig(
        encoder=encoder, decoder=DecoderConfig(num_blocks=1, num_heads=2), languages=("en", "zh")
    )
    model = build_model(config, num_mel_bins=20, vocab_size=len(UNITS)).double()
    tokenizer = Tokenizer.from_state(content["tokenizer"])
    one = Recognizer(model, tokenizer, FbankConfig(), {}, torch.device("cpu"))
    # 5 frames are too few for the encoder
    feats, languages = random_feats([50, 90, 5, 31, 64]), [1, 0, 1, 0, 1]
    settings = (MODES[:1], DecodeConfig(), 200)
    together = one.recognize(feats, *settings, languages)[MODES[0]]
    swapped = one.recognize(feats, *settings, [1 - index for index in languages])[MODES[0]]
    for index in (0, 1, 3, 4):
        alone = one.recognize([feats[index]], *settings, [languages[index]])[MODES[0]][0]
        assert_same(together[index], alone)
        assert abs(together[index][0].score - swapped[index][0].score) > 1e-3
    with pytest.raises(InputError, match="needs the language of each utterance"):
        one.recognize(feats, *settings)


@torch.no_grad()
def test_the_encoder_uses_the_chunk_size(recognizer):
    (feats,) = random_feats([80])
    nbest = recognizer.recognize([feats], MODES[:1], DecodeConfig(chunk_size=3))
    output = recognizer.model.encode(feats[None], torch.tensor([80]), 3)
    log_probs = recognizer.model.ctc_log_probs(output.enc)
    assert_same(nbest[MODES[0]][0], ctc_greedy_search(log_probs, output.enc_lens))


def test_an_utterance_too_short_for_the_encoder_gets_the_empty_hypothesis(recognizer):
    feats = random_feats([6, 40, 0])
    results = recognizer.recognize(feats, MODES, DecodeConfig(beam_size=2))
    for mode in MODES:
        assert [h.tokens for h in results[mode][0]] == [()]
        assert [h.tokens for h in results[mode][2]] == [()]
        assert_same(
            results[mode][1],
            recognizer.recognize(feats[1:2], MODES, DecodeConfig(beam_size=2))[mode][0],
        )
    assert recognizer.recognize([], MODES, DecodeConfig()) == {mode: [] for mode in MODES}


def test_boosted_phrases_are_read_again_only_if_the_settings_change(recognizer, tmp_path):
    """Two settings with different lists of phrases are used in turn."""
    configs = []
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"{name}c\n")
        configs.append(DecodeConfig(fusion=FusionConfig(context=str(tmp_path / name))))
    first, second = map(recognizer.load_fusion, configs)
    unit_a = torch.tensor([UNITS.index("a")])
    scores = [float(fusion.extend(fusion.start()[None], unit_a)[0]) for fusion in (first, second)]
    assert scores[0] > scores[1] == 0
    assert recognizer.load_fusion(configs[1]) is second
    assert recognizer.load_fusion(DecodeConfig()) is None
    assert recognizer.load_fusion(configs[1]) is second  # also after a call without phrases


def test_the_features_of_a_waveform_are_recognised_as_text(recognizer):
    waveform = torch.sin(torch.arange(8000) * 0.3) * torch.linspace(0, 1, 8000)
    feats = recognizer.features(waveform)
    assert feats.shape == (50, 20)
    (nbest,) = recognizer.recognize([feats], MODES[:1], DecodeConfig())[MODES[0]]
    units = [{"\u2581": " "}.get(UNITS[token], UNITS[token]) for token in nbest[0].tokens]
    assert len(units) > 1
    assert recognizer.text(nbest[0]).split() == "".join(units).split()


@pytest.mark.parametrize(
    ("settings", "shift_sec"),
    [({}, 0.01), ({"frame_shift_ms": 12.5}, 0.0125), ({"sample_rate_hz": 22050}, 220 / 22050)],
)
def test_times_depend_on_the_frame_shift_of_the_features(recognizer, settings, shift_sec):
    """An encoder frame has four feature frames, for every frame shift."""
    recognizer.fbank = FbankConfig(num_mel_bins=20, **settings)
    assert recognizer.frame_sec == pytest.approx(4 * shift_sec, rel=1e-12)
    tokens = tuple(map(UNITS.index, "ab"))
    spans = ((1, 3), (1000, 1001))
    said = Hypothesis(tokens=tokens, score=0.0, spans=spans, token_confidence=(0.9, 0.8))
    times = [(item.start_sec, item.end_sec) for item in recognizer.times(said).tokens]
    assert times == [pytest.approx([4 * shift_sec * n for n in span], rel=1e-12) for span in spans]


def test_stored_features_with_other_settings_are_refused(recognizer, tmp_path):
    path = tmp_path / "fbank.yaml"
    path.write_text("num_mel_bins: 20\n")
    recognizer.check_fbank(path)
    path.write_text("num_mel_bins: 20\nhigh_freq_hz: 8000\n")
    with pytest.raises(InputError, match=r"fbank\.yaml: `high_freq_hz` is 8000\.0.*7600\.0"):
        recognizer.check_fbank(path)
    with pytest.raises(InputError, match="nothing.yaml does not exist"):
        recognizer.check_fbank(tmp_path / "nothing.yaml")


@pytest.mark.parametrize("key", ["model", "config", "tokenizer", "fbank", "info"])
def test_a_checkpoint_without_a_section_is_refused(content, tmp_path, key):
    path = tmp_path / "x.pt"
    checkpoint.save(path, {name: part for name, part in content.items() if name != key})
    with pytest.raises(InputError, match=rf"x\.pt lacks '{key}'"):
        Recognizer.from_checkpoint(path)


def test_a_checkpoint_with_other_weights_is_refused(content, tmp_path):
    path = tmp_path / "x.pt"
    checkpoint.save(path, {**content, "model": {}})
    with pytest.raises(InputError, match=r"checkpoint .*x\.pt: "):
        Recognizer.from_checkpoint(path)


def parts_of(value, path=()):
    """Yield the paths of all sections and values of a checkpoint, except the weights."""
    for key, item in value.items():
        yield (*path, key)
        if isinstance(item, dict) and key != "model" or path == ("config",):
            yield from parts_of(item, (*path, key))


ODD = [None, [], {}, "x", -1, 0, 10**30, 1.5, float("nan"), True, b"x", torch.ones(2), [1]]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Initializing zero-element")  # of a model without units
def test_a_wrong_value_in_a_checkpoint_loads_or_is_refused_with_the_file_name(content, monkeypatch):
    """Try each value for each key: a tensor for a number, a negative width, text for a section."""
    num_refused = num_parts = 0
    for keys in parts_of(content):
        num_parts += 1
        for value in ODD:
            changed = copy.deepcopy({k: v for k, v in content.items() if k != "model"})
            changed["model"] = content["model"]
            section = changed
            for key in keys[:-1]:
                section = section[key]
            section[keys[-1]] = value
            monkeypatch.setattr(checkpoint, "load", lambda _, changed=changed: changed)
            try:
                Recognizer.from_checkpoint("x.pt")
            except InputError as error:
                num_refused += 1
                assert "x.pt" in str(error) and "\n" not in str(error), (keys, value)
    assert num_parts > 60 and num_refused > 5 * num_parts
