"""Which utterances the measurement of experts takes."""

import torch
from systems import NUM_MEL_BINS, SYSTEMS

from moeasr.config import dump_yaml, to_mapping
from moeasr.data.archive import open_archive
from moeasr.decode.recognizer import Recognizer
from moeasr.features.fbank import FbankConfig
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.report.expert_usage import read_batches
from moeasr.text.build import build_tokenizer


def test_utterances_that_training_leaves_out_are_measured_too(tmp_path):
    """Shorter or longer than training takes by default, or of too many units."""
    utts = {"long": (3001, "ab"), "many": (1700, "ab" * 201), "short": (9, "a"), "usual": (70, "b")}
    fbank = FbankConfig(num_mel_bins=NUM_MEL_BINS)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "fbank.yaml").write_text(dump_yaml(to_mapping(fbank)))
    (tmp_path / "text").write_text("".join(f"{utt} {text}\n" for utt, (_, text) in utts.items()))
    with open_archive(tmp_path / "feats.ark", tmp_path / "feats.scp") as archive:
        for number, (utt, (num_frames, _)) in enumerate(utts.items()):
            archive.write(utt, torch.full((num_frames, NUM_MEL_BINS), float(number)))
    tokenizer = build_tokenizer(["ab"], "char")
    model = build_model(ModelConfig(**SYSTEMS["dense"]), NUM_MEL_BINS, tokenizer.vocab_size)
    recognizer = Recognizer(model, tokenizer, fbank, {}, torch.device("cpu"))
    num_utts, batches = read_batches(recognizer, tmp_path, batch_frames=3500)
    assert num_utts == 4
    found = {}
    for batch in batches:
        assert batch.feats.size(0) * batch.feats.size(1) <= 3500
        for row, utt in enumerate(batch.utt_ids):
            num_frames, num_tokens = int(batch.feats_lens[row]), int(batch.tokens_lens[row])
            value = batch.feats[row, :num_frames].unique().item()
            found[utt] = (num_frames, tokenizer.decode(batch.tokens[row, :num_tokens]), value)
    assert found == {utt: (*utts[utt], float(number)) for number, utt in enumerate(utts)}
