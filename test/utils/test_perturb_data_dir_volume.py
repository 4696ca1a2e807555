"""perturb_data_dir_volume.sh: louder and softer audio, wav.scp changed and no sound touched."""

import random

import pytest

PIPE = "python3 -m moeasr.bin."
UTTS = ["a-1", "a-2", "b-1", "b-2", "b-3", "c-1"]


def entries(path):
    return dict(line.split(" ", 1) for line in (path / "wav.scp").read_text().splitlines())


def test_volumes_are_drawn_as_in_kaldi_and_only_once(call, data):
    path = data(feats_DOT_scp="old\n", shards_DOT_scp="old\n")
    script = "data/perturb_data_dir_volume.sh"
    done = call(script, "--write-reco2vol", "vol", "my data")
    assert done.returncode == 0, done.stderr
    assert "because it does not match the new audio" in done.stdout
    assert {p.name for p in (path / ".backup").iterdir()} == {"feats.scp", "shards.scp"}
    assert "added volume perturbation to the data in my data" in done.stdout
    kaldis = random.Random(0)
    volumes = {utt: kaldis.uniform(0.125, 2) for utt in UTTS}
    assert (call.cwd / "vol").read_text() == "".join(f"{u} {v}\n" for u, v in volumes.items())
    found = entries(path)
    assert found["a-1"] == f"{PIPE}perturb_volume {volumes['a-1']} '/x y/a-1.wav' |"
    assert found["a-2"] == f"cat /x/a-2.wav | {PIPE}perturb_volume {volumes['a-2']} - |"
    done = call(script, "my data")
    assert "already volume perturbed.  Not doing anything." in done.stdout
    assert entries(path) == found


def test_kaldis_own_volume_perturbation_is_recognised(call, data):
    data(wav_DOT_scp="".join(f"{utt} sox --vol 1.5 -t wav {utt}.wav -t wav - |\n" for utt in UTTS))
    done = call("data/perturb_data_dir_volume.sh", "my data")
    assert "already volume perturbed.  Not doing anything." in done.stdout


def test_given_volumes(call, data):
    path = data()
    (call.cwd / "vol").write_text("".join(f"{utt} 0.{n}\n" for n, utt in enumerate(UTTS, start=1)))
    assert call("data/perturb_data_dir_volume.sh", "--reco2vol", "vol", "my data").returncode == 0
    assert entries(path)["b-1"] == f"{PIPE}perturb_volume 0.3 /x/all.ark:5 |"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "Expected none/wav.scp to exist"),
        (["bad"], "bad/wav.scp, line 2: 'a-2' names no audio"),
        (["--reco2vol", "few", "my data"], "id a-2 in few"),
        (["--reco2vol", "loud", "my data"], "volume 'x' of a-1 is"),
        (["--reco2vol", "inf", "my data"], "volume 'inf' of a-1"),
        (["--reco2vol", "no", "my data"], "no such file no"),
    ],
)
def test_errors_change_nothing(call, data, arguments, message):
    paths = [data(), data("bad", wav_DOT_scp="a-1 x\na-2\n")]
    for name, volumes in {"few": "a-1 1", "loud": "a-1 x", "inf": "a-1 inf"}.items():
        (call.cwd / name).write_text(f"{volumes}\n")
    before = [data.read(path) for path in paths]
    done = call("data/perturb_data_dir_volume.sh", *arguments)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert [data.read(path) for path in paths] == before
