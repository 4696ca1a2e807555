"""remove_dup_utts.sh: fewer repetitions of the same transcription."""

import pytest


def test_remove_dup_utts(call, data):
    data(text="".join(f"{u} X\n" for u in ("a-1", "a-2", "b-1", "b-2", "b-3", "c-1")))
    done = call("data/remove_dup_utts.sh", 2, "my data", "new")
    assert done.returncode == 0, done.stderr
    num_kept = (call.cwd / "new/text").read_text().count("\n")
    assert f"Reduced number of utterances from 6 to {num_kept}\n" in done.stdout
    assert 1 <= num_kept < 6
    assert (call.cwd / "new/utt2dur").read_text().count("\n") == num_kept


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["1", "my data", "new"], "<max-count> must be at least 2, but is 1"),
        (["x", "my data", "new"], "<max-count> must be a whole number, but is 'x'"),
        (["2", "none", "new"], "Invalid input directory none"),
        (["2", "my data", "my data"], "to be different"),
    ],
)
def test_errors_of_remove_dup_utts(call, data, arguments, message):
    data()
    done = call("data/remove_dup_utts.sh", *arguments)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not (call.cwd / "new").exists()
