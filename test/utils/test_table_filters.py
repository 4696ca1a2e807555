"""The small filters of utils/*.pl, on tables worked out by hand."""

import pytest

from moeasr.kaldi.shuffle import shuffled


def test_filter_scp_keeps_lines_as_they_are(call):
    (call.cwd / "my ids").write_text("b x\nc\n")
    table = "a 1\nb   2  \n c\t3\nbc 4\n"
    assert call("filter_scp.pl", "my ids", stdin=table).stdout == "b   2  \n c\t3\n"
    assert call("filter_scp.pl", "--exclude", "my ids", stdin=table).stdout == "a 1\nbc 4\n"
    (call.cwd / "table").write_text("1 a\n2 b\n3 c\n")
    assert call("filter_scp.pl", "-f", 2, "my ids", "table").stdout == "2 b\n3 c\n"
    assert call("filter_scp.pl", "-f", 2, "--exclude", "my ids", "table").stdout == "1 a\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        ([], "", "Usage: filter_scp.pl"),
        (["ids", "t", "u"], "", "Usage: filter_scp.pl"),
        (["nowhere"], "", "the id list nowhere cannot be read"),
        (["ids"], "a 1\n\n", "(-, line 2)"),
        (["-f", "3", "ids"], "a b c\na b\n", "no field 3: 'a b' (-, line 2)"),
        (["blank"], "", "Invalid id-list file line '' (blank, line 2)"),
        (["ids", "nowhere"], "", "filter_scp.pl: nowhere: No such file"),
    ],
)
def test_filter_scp_errors_name_file_and_line(call, arguments, stdin, message):
    (call.cwd / "ids").write_text("a\n")
    (call.cwd / "blank").write_text("a\n\n")
    done = call("filter_scp.pl", *arguments, stdin=stdin)
    assert done.returncode != 0 and message in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], "x y z z - x y"),
        (["-f", "1"], "x y b n a"),
        (["-f", "2-3"], "a z z - a"),
        (["-f", "2:3"], "a z z - a"),
        (["-f", "-2"], "x y z z n a"),
        (["-f", "4-"], "a b n x y"),
    ],
)
def test_apply_map(call, fields, expected):
    (call.cwd / "map").write_text("a x y\nb z  z\nn -\n")
    done = call("apply_map.pl", *fields, "map", stdin="a\t b n   a \n")
    assert done.stdout == expected + "\n"


def test_apply_map_leaves_what_is_missing_only_if_permissive(call):
    (call.cwd / "map").write_text("a x\n")
    done = call("apply_map.pl", "map", stdin="a q\n")
    assert (
        done.returncode != 0 and done.stderr == "apply_map.pl: undefined key q in map (-, line 1)\n"
    )
    done = call("apply_map.pl", "--permissive", "map", stdin="a q\n")
    assert (done.returncode, done.stdout) == (0, "x q\n")
    assert done.stderr == "apply_map.pl: warning! missing key q in map\n"
    assert call("apply_map.pl", "-f", "x", "map").returncode != 0
    assert call("apply_map.pl").stderr.startswith("Usage: apply_map.pl")


def test_utt2spk_and_spk2utt_keep_the_order_of_the_input(call):
    (call.cwd / "utt2spk").write_text("u3 b\nu1 a\nu2  b\n")
    assert call("utt2spk_to_spk2utt.pl", "utt2spk").stdout == "b u3 u2\na u1\n"
    assert call("spk2utt_to_utt2spk.pl", stdin="b u3 u2\na u1\n").stdout == "u3 b\nu2 b\nu1 a\n"


@pytest.mark.parametrize("line", ["u1", "u1 a b", ""])
def test_a_malformed_utt2spk_is_named(call, line):
    (call.cwd / "utt2spk").write_text(f"u0 a\n{line}\n")
    done = call("utt2spk_to_spk2utt.pl", "utt2spk")
    assert done.returncode != 0 and done.stdout == ""
    assert done.stderr == f"Invalid line in utt2spk file: {line} (utt2spk, line 2)\n"


def test_a_malformed_spk2utt_is_named(call):
    done = call("spk2utt_to_utt2spk.pl", stdin="a u1\nb\n")
    assert done.returncode != 0
    assert done.stderr == "Invalid line in spk2utt file: b (-, line 2)\n"


def test_any_bytes_pass_through(call):
    """Latin-1, a UTF-8 no-break space inside a field, and no newline at the end."""
    (call.cwd / "ids").write_bytes("\u00e4\u00a0b\n".encode())
    (call.cwd / "table").write_bytes("\u00e4\u00a0b x".encode() + b"\xe9\n" + b"\xff y")
    kept = call("filter_scp.pl", "--exclude", "ids", "table", env={"LC_ALL": "C"}, text=False)
    assert kept.stdout == b"\xff y"
    kept = call("filter_scp.pl", "ids", "table", env={"LC_ALL": "C"}, text=False)
    assert kept.stdout == "\u00e4\u00a0b x".encode() + b"\xe9\n"
    shuffled = call("shuffle_list.pl", "ids", env={"LC_ALL": "C"})
    assert shuffled.stdout == "\u00e4\u00a0b\n"


def test_shuffle_list_is_kaldis_shuffle(call):
    """Known orders, from Kaldi's shuffle_list.pl under Perl 5.36."""
    numbers = "".join(f"{n}\n" for n in range(1, 9))
    for option, expected in ([], "31857264"), (["--srand", 7], "47316528"):
        done = call("shuffle_list.pl", *option, stdin=numbers)
        assert done.stdout.replace("\n", "") == expected
    without_end = call("shuffle_list.pl", stdin=numbers.removesuffix("\n"))
    assert without_end.stdout == call("shuffle_list.pl", stdin=numbers).stdout
    assert call("shuffle_list.pl", "--srand", "x").returncode == 1
    assert call("shuffle_list.pl", "--seed").returncode == 1


def test_random_numbers_are_compared_as_text_as_in_kaldi():
    """Perl writes a number below 0.0001 as 1.2e-05, which comes after all that begin with 0: the
    one that item 19868 draws. These are the last five items in the order that Perl 5.36 makes.
    """
    assert shuffled(range(20000))[-5:] == [19400, 17432, 12045, 13100, 19868]


def split(call, *arguments):
    return call("split_scp.pl", *arguments)


def test_split_scp_makes_the_first_parts_larger(call):
    (call.cwd / "in scp").write_text("".join(f"u{n} x\n" for n in range(7)))
    assert split(call, "in scp", "o1", "o 2", "o3").returncode == 0
    counts = [(call.cwd / name).read_text().count("\n") for name in ("o1", "o 2", "o3")]
    assert counts == [3, 2, 2]
    assert split(call, "-j", 3, 1, "in scp").stdout == "u3 x\nu4 x\n"
    assert split(call, "-j", 3, 1, "--one-based", "in scp", "o").returncode == 0
    assert (call.cwd / "o").read_text() == "u0 x\nu1 x\nu2 x\n"


def test_split_scp_by_speaker(call):
    """Parts with equally many speakers would have 8 and 2 utterances; these parts have 6 and 4."""
    sizes = {"a": 6, "b": 1, "c": 1, "d": 1, "e": 1}
    utts = [(f"{s}{n}", s) for s, size in sizes.items() for n in range(size)]
    (call.cwd / "utt2spk").write_text("".join(f"{u} {s}\n" for u, s in utts))
    done = split(call, "--utt2spk=utt2spk", "utt2spk", "o1", "o2")
    assert (done.returncode, done.stderr) == (0, "")
    parts = [(call.cwd / name).read_text().split()[1::2] for name in ("o1", "o2")]
    assert [set(speakers) for speakers in parts] == [{"a"}, {"b", "c", "d", "e"}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in", "o1", "o2", "o3"], "You are splitting into too many pieces! [reduce $nj (3) to be"),
        (["--utt2spk=utt2spk", "in", "o1", "o2"], "Refusing to split data because number of speak"),
        (["--utt2spk=other", "in", "o1"], "No utterance u1 in utt2spk (in, line 1)"),
        (["--utt2spk=in", "in", "o1"], "in, line 1: has 3 fields instead of 2"),
        (["-j", "2", "2", "in"], "Invalid job number/index values for '-j 2 2'"),
        (["-j", "2", "0", "--one-based", "in"], "Invalid job number/index values for"),
        (["nowhere", "o1"], "split_scp.pl: no such file nowhere"),
        (["in"], "Usage: split_scp.pl"),
    ],
)
def test_split_scp_errors_write_nothing(call, arguments, message):
    (call.cwd / "in").write_text("u1 x y\nu2 x y\n")
    (call.cwd / "utt2spk").write_text("u1 a\nu2 a\n")
    (call.cwd / "other").write_text("u9 a\n")
    done = split(call, *arguments)
    assert done.returncode != 0 and message in done.stderr and "Traceback" not in done.stderr
    assert not list(call.cwd.glob("o?"))
