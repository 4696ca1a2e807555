"""Bases of config files: merged keys, and the files that messages name."""

import pytest

from moeasr.config_bases import load_chain, merge
from moeasr.errors import InputError
from moeasr.experiment.config import ExperimentConfig, load_experiment


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write `conf/<name>.yaml` of the current directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    return lambda name, text: (tmp_path / f"conf/{name}.yaml").write_text(text)


@pytest.mark.parametrize(
    ("base", "changes", "merged"),
    [
        ({"a": 1, "b": 2}, {"b": 3, "c": 4}, {"a": 1, "b": 3, "c": 4}),
        ({"s": {"a": 1, "t": {"b": 2}}}, {"s": {"t": {"b": 3}}}, {"s": {"a": 1, "t": {"b": 3}}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"s": {"a": 1}}, {"s": None}, {"s": None}),
        ({"s": None}, {"s": {"a": 1}}, {"s": {"a": 1}}),
        ({"s": {"a": 1}}, {"s": {}}, {"s": {"a": 1}}),
        ({"s": {"a": 1}}, {}, {"s": {"a": 1}}),
    ],
)
def test_sections_merge_and_all_else_is_replaced(base, changes, merged):
    assert merge(base, changes) == merged


def test_merging_leaves_the_base_alone():
    """With an anchor, two places of a file may share one section."""
    section = {"a": 1}
    assert merge({"s": section, "t": section}, {"s": {"a": 2}}) == {"s": {"a": 2}, "t": {"a": 1}}
    assert section == {"a": 1}


def test_bases_are_found_beside_the_file_that_names_them(write, tmp_path):
    (tmp_path / "conf/shared").mkdir()
    write("shared/root", "train: {max_epochs: 2, seed: 5}\n")
    write("dense", "base: shared/root.yaml\ntrain: {max_epochs: 3}\n")
    write("moe", "base: dense.yaml\nmodel: {ctc_weight: 0.5}\n")
    chain = [(str(file.path), file.keys) for file in load_chain("conf/moe.yaml")]
    assert chain == [
        ("conf/shared/root.yaml", {"train": {"max_epochs": 2, "seed": 5}}),
        ("conf/dense.yaml", {"train": {"max_epochs": 3}}),
        ("conf/moe.yaml", {"model": {"ctc_weight": 0.5}}),
    ]


def test_an_experiment_is_its_bases_then_itself_then_the_overrides(write):
    write("root", "model: {ctc_weight: 0.5, label_smoothing: 0.2}\ntrain: {max_epochs: 2}\n")
    write("dense", "base: root.yaml\nmodel: {label_smoothing: 0.3}\ndata: {spec_augment: null}\n")
    write("moe", "base: dense.yaml\ntrain: {max_epochs: 4, grad_clip: 1.0}\n")
    config = load_experiment("conf/moe.yaml", ["train.grad_clip=2.0"])
    assert (config.model.ctc_weight, config.model.label_smoothing) == (0.5, 0.3)
    assert (config.train.max_epochs, config.train.grad_clip) == (4, 2.0)
    assert config.data.spec_augment is None
    write("empty", "")
    write("same", "base: empty.yaml\n")
    assert load_experiment("conf/same.yaml") == ExperimentConfig()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"a": "base: b.yaml", "b": "base: none.yaml"},
            "config file conf/none.yaml does not exist "
            "(chain of bases: conf/a.yaml -> conf/b.yaml -> conf/none.yaml)",
        ),
        (
            {"a": "base: b.yaml", "b": "base: ../conf/a.yaml"},
            "a config file cannot be a base of itself "
            "(chain of bases: conf/a.yaml -> conf/b.yaml -> conf/../conf/a.yaml)",
        ),
        (
            {"a": "base: a.yaml"},
            "a config file cannot be a base of itself (chain of bases: conf/a.yaml -> conf/a.yaml)",
        ),
        (
            {"a": "base: b.yaml", "b": "- 1"},
            "config file conf/b.yaml must contain `key: value` lines "
            "(chain of bases: conf/a.yaml -> conf/b.yaml)",
        ),
        (
            {"a": "base: ../conf"},
            "[Errno 21] Is a directory: 'conf/../conf' "
            "(chain of bases: conf/a.yaml -> conf/../conf)",
        ),
        ({"a": "base: [b.yaml]"}, "conf/a.yaml: 'base' must be the path of a YAML file, but is "),
        ({"a": "base:"}, "conf/a.yaml: 'base' must be the path of a YAML file, but is null"),
        ({"a": "base: ''"}, "conf/a.yaml: 'base' must be the path of a YAML file, but is ''"),
        ({"a": 'base: "b\\0"'}, "embedded null byte (chain of bases: conf/a.yaml -> conf/b\0)"),
        ({}, "config file conf/a.yaml does not exist"),
        # a fault belongs to the file in which it is
        ({"a": "base: b.yaml", "b": "modl: 1"}, "conf/b.yaml: unknown key 'modl'; did you mean"),
        ({"a": "base: b.yaml\nmodl: 1", "b": ""}, "conf/a.yaml: unknown key 'modl'; did you mean"),
        (
            {"a": "base: b.yaml\nmodel: {decoder: {num_heads: 3}}", "b": "train: {max_epochs: 1}"},
            "conf/a.yaml: in 'model': `encoder.d_model` must be a multiple",
        ),
        (
            {"a": "model: {base: b.yaml}"},  # a base is of a whole file, not of a section
            "conf/a.yaml: unknown key 'model.base'",
        ),
    ],
)
def test_a_fault_names_its_file_and_the_way_to_it(write, files, message):
    for name, text in files.items():
        write(name, text)
    with pytest.raises(InputError) as caught:
        load_experiment("conf/a.yaml")
    assert str(caught.value).startswith(message)


def test_a_base_is_of_files_only(write):
    write("a", "train: {max_epochs: 1}")
    with pytest.raises(InputError, match=r"conf/a\.yaml: unknown key 'base'"):
        load_experiment("conf/a.yaml", ["base=b.yaml"])
