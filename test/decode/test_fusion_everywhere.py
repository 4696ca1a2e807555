"""Fusion in every search that supports it: on whole utterances, in chunks and in streams."""

import pytest
import torch
from checkpoints import save_model
from textbook import Memory

from moeasr.decode.config import DecodeConfig
from moeasr.decode.fusion.build_fusion import build_fusion
from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.live.streaming_recognizer import StreamingRecognizer
from moeasr.decode.recognizer import Recognizer
from moeasr.decode.searches import SEARCHES
from moeasr.errors import InputError

WORDS = """\\data\\
ngram 1=6
ngram 2=2

\\1-grams:
-99 <s> -0.4
-0.9 </s>
-0.3 ab -0.3
-0.6 c
-0.7 d
-3.5 <unk>

\\2-grams:
-0.1 <s> ab
-0.2 ab d

\\end\\
"""
UNITS = WORDS.replace("ab", "a")
FUSIONS = ["words", "units", "phrases", "words and phrases"]
FUSED = [mode for mode, search in SEARCHES.items() if "fusion" in search.settings]


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory):
    one = Recognizer.from_checkpoint(save_model(tmp_path_factory.mktemp("model") / "x.pt"))
    return Recognizer(one.model.double(), one.tokenizer, one.fbank, one.info, one.device)


@pytest.fixture(scope="module")
def fusion_configs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("fusions")
    for name, content in (("words", WORDS), ("units", UNITS), ("phrases", "d\nba\t2.5\n")):
        (directory / name).write_text(content)
    words = {"lm": str(directory / "words"), "lm_weight": 2.0, "word_bonus": 0.5}
    phrases = {"context": str(directory / "phrases"), "context_score": 3.0}
    return {
        "words": FusionConfig(**words),
        "units": FusionConfig(lm=str(directory / "units"), lm_level="unit", lm_weight=2.0),
        "phrases": FusionConfig(**phrases),
        "words and phrases": FusionConfig(**words, **phrases),
    }


@pytest.fixture(scope="module")
def waveform():
    generator = torch.Generator().manual_seed(3)
    loudness = torch.rand(10, generator=generator).repeat_interleave(1600)
    return 0.2 * loudness * torch.randn(16000, generator=generator)


def recognize(recognizer, mode, way, fusion, waveform):
    """Return the n-best list of one utterance."""
    config = DecodeConfig(beam_size=4, chunk_size=-1 if way == "whole" else 4, fusion=fusion)
    if way == "streamed":
        stream = StreamingRecognizer(recognizer, mode, config).open()
        results = [r for packet in waveform.split(1600) for r in stream.accept(packet)]
        return (results + stream.finish())[-1].nbest
    feats = recognizer.features(waveform).double()
    return recognizer.recognize([feats], [mode], config)[mode][0]


@pytest.mark.parametrize("way", ["whole", "chunked", "streamed"])
@pytest.mark.parametrize("name", FUSIONS)
@pytest.mark.parametrize("mode", FUSED)
def test_every_hypothesis_has_its_fusion_score(
    recognizer, fusion_configs, waveform, mode, name, way
):
    config = fusion_configs[name]
    memory = Memory(build_fusion(config, recognizer.tokenizer))
    nbest = recognize(recognizer, mode, way, config, waveform)
    plain = recognize(recognizer, mode, way, FusionConfig(), waveform)
    assert all(h.fusion_score is None for h in plain)
    scores = [memory.final(h.tokens) for h in nbest]
    assert [h.fusion_score for h in nbest] == pytest.approx(scores, rel=1e-9)
    assert [h.tokens for h in nbest] != [h.tokens for h in plain]
    if way == "streamed":
        offline = recognize(recognizer, mode, "chunked", config, waveform)
        assert [h.tokens for h in nbest] == [h.tokens for h in offline]
        # In a stream, the float32 sums of the features are in another order.
        assert [h.score for h in nbest] == pytest.approx([h.score for h in offline], abs=1e-3)


@pytest.mark.parametrize("way", ["whole", "chunked", "streamed"])
@pytest.mark.parametrize("mode", sorted(SEARCHES.keys() - set(FUSED)))
def test_other_searches_refuse_a_fusion(recognizer, fusion_configs, waveform, mode, way):
    with pytest.raises(InputError, match=f"mode '{mode}' cannot use a language model"):
        recognize(recognizer, mode, way, fusion_configs["words"], waveform)
