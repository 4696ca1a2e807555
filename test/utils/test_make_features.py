"""utils/make_features.sh: features by data type, in the place of what was made before."""

import shlex

import pytest
from stand_ins import StandIns

MAKERS = ("make_fbank.sh", "make_raw.sh", "make_shards.sh", "fix_data_dir.sh")
OLD = ("data/dev/feats.scp", "data/dev/shards.scp", "fb/raw_fbank_dev.7.ark")
OTHERS = (
    *("data/dev/text", "fb/raw_fbank_dev2.1.ark", "fbank/raw_fbank_dev.1.ark"),
    *("fb/raw_fbank_dev.en.1.ark", "fb/raw_fbank_dev.2.1.ark"),  # of data/dev.en and data/dev.2
)


@pytest.fixture
def make_features(call, utils):
    """Return a function that runs the script, whose neighbours are stand-ins, and their calls."""
    stand_ins = StandIns(call.cwd / "utils", MAKERS)
    for name in ("make_features.sh", "parse_options.sh"):
        (call.cwd / "utils" / name).write_bytes((utils / name).read_bytes())
        (call.cwd / "utils" / name).chmod(0o755)

    def run(*arguments):
        done = call(call.cwd / "utils/make_features.sh", *arguments, env=stand_ins.env)
        return done, stand_ins.calls()

    return run


@pytest.mark.parametrize(
    ("data_type", "maker", "place"),
    [
        ("feats", "make_fbank.sh", "fb"),
        ("raw", "make_raw.sh", ""),
        ("shard", "make_shards.sh", "s"),
    ],
)
def test_features_are_made_by_data_type(call, make_features, data_type, maker, place):
    for name in (*OLD, *OTHERS):
        (call.cwd / name).parent.mkdir(parents=True, exist_ok=True)
        (call.cwd / name).touch()
    options = ("--nj", "3", "--cmd", "run -q", "--fbank-config", "my.yaml")
    places = ("--fbank-dir", "fb", "--shard-dir", "s")
    done, calls = make_features("--data-type", data_type, *options, *places, "data/dev/")
    assert done.returncode == 0, done.stderr
    made = f"{maker} --nj 3 --cmd 'run -q' --fbank-config my.yaml data/dev data/dev/log {place}"
    assert calls == [shlex.split(made), ["fix_data_dir.sh", "data/dev"]]
    assert not any((call.cwd / name).exists() for name in OLD)
    assert all((call.cwd / name).exists() for name in OTHERS)


@pytest.mark.parametrize("data", ["data/dev", "./data/dev"])
def test_defaults(make_features, data):
    done, calls = make_features(data)
    assert done.returncode == 0, done.stderr
    made = f"make_fbank.sh --nj 4 --cmd run.pl --fbank-config conf/fbank.yaml {data} {data}/log"
    assert calls[0] == [*made.split(), "fbank"]


@pytest.mark.parametrize(
    ("data", "below"),
    [
        ("data/fsdd/dev", "/data/fsdd"),
        ("other/dev/", "/other"),
        ("/big/data/dev", "/big/data"),
    ],
)
def test_sets_of_one_name_do_not_share_features(call, make_features, data, below):
    of_data = call.cwd / "fbank/raw_fbank_dev.1.ark"
    of_data.parent.mkdir()
    of_data.touch()
    for data_type, place in (("feats", "fbank"), ("shard", "shards")):
        done, calls = make_features("--data-type", data_type, data)
        assert done.returncode == 0, done.stderr
        assert calls[-2][-1] == place + below
    assert of_data.exists()


def test_a_maker_that_fails_ends_it(call, make_features):
    (call.cwd / "utils/make_raw.sh").unlink()
    (call.cwd / "utils/make_raw.sh").symlink_to("/bin/false")
    done, calls = make_features("--data-type", "raw", "data/dev")
    assert done.returncode == 1 and calls == []


@pytest.mark.parametrize("arguments", [["--data-type", "tar", "data/dev"], [], ["a", "b"]])
def test_wrong_calls_show_the_usage(make_features, arguments):
    done, calls = make_features(*arguments)
    assert done.returncode == 1 and "[options] <data-dir>" in done.stderr and calls == []
