"""Scripts of Kaldi whose work moeasr does elsewhere or does not need."""

import pytest


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("prepare_lang.sh", "moeasr needs no lexicon, lang directory or grammar"),
        ("steps/make_mfcc.sh", "moeasr uses filter banks; call steps/make_fbank.sh instead"),
        ("steps/compute_cmvn_stats.sh", "in stage 1 of run.sh; remove this call"),
    ],
)
def test_what_moeasr_has_no_part_for_says_so(call, script, message):
    done = call(script, "data/train", "exp/x")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert message in done.stderr
