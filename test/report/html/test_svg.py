"""Figures as SVG elements."""

import xml.etree.ElementTree as ET

from matplotlib.figure import Figure

from moeasr.report.html.svg import svg_of


def drawn():
    figure = Figure(figsize=(2, 1))
    axes = figure.subplots()
    axes.plot([0, 1], [1, 0], color="black", marker="o")
    axes.imshow([[0, 1]])
    axes.set_title("北 & x")
    return figure


def test_the_same_figure_gives_the_same_text():
    text = svg_of(drawn(), "a")
    assert svg_of(drawn(), "a") == text


def test_figures_of_a_page_share_no_ids():
    ids = [
        {element.get("id") for element in ET.fromstring(svg_of(drawn(), name)).iter()} - {None}
        for name in ("a", "b")
    ]
    assert ids[0] and ids[1] and not ids[0] & ids[1]


def test_black_is_the_colour_of_the_page():
    text = svg_of(drawn(), "a")
    root = ET.fromstring(text)
    assert "#000000" not in text and "currentColor" in text
    assert "width" not in root.attrib and "height" not in root.attrib and root.get("viewBox")
    assert any(element.text == "北 & x" for element in root.iter())
    assert "<style" not in text and "DejaVu" not in text
