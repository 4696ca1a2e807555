"""The page of a report: complete, self-contained, and the same every time."""

import asyncio
import dataclasses
import json
import re
from html.parser import HTMLParser

import pytest
from browser import find_browser, open_page
from reported import make_reported

from moeasr.report.html.experiment_comparison import compare_reports
from moeasr.report.html.experiment_report import ReportSettings, report_experiment
from moeasr.report.html.report_page import render_page, report_json

FACTS = {"command": "moeasr report <x>", "commit": "abc"}
VOID = {"meta", "br", "link", "img", "input"}


class Reader(HTMLParser):
    """A reader that checks nesting and collects ids, links and texts."""

    def __init__(self, page):
        super().__init__()
        self.open, self.ids, self.links, self.texts, self.num = [], [], [], [], {}
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.num[tag] = self.num.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    one = make_reported(tmp_path_factory.mktemp("reported"))
    settings = ReportSettings(data_dir=str(one.data_dir), num_permutations=2)
    return report_experiment(one.exp_dir, settings)


@pytest.mark.slow
def test_a_page_is_whole_and_refers_to_nothing_outside(report):
    reports = [report, dataclasses.replace(report, name=f"{report.name}/.")]
    page = render_page(reports, compare_reports(reports), FACTS)
    found = Reader(page)
    assert len(set(found.ids)) == len(found.ids)
    assert all(link.startswith(("#", "data:")) for link in found.links)
    assert {link[1:] for link in found.links if link.startswith("#")} <= set(found.ids)
    assert not re.search(r"url\((?!#)|@import|<link", page)
    assert found.num["audio"] == 2 * len(report.views)
    # curves (2), load, dependence, labels (4), relations, agreement, utterances; and the comparison
    assert found.num["svg"] == 1 + 2 * (2 + 1 + 1 + 4 + 2 + len(report.views))
    text = " ".join(found.texts)
    assert "moeasr report <x>" in text and report.views[0].utt_id in text
    assert "Side by side" in text and "Experts and speaker" in text


@pytest.mark.slow
def test_groups_without_words_do_not_change_the_columns(report):
    head = "<thead><tr><th>words in the utterance</th>"
    (of_all,) = re.findall(head + ".*", render_page([report], [], FACTS))
    assert "utterances" in of_all and "95 % interval" in of_all and "WER %" in of_all
    empty = dataclasses.replace(report.errors.by_length[0], num_tokens=0, interval=None)
    errors = dataclasses.replace(report.errors, by_length=[empty, *report.errors.by_length])
    page = render_page([dataclasses.replace(report, errors=errors)], [], FACTS)
    assert of_all in page


@pytest.mark.slow
def test_a_page_is_the_same_every_time(report):
    assert render_page([report], [], FACTS) == render_page([report], [], FACTS)
    assert "Side by side" not in render_page([report], [], FACTS)


@pytest.mark.slow
def test_experiments_with_other_dev_sets_have_no_common_curves(report):
    names = ("a", "b", "c", "d")
    sets = [(9, 0.5), (8, 0.5), (9, 0.5), None]
    reports = [
        dataclasses.replace(
            report,
            name=name,
            training=dataclasses.replace(report.training, dev_set=size),
            experts=None,
            views=[],
        )
        for name, size in zip(names, sets)
    ]
    page = render_page(reports, compare_reports(reports), FACTS)
    assert "The experiments have 3 different dev sets." in page
    assert Reader(page).num["svg"] == 1 + 4  # a and c together, and the loads of all


def test_the_numbers_are_in_the_json(report):
    content = json.loads(report_json([report], [], FACTS))
    (one,) = content["experiments"]
    assert content["facts"] == FACTS and content["comparison"] == []
    assert one["training"]["dev_wer"] == [[1, 50.0], [2, 25.0]]
    unit = one["experts"]["labels"][0]
    assert unit["layers"][0]["counts"] == report.experts.labels[0].layers[0].counts.tolist()
    assert unit["layers"][0]["share"] == report.experts.labels[0].layers[0].share
    assert one["views"][0]["experts"] == report.views[0].experts
    assert "audio" not in one["views"][0] and "alignments" not in one
    assert one["errors"]["by_length"][0]["percent"] == report.errors.by_length[0].percent


WIDTHS = "[document.documentElement.scrollWidth, innerWidth]"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
READY = """[...document.querySelectorAll("audio")].every(({duration}) => duration > 0)"""
CLICK = """(() => {
  const part = document.querySelector(".utterance"), {start, end} = part.dataset;
  const {left, top, width, height} = part.querySelector("svg").getBoundingClientRect();
  const clientX = left + width * (0.75 * Number(start) + 0.25 * Number(end));
  const click = new MouseEvent("click", {clientX, clientY: top + height / 2, bubbles: true});
  part.querySelector("svg").dispatchEvent(click);
})()"""
CURSOR = """(() => {
  const cursor = document.querySelector(".utterance .cursor");
  return cursor.style.display === "block" && parseFloat(cursor.style.left);
})()"""


@pytest.mark.slow
def test_a_browser_shows_the_page_at_every_width(report, tmp_path, fails_rather_than_hangs):
    """The page does not scroll sideways, it has a dark form, and a click moves the player."""
    find_browser()
    aiohttp = pytest.importorskip("aiohttp")
    path, wav = tmp_path / "report.html", tmp_path / "none.wav"
    path.write_text(render_page([report], [], FACTS), encoding="utf-8")
    found = {}

    async def run():
        async with (
            aiohttp.ClientSession() as session,
            open_page(session, path.as_uri(), wav, tmp_path / "user") as page,
        ):
            for width in (360, 1280):
                sizes = {"width": width, "height": 900, "deviceScaleFactor": 1}
                await page.call("Emulation.setDeviceMetricsOverride", **sizes, mobile=width < 600)
                found[width] = await page.evaluate(WIDTHS)
            for scheme in ("light", "dark"):
                feature = {"name": "prefers-color-scheme", "value": scheme}
                await page.call("Emulation.setEmulatedMedia", features=[feature])
                found[scheme] = await page.evaluate(BACKGROUND)
            await page.wait_for(READY)
            await page.evaluate("document.querySelector('.utterance').scrollIntoView()")
            await page.evaluate(CLICK)
            found["cursor"] = await page.wait_for(CURSOR)
            found["time"] = await page.evaluate(
                "(({currentTime, duration}) => currentTime / duration)"
                "(document.querySelector('audio'))"
            )
            found["place"] = await page.evaluate(
                "(({start, end}) => 75 * start + 25 * end)"
                "(document.querySelector('.utterance').dataset)"
            )

    asyncio.run(run())
    for width in (360, 1280):
        scrolled, inner = found[width]
        assert scrolled <= inner == width
    assert found["light"] == "rgb(255, 255, 255)" and found["dark"] == "rgb(20, 23, 27)"
    assert found["time"] == pytest.approx(0.25, abs=0.01)
    assert found["cursor"] == pytest.approx(found["place"], abs=1.0)
