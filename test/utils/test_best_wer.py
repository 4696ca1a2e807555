"""best_wer.sh: the lowest of many error rates."""


def test_best_wer(call):
    rates = "x/wer_7:%WER 13.45 [ 27 / 20 ]\nx/wer_8:%WER 9.5 [ 2 / 20 ]\n"
    assert call("best_wer.sh", stdin=rates).stdout == "%WER 9.5 [ 2 / 20 ] x/wer_8\n"
    done = call("best_wer.sh", stdin="")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
