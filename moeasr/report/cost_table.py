"""Tables of the costs of models, for the terminal."""

from collections.abc import Iterable, Mapping, Sequence

from moeasr.models.part_cost import DECODER_PARTS, ENCODER_PARTS, PARTS, PartCost, sum_of

NO_DECODERS = [part for part in PARTS if part not in DECODER_PARTS]


def part_lines(costs: Sequence[PartCost]) -> list[str]:
    """Return the table of one model: a header, a line for each part, and sums."""
    sums = [
        sum_of(costs, "encoder", ENCODER_PARTS),
        sum_of(costs, "without decoders", NO_DECODERS),
        sum_of(costs, "all"),
    ]
    header = ("part", "parameters", "active per frame", "MMAC/s")
    rows = [
        (cost.part, f"{cost.total_params:,}", f"{cost.active_params:,}", _millions(cost))
        for cost in [*costs, *sums]
    ]
    head, *lines = aligned([header, *rows])
    rule = "-" * len(head)
    return [head, rule, *lines[: len(costs)], rule, *lines[len(costs) :]]


def model_lines(costs: Mapping[str, Sequence[PartCost]]) -> list[str]:
    """Return the table of several models: a header, and a line for each model.

    Args:
        costs: The costs of each model by its name.
    """
    sizes = ("parameters M", "active M", "encoder M")
    header = ("model", *sizes, "MMAC/s encoder", "+ CTC, embedding", "+ decoders")
    rows = []
    for name, parts in costs.items():
        encoder, whole = sum_of(parts, "encoder", ENCODER_PARTS), sum_of(parts, "all")
        params = (whole.total_params, whole.active_params, encoder.total_params)
        work = (encoder, sum_of(parts, "without decoders", NO_DECODERS), whole)
        rows.append((name, *(f"{count / 1e6:.3f}" for count in params), *map(_millions, work)))
    return aligned([header, *rows])


def uncounted_lines(costs: Iterable[PartCost]) -> list[str]:
    """Return a note on the modules whose multiply-adds are unknown, if there are any."""
    names = dict.fromkeys(name for cost in costs for name in cost.uncounted)
    if not names:
        return []
    return [
        f"> The multiply-adds of {', '.join(names)} are unknown and not counted. Give the class\n"
        "the attribute `macs_per_frame`: its multiply-adds for one frame or token."
    ]


def _millions(cost: PartCost) -> str:
    return f"{'> ' if cost.uncounted else ''}{cost.macs_per_sec / 1e6:,.2f}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines: the first column aligned to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:])),
            ]
        )
        for row in rows
    ]
