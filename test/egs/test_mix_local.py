"""egs/mix/local/data_prep.sh, which prepares several corpora and joins their sets.

What it calls is replaced by stand-ins.
"""

import os
import shlex
import subprocess

import pytest
from checkout import ROOT, Checkout
from stand_ins import StandIns

SETS = ("train", "dev", "test")
TEXT = "u1 one Two\nu2  three \u6ca1\u6709\n"
CORPORA = {"an4": "en", "fsdd": "en", "aishell": "zh"}


@pytest.fixture
def mix(tmp_path):
    """A function that runs the script, and the stand-ins that it calls."""
    checkout = Checkout(tmp_path / "root")
    recipe = checkout.copy("mix").dir
    (recipe / "utils").unlink()
    names = ("copy_data_dir.sh", "combine_data.sh", "data/resample_data_dir.sh")
    stand_ins = StandIns(recipe / "utils", names)
    (recipe / "utils/parse_options.sh").symlink_to(ROOT / "utils/parse_options.sh")
    (recipe / "path.sh").write_text("")
    StandIns(tmp_path / "bin", ["python3"])
    (tmp_path / "bin/rm").symlink_to("/bin/true")  # what copy_data_dir.sh would write is there
    for corpus in CORPORA:
        (recipe.parent / corpus / "local").mkdir(parents=True)
        (recipe.parent / corpus / "local/data_prep.py").touch()
        for name in SETS:
            target = recipe / "my data/corpora" / f"{name}-{corpus}"
            target.mkdir(parents=True)
            (target / "text").write_text(TEXT)
            (target / "utt2spk").write_text("u1 s\nu2 s\n")

    def run(*options: str) -> subprocess.CompletedProcess:
        path = f"{tmp_path}/bin:{os.environ['PATH']}"
        env = os.environ | stand_ins.env | {"PATH": path}
        command = ["local/data_prep.sh", *options]
        return subprocess.run(command, cwd=recipe, env=env, capture_output=True, text=True)

    run.dir, run.calls = recipe, stand_ins.calls
    return run


def test_each_corpus_is_prepared_by_its_own_recipe_and_joins_the_sets(mix):
    options = ("--download-dir", "d d", "--unpack-dir", "u", "--data-dir", "my data")
    done = mix(*options, "--corpora", " ".join(CORPORA))
    assert done.returncode == 0, done.stderr
    expected = []
    for corpus in CORPORA:
        expected += [
            f"python3 ../{corpus}/local/data_prep.py --download-dir 'd d' --unpack-dir u "
            f"--data-dir 'my data/corpora/{corpus}'"
        ]
        for name in SETS:
            target = f"'my data/corpora/{name}-{corpus}'"
            expected += [
                f"copy_data_dir.sh --spk-prefix {corpus}- --utt-prefix {corpus}- --validate-opts "
                f"--no-feats 'my data/corpora/{corpus}/{name}' {target}"
            ]
            if corpus == "fsdd":  # 8 kHz
                expected += [f"resample_data_dir.sh 16000 {target}"]
        joined = "combine_data.sh --extra-files utt2dom 'my data/{}'"
        target = f"'my data/corpora/test-{corpus}'"
        expected += [f"{joined.format(f'test_{corpus}')} {target}"]
    for name in ("train", "dev"):
        parts = " ".join(f"'my data/corpora/{name}-{corpus}'" for corpus in CORPORA)
        expected += [f"{joined.format(name)} {parts}"]
    assert mix.calls() == [shlex.split(line) for line in expected]
    for corpus, language in CORPORA.items():
        for name in SETS:
            folder = mix.dir / f"my data/corpora/{name}-{corpus}"
            assert (folder / "utt2lang").read_text() == f"u1 {language}\nu2 {language}\n"
            assert (folder / "utt2dom").read_text() == f"u1 {corpus}\nu2 {corpus}\n"
            assert (folder / "text").read_text() == "u1 ONE TWO\nu2 THREE \u6ca1\u6709\n"


def test_a_corpus_without_a_recipe_is_named(mix):
    done = mix("--corpora", "an4 timit", "--data-dir", "my data")
    assert done.returncode == 1
    assert "--corpora: there is no recipe timit with local/data_prep.py" in done.stderr
