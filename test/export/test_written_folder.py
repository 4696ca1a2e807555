"""Models and places that are refused before anything is written."""

import pytest
from systems import make_system

from moeasr.deploy.model_folder import ChunkSizes
from moeasr.errors import InputError
from moeasr.export.written_folder import check_exportable, check_target, publish


@pytest.mark.parametrize("sizes", [(0, 4), (16, 0), (16, -1), (-1, 4)])
def test_streams_need_a_fixed_number_of_frames(sizes):
    with pytest.raises(InputError, match="must be at least 1 for a streaming export"):
        ChunkSizes(chunk_size=sizes[0], num_left_chunks=sizes[1])


def test_a_router_that_needs_the_language_is_refused():
    model = make_system("dense")
    check_exportable(model)
    model.languages = ("en", "zh")
    with pytest.raises(InputError, match=r"needs the language of each utterance \(en, zh\)"):
        check_exportable(model)


def test_a_model_without_ctc_is_refused():
    """All networks of a model folder begin with CTC, which would be untrained."""
    model = make_system("dense", ctc_weight=0.0)
    with pytest.raises(InputError, match="^a model folder needs CTC, but .* without it"):
        check_exportable(model)


def test_nothing_else_is_overwritten(tmp_path):
    check_target(tmp_path / "new")
    check_target(tmp_path)  # empty
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="is not a model folder"):
        check_target(tmp_path)
    (tmp_path / "config.yaml").write_text("model: {}\n")
    with pytest.raises(InputError, match="is not a model folder"):
        check_target(tmp_path)
    (tmp_path / "config.yaml").write_text("format: moeasr-export-1\n")
    check_target(tmp_path)
    with pytest.raises(InputError, match="is not a model folder"):
        check_target(tmp_path / "thesis.txt")


def test_a_folder_replaces_an_older_one(tmp_path):
    for name in ("new", "out"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("")
    publish(tmp_path / "new", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
