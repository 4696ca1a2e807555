"""utils/combine_data.sh: tables that are merged or generated, and input that is refused."""

OTHER = {
    "utt2spk": "0-1 0\nd-1 d\n",
    "spk2utt": "0 0-1\nd d-1\n",
    "text": "0-1 NULL\nd-1 FOUR\n",
    "wav.scp": "0-1 /x/0.wav\nd-1 /x/d.wav\n",
}


def combine(call, *arguments):
    return call("combine_data.sh", *arguments)


def test_files_are_merged_that_all_sources_have(call, data):
    data()
    data("other dir", without=["utt2dur"], **{k.replace(".", "_DOT_"): v for k, v in OTHER.items()})
    data("new", cmvn_DOT_scp="stale x\n")
    done = combine(call, "new", "my data", "other dir")
    assert done.returncode == 0, done.stderr
    assert "combined text\n" in done.stdout
    assert "[info]: **not combining utt2dur as it does not exist everywhere**" in done.stdout
    assert "[info]: not combining feats.scp as it does not exist" in done.stdout
    assert "kept all 8 utterances" in done.stdout
    files = data.read(call.cwd / "new")
    assert set(files) == {"utt2spk", "spk2utt", "text", "wav.scp"}
    assert files["utt2spk"] == "0-1 0\na-1 a\na-2 a\nb-1 b\nb-2 b\nb-3 b\nc-1 c\nd-1 d\n"
    assert files["spk2utt"] == "0 0-1\na a-1 a-2\nb b-1 b-2 b-3\nc c-1\nd d-1\n"
    assert files["text"].splitlines()[2] == "a-2 TWO  WORDS"


def test_utt2uniq_and_segments_are_made_up_where_they_lack(call, data):
    data()
    segments = {"segments": "0-1 r 1 2\nd-1 r 2 3.5\n", "wav_DOT_scp": "r /x/r.wav\n"}
    other = {k: v for k, v in OTHER.items() if k != "wav.scp"}
    data("other", utt2uniq="0-1 z\nd-1 y\n", without=["utt2dur"], **other, **segments)
    done = combine(call, "--skip-fix", "true", "new", "my data", "other")
    assert done.returncode == 0, done.stderr
    assert "will generate missing segments for my data" in done.stdout
    assert "kept" not in done.stdout
    files = data.read(call.cwd / "new")
    assert files["segments"].startswith("0-1 r 1 2\na-1 a-1 0 1\na-2 a-2 0 2.5\n")
    assert files["utt2uniq"].startswith("0-1 z\na-1 a-1\n")
    assert files["wav.scp"].endswith("c-1 /x/c-1.wav\nr /x/r.wav\n")


def test_extra_files(call, data):
    data(mine="a-1 x\n")
    other = {k.replace(".", "_DOT_"): v for k, v in OTHER.items()}
    data("other", mine="d-1 y\n", **other)
    options = ["--extra-files", "mine utt2uniq", "--skip-fix", "true"]
    assert combine(call, *options, "new", "other", "my data").returncode == 0
    assert data.read(call.cwd / "new")["mine"] == "a-1 x\nd-1 y\n"


def test_a_fault_leaves_the_destination_alone(call, data):
    data(feats_DOT_scp="a-1 x\n", frame_shift="0.01\n")
    data("other", feats_DOT_scp="d-1 x\n", frame_shift="0.02\n")
    old = data("new", text="old\n")
    data("new/part")
    for sources, message in (
        (["my data", "other"], "different frame_shift in directories other and my data"),
        (["my data", "none"], "no such file none/utt2spk"),
        (["my data", "./new"], "the destination is one of the sources: new"),
        (["my data", "new/part"], "the destination new contains the source new/part"),
    ):
        done = combine(call, "new", *sources)
        assert done.returncode == 1 and message in done.stderr
        assert (old / "text").read_text() == "old\n"
    assert "Usage: combine_data.sh" in combine(call, "new").stdout
