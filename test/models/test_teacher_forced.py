"""One pass over utterances whose transcripts are known."""

import pytest
import torch
from systems import BATCH, make_system, pieces

from moeasr.models.teacher_forced import Inputs, run_teacher_forced


@pytest.mark.parametrize("chunk_size", [-1, 4])
def test_scores_and_routings_are_those_of_each_utterance_by_itself_in_these_chunks(chunk_size):
    model = make_system("u2pp_moe").eval()
    feats = BATCH[0].float()  # a double model takes features of any type
    found = run_teacher_forced(model, Inputs(feats, *BATCH[1:]), chunk_size)
    expected = {"CTC log-probabilities": [], "decoder logits": [], "reverse decoder logits": []}
    expert_ids = []
    with torch.inference_mode():
        for one_feats, feats_lens, tokens, _ in pieces((feats.double(), *BATCH[1:])):
            encoded = model.encode(one_feats, feats_lens, chunk_size)
            expected["CTC log-probabilities"] += model.ctc_log_probs(encoded.enc)
            routings = list(encoded.routings.values())
            for what, decoder, order in (
                ("decoder logits", model.decoder, tokens[0].tolist()),
                ("reverse decoder logits", model.reverse_decoder, tokens[0].tolist()[::-1]),
            ):
                prefix = torch.tensor([[model.sos_eos, *order]])
                lens = torch.tensor([len(order) + 1])
                output = decoder(prefix, lens, encoded.enc, encoded.enc_lens)
                expected[what] += output.logits
                routings += output.routings.values()
            expert_ids.append([routing.expert_ids for routing in routings])
    assert found.scores.keys() == expected.keys()
    for what, scores in expected.items():
        torch.testing.assert_close(found.scores[what], torch.cat(scores), rtol=0, atol=1e-11)
    assert list(found.routings) == list(model.moe_layers())
    for routing, ids in zip(found.routings.values(), zip(*expert_ids), strict=True):
        assert torch.equal(routing.expert_ids, torch.cat(ids))
