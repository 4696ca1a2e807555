"""test/conftest.py: the order of the tests, and where GPU tests are skipped."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

CONFTEST = Path(__file__).with_name("conftest.py")


class Item(SimpleNamespace):
    """A collected test with a path, a name and the names of its markers."""

    def get_closest_marker(self, name):
        return name if name in self.markers else None

    def add_marker(self, marker):
        self.markers.append(marker.name)


@pytest.fixture
def modify_items(request):
    return request.config.pluginmanager.get_plugin(str(CONFTEST)).pytest_collection_modifyitems


def item(path, name, *markers):
    return Item(path=path, name=name, markers=list(markers))


def test_files_with_slow_tests_come_first_and_keep_their_order(modify_items):
    items = [item("a", "1"), item("b", "1"), item("b", "2", "slow"), item("c", "1"), item("d", "1")]
    items.append(item("d", "2", "slow"))
    modify_items(items)
    order = [f"{one.path}{one.name}" for one in items]
    assert order == ["b1", "b2", "d1", "d2", "a1", "c1"]


@pytest.mark.parametrize("has_gpu", [True, False])
def test_gpu_tests_are_skipped_only_where_there_is_no_gpu(modify_items, monkeypatch, has_gpu):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    items = [item("a", "1", "gpu"), item("a", "2")]
    modify_items(items)
    assert [one.markers for one in items] == [["gpu"] if has_gpu else ["gpu", "skip"], []]
