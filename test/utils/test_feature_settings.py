"""conf/fbank.yaml: what is made of a data directory is told how its features were made."""

import pytest

BINS_80 = "num_mel_bins: 80\nframe_shift_ms: 10.0\n"
BINS_40 = "num_mel_bins: 40\nframe_shift_ms: 10.0\n"
UTTS = ["a-1", "a-2", "b-1", "b-2", "b-3", "c-1"]
FEATS = "".join(f"{utt} /x.ark:{n}\n" for n, utt in enumerate(UTTS))
DERIVATIONS = [
    ["copy_data_dir.sh", "source", "new"],
    ["copy_data_dir.sh", "--utt-prefix", "x-", "--spk-prefix", "x-", "source", "new"],
    ["subset_data_dir.sh", "--first", "source", "3", "new"],
    ["subset_data_dir.sh", "--per-spk", "source", "1", "new"],
    ["combine_data.sh", "new", "source"],
    ["data/remove_dup_utts.sh", "3", "source", "new"],
    ["data/modify_speaker_info.sh", "--utts-per-spk-max", "1", "source", "new"],
]


def give_settings(path, text):
    (path / "conf").mkdir()
    (path / "conf/fbank.yaml").write_text(text)


@pytest.fixture
def source(data):
    """Six utterances with features of 80 bins."""
    path = data("source", feats_DOT_scp=FEATS, frame_shift="0.01\n")
    give_settings(path, BINS_80)
    return path


@pytest.mark.parametrize("command", DERIVATIONS)
def test_settings_go_with_the_features(call, source, command):
    done = call(*command)
    assert done.returncode == 0, done.stderr
    new = source.parent / "new"
    assert (new / "feats.scp").exists()
    assert (new / "conf/fbank.yaml").read_text() == BINS_80
    assert (new / "frame_shift").read_text() == "0.01\n"


def test_each_part_of_a_split_has_the_settings(call, source):
    assert call("split_data.sh", source, "3").returncode == 0
    for part in "123":
        assert (source / "split3" / part / "conf/fbank.yaml").read_text() == BINS_80
    settings = source / "conf/fbank.yaml"
    settings.write_text(BINS_40)  # features were made again
    assert call("split_data.sh", source, "3").returncode == 0
    assert (source / "split3/2/conf/fbank.yaml").read_text() == BINS_40
    settings.unlink()
    assert call("split_data.sh", source, "3").returncode == 0
    assert not (source / "split3/2/conf/fbank.yaml").exists()


@pytest.mark.parametrize("command", [c for c in DERIVATIONS if c[0] != "combine_data.sh"])
def test_settings_of_an_older_target_do_not_stay(call, source, command):
    (source / "conf/fbank.yaml").unlink()
    new = source.parent / "new"
    new.mkdir()
    give_settings(new, BINS_40)
    done = call(*command)
    assert done.returncode == 0, done.stderr
    assert not (new / "conf/fbank.yaml").exists()
    assert (new / ".backup/conf/fbank.yaml").read_text() == BINS_40
    assert "file conf/fbank.yaml exists in dest new but not in src source" in done.stdout


def test_changed_speed_drops_the_settings_with_the_features(call, source):
    (source / "reco2dur").write_text((source / "utt2dur").read_text())
    done = call("data/perturb_data_dir_speed.sh", "0.9", "source", "new")
    assert done.returncode == 0, done.stderr
    assert not (source.parent / "new/feats.scp").exists()
    assert not (source.parent / "new/conf").exists()


@pytest.fixture
def other(data):
    """One more utterance, without features so far."""
    files = {"utt2spk": "d-1 d\n", "spk2utt": "d d-1\n", "text": "d-1 X\n"}
    return data("other", wav_DOT_scp="d-1 /d.wav\n", utt2dur="d-1 1\n", **files)


@pytest.mark.parametrize("table", ["feats.scp", "utt2num_frames", "shards.scp"])
def test_combine_refuses_features_of_other_settings(call, source, other, table):
    (other / table).write_text("d-1 9\n")
    (source / table).write_text("".join(f"{utt} 9\n" for utt in UTTS))
    give_settings(other, BINS_40)
    new = source.parent / "new"
    done = call("combine_data.sh", new, "source", "other")
    assert done.returncode == 1
    assert (
        "num_mel_bins is 80 in source/conf/fbank.yaml, but 40 in other/conf/fbank.yaml"
        in done.stderr
    )
    assert not new.exists()


def test_combine_takes_the_same_settings_in_another_form(call, source, other):
    (other / "feats.scp").write_text("d-1 /d.ark:0\n")
    give_settings(other, "frame_shift_ms: 10.0\nnum_mel_bins: 80  # as ever\n")
    done = call("combine_data.sh", "new", "source", "other")
    assert done.returncode == 0, done.stderr
    assert (source.parent / "new/conf/fbank.yaml").read_text() == BINS_80


def test_combine_looks_at_the_settings_of_features_only(call, source, other):
    give_settings(other, BINS_40)  # left from before its features were removed
    done = call("combine_data.sh", "new", "source", "other")
    assert done.returncode == 0, done.stderr
    assert not (source.parent / "new/feats.scp").exists()
    assert not (source.parent / "new/conf").exists()


def test_combine_does_not_guess_the_settings_of_one_source(call, source, other):
    (other / "feats.scp").write_text("d-1 /d.ark:0\n")
    done = call("combine_data.sh", "new", "source", "other")
    assert done.returncode == 0, done.stderr
    # the form of Kaldi's messages
    said = (
        "combine_data.sh [info]: **not combining conf/fbank.yaml as it does not exist everywhere**"
    )
    assert f"{said}\n" in done.stdout
    assert not (source.parent / "new/conf").exists()


def test_combine_merges_shards(call, source, other):
    (source / "shards.scp").write_text("".join(f"{utt} {utt}.wav 512 s.tar\n" for utt in UTTS))
    (other / "shards.scp").write_text("d-1 d-1.wav 512 t.tar\n")
    done = call("combine_data.sh", "new", "source", "other")
    assert done.returncode == 0, done.stderr
    lines = (source.parent / "new/shards.scp").read_text().splitlines()
    assert len(lines) == 7 and lines[-1] == "d-1 d-1.wav 512 t.tar"
