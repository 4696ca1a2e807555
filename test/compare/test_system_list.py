"""Lines of a list of systems, and the experiments that they ask for."""

from pathlib import Path

import pytest
from noting_recipe import LIST, NAMES

from moeasr.compare.system_list import (
    Experiment,
    Need,
    is_plain,
    plan_experiments,
    read_systems,
)
from moeasr.errors import InputError


def test_fields_of_a_line(recipe):
    dense, student, moe = read_systems("conf/compare.list")
    assert (dense.name, dense.config, dense.overrides) == ("dense", "conf/dense.yaml", ())
    assert (dense.num_seeds, dense.place) == (None, "conf/compare.list:3")
    teacher = "distillation.teacher={exp}/dense_seed{seed}/averaged.pt"
    assert student.overrides == (teacher, "a.b=null")
    assert (student.num_seeds, moe.num_seeds) == (1, 2)


def test_line_ends_of_windows_and_a_missing_last_one(recipe):
    text = LIST.rstrip("\n").replace("\n", "\r\n").encode()
    Path("conf/windows.list").write_bytes(text)
    dense, _, moe = read_systems("conf/windows.list")
    assert (dense.config, moe.num_seeds) == ("conf/dense.yaml", 2)


def test_experiments_are_ordered_by_system_then_seed(recipe):
    planned = plan_experiments(read_systems("conf/compare.list"), [1, 2], "exp/x")
    assert [experiment.name for experiment in planned] == NAMES
    teacher = "exp/x/dense_seed1/averaged.pt"
    assert planned[2] == Experiment(
        name="student_seed1",
        system="student",
        seed=1,
        config="conf/moe.yaml",
        overrides=(f"distillation.teacher={teacher}", "a.b=null"),
        needs=(Need("dense_seed1", teacher),),
    )
    assert planned[0].needs == ()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("moe", ":2: system moe has no config"),
        ("moe conf/none.yaml", ":2: config conf/none.yaml of moe does not exist"),
        ("dense conf/moe.yaml", ":2: system dense is already defined on line 1"),
        ("m/oe conf/moe.yaml", ":2: a name of a system must consist of letters, digits and _.-"),
        ("moe conf/moe.yaml a.b", ":2: 'a.b' must be seeds=N or a.b=value"),
        ("moe conf/moe.yaml a.b=", ":2: 'a.b=' must be"),
        ("moe conf/moe.yaml ab=1", ":2: 'ab=1' must be"),
        ("moe conf/moe.yaml a.b=$(x)", ":2: 'a.b=$(x)' must be"),
        ("moe conf/moe.yaml a.b=*", ":2: 'a.b=*' must be"),
        ("moe conf/moe.yaml a.b={c}", ":2: 'a.b={c}' must be"),
        ("moe conf/moe.yaml a.b=[*]", ":2: 'a.b=[*]' must be"),
        ("moe conf/moe.yaml seeds=0", ":2: 'seeds=0' must be"),
        ("moe conf/moe.yaml seeds=x", ":2: 'seeds=x' must be"),
        (
            "moe conf/moe.yaml a.b={exp}/big_seed{seed}/averaged.pt",
            ":2: moe_seed1 needs big_seed1, but no line above defines it",
        ),
        (  # the teacher has seed 1 only
            "moe conf/moe.yaml a.b={exp}/dense_seed{seed}/averaged.pt",
            ":2: moe_seed2 needs dense_seed2, but no line above defines it",
        ),
        (
            "moe conf/moe.yaml a.b={exp}/moe_seed{seed}/averaged.pt",
            ":2: moe_seed1 needs moe_seed1, but no line above defines it",
        ),
    ],
)
def test_a_bad_line_is_named(recipe, line, message):
    Path("conf/bad.list").write_text(f"dense conf/dense.yaml seeds=1\n{line}")
    with pytest.raises(InputError) as caught:
        plan_experiments(read_systems("conf/bad.list"), [1, 2], "exp")
    assert str(caught.value).startswith(f"conf/bad.list{message}")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("conf/none.list", "no such file conf/none.list"),
        ("conf", "no such file conf"),
        ("conf/empty.list", "conf/empty.list contains no systems"),
    ],
)
def test_a_list_without_systems_is_refused(recipe, path, message):
    Path("conf/empty.list").write_text("# nothing\n")
    with pytest.raises(InputError, match=message):
        read_systems(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a/b_c.d:e,f=g+h@i%j-9", True), ("", False), ("a b", False), ("a\n", False), ("é", False)],
)
def test_plain_texts(text, expected):
    assert is_plain(text) is expected
