"""egs/mix/local/data_prep.py, which prepares several corpora and combines their sets.

The commands that it runs are replaced by a function that records their arguments.
"""

import shlex

import pytest

from moeasr.errors import InputError

SETS = ("train", "dev", "test")
TEXT = "u1 one Two\nu2  three \u6ca1\u6709\n"
CORPORA = {"an4": "en", "fsdd": "en", "aishell": "zh"}


@pytest.fixture
def mix(local_module, tmp_path, monkeypatch):
    """Return a function that runs the script and returns the commands."""
    module = local_module("mix", "data_prep")
    calls = []

    def call(*words):
        calls.append([str(word) for word in words])
        if words[0] == "utils/copy_data_dir.sh":
            words[-1].mkdir(parents=True)
            (words[-1] / "text").write_text(TEXT)

    monkeypatch.setattr(module, "call", call)
    for corpus in CORPORA:
        (tmp_path / corpus / "local").mkdir(parents=True)
        (tmp_path / corpus / "local/data_prep.py").touch()
    (tmp_path / "mix").mkdir()
    monkeypatch.chdir(tmp_path / "mix")

    def run(*options: str) -> list[list[str]]:
        calls.clear()
        module.main(list(options))
        return calls

    run.dir = tmp_path / "mix"
    return run


OPTIONS = ("--download-dir", "d d", "--unpack-dir", "u", "--data-dir", "my data", "--nj", "3")


@pytest.mark.parametrize("corpora", [[" ".join(CORPORA)], [*CORPORA]])
def test_each_corpus_is_prepared_by_its_recipe_and_added_to_the_sets(mix, corpora):
    stale = mix.dir / "my data/corpora/dev-an4/feats.scp"  # from an earlier run
    stale.parent.mkdir(parents=True)
    stale.touch()
    calls = mix(*OPTIONS, "--corpora", *corpora)
    expected, joins = [], []
    for corpus in CORPORA:
        expected += [
            f"python3 ../{corpus}/local/data_prep.py --download-dir 'd d' --unpack-dir u "
            f"--data-dir 'my data/corpora/{corpus}' --nj 3"
        ]
        for name in SETS:
            target = f"'my data/corpora/{name}-{corpus}'"
            expected += [
                f"utils/copy_data_dir.sh --spk-prefix {corpus}- --utt-prefix {corpus}- "
                f"--validate-opts --no-feats 'my data/corpora/{corpus}/{name}' {target}"
            ]
            if corpus == "fsdd":  # 8 kHz
                expected += [f"utils/data/resample_data_dir.sh 16000 {target}"]
        joins += [(f"test_{corpus}", f"'my data/corpora/test-{corpus}'")]
    for name in ("dev", "train"):
        parts = " ".join(f"'my data/corpora/{name}-{corpus}'" for corpus in CORPORA)
        joins.insert(0, (name, parts))
    for name, parts in joins:
        expected += [f"utils/combine_data.sh --extra-files utt2dom 'my data/{name}' {parts}"]
    assert calls == [shlex.split(line) for line in expected]
    for corpus, language in CORPORA.items():
        for name in SETS:
            folder = mix.dir / f"my data/corpora/{name}-{corpus}"
            assert (folder / "utt2lang").read_text() == f"u1 {language}\nu2 {language}\n"
            assert (folder / "utt2dom").read_text() == f"u1 {corpus}\nu2 {corpus}\n"
            assert (folder / "text").read_text() == "u1 ONE TWO\nu2 THREE \u6ca1\u6709\n"
    assert not stale.exists()


def test_a_corpus_without_recipe_is_named(mix):
    with pytest.raises(InputError, match="--corpora: there is no recipe timit with local/data_p"):
        mix(*OPTIONS, "--corpora", "an4 timit")


def test_a_failed_command_stops_the_preparation(local_module):
    module = local_module("mix", "data_prep")
    with pytest.raises(InputError, match=r"bash -c failed \(status 3\); its message is above"):
        module.call("bash", "-c", "exit 3")
