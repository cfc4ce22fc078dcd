"""The result as one HTML page that needs nothing but itself."""

from collections.abc import Sequence
from html import escape

from tierrouter_cli.replay import charts, words
from tierrouter_cli.replay.figures import sections
from tierrouter_cli.replay.replayed import Replayed
from tierrouter_core.replay.draws import Column

_STYLE = """
:root { color-scheme: light dark; --ground: #fcfcfb; --ink: #1f2328; --soft: #59616b; --line: #d9dde2;
  --c0: #3b6ea8; --c1: #d9663f; --c2: #2f8a5b; --c3: #b08a14; --c4: #8a4f9e; --c5: #2a96a5; --c6: #b8436a;
  --base: #8c939c; }
@media (prefers-color-scheme: dark) { :root { --ground: #16191d; --ink: #e6e8ea; --soft: #a1a9b2; --line: #333a42;
  --c0: #6ea3dd; --c1: #ec8a67; --c2: #5cb98a; --c3: #d6b24a; --c4: #b98ace; --c5: #5fc0cc; --c6: #e07f9f;
  --base: #818a94; } }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 50rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .25rem; }
p, figcaption { margin: .25rem 0 .75rem; color: var(--soft); }
figure { margin: 0; } svg { display: block; width: 100%; height: auto; overflow: visible; }
text { font: 13px system-ui, sans-serif; fill: var(--ink); } text.tick { fill: var(--soft); font-size: 12px; }
text.figure { font-variant-numeric: tabular-nums; }
.grid { stroke: var(--line); } .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.dashed { stroke-dasharray: 6 5; } .range { stroke-width: 2.5; stroke-linecap: round; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0; margin: 0 0 .75rem;
  font-size: .875rem; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .45em; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .875rem; width: 100%; }
th, td { text-align: right; padding: .2rem .6rem; font-variant-numeric: tabular-nums; vertical-align: bottom; }
th:first-child { text-align: left; font-weight: normal; white-space: nowrap; } th.inner { padding-left: 1.6rem; }
thead th { font-weight: 600; } tbody { border-top: 1px solid var(--line); } tr.result > * { font-weight: 600; }
"""
_COLOURS = (*(charts.colour(number) for number in range(charts.COLOURS)), "base")


def page(replayed: Replayed) -> str:
    """The page."""
    columns = replayed.columns
    notes = "".join(f"<p>{escape(sentence)}</p>" for sentence in words.sentences(replayed))
    parts = [
        _figure("Cost by model", _cost_caption(columns), _costs(columns)),
        _savings(columns),
        _figure("Cumulative cost", "As the calls were made; of several draws, the first.", _curves(replayed)),
        _figure(
            "Share of the expensive tiers",
            "What the tiers marked expensive served: of the calls, of the spend, of the input tokens.",
            _expensive(columns),
        ),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>TierRouter replay</title><style>{_STYLE}{_colour_rules()}</style></head><body>"
        f"<h1>What these calls would have cost</h1><p>{escape(words.heading(replayed))}</p>"
        f"{''.join(parts)}<h2>Figures</h2>{_table(columns)}<h2>What they rest on</h2>{notes}</body></html>\n"
    )


def _colour_rules() -> str:
    return "".join(
        f".{name} {{ fill: var(--{name}); stroke: none; }} span.{name} {{ background: var(--{name}); }} "
        f".line.{name}, .range.{name} {{ fill: none; stroke: var(--{name}); }} "
        for name in _COLOURS
    )


def _figure(title: str, caption: str, body: str) -> str:
    said = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure><h2>{escape(title)}</h2>{said}{body}</figure>"


def _cost_caption(columns: Sequence[Column]) -> str:
    drawn = " Means over the draws." if any(len(column.runs) > 1 for column in columns) else ""
    return f"Each model with a prompt cache of its own, the baseline too.{drawn}"


def _costs(columns: Sequence[Column]) -> str:
    models = _models(columns)
    colours = {name: charts.colour(number) for number, name in enumerate(models)}
    rows = []
    for column in columns:
        means = column.models()
        parts = tuple(
            charts.Part(means[name].cost_usd, colours[name], f"{name}: {words.cost(means[name])}")
            for name in models
            if name in means and means[name].cost_usd > 0
        )
        rows.append(charts.Bar(column.label, parts, words.cost(column.total())))
    for name, usd in _baselines(columns).items():
        rows.append(charts.Bar(f"everything on {name}", (charts.Part(usd, "base", name),), words.usd(usd)))
    entries = [(colours[name], name) for name in models]
    entries += [("base", "baseline")] if _baselines(columns) else []
    return charts.legend(entries) + charts.bars(rows, "Cost by model")


def _models(columns: Sequence[Column]) -> list[str]:
    return list(dict.fromkeys(name for column in columns for name in column.models()))


def _colours(columns: Sequence[Column]) -> list[str]:
    """Of the columns: those that no model has, as long as there are any."""
    begin = len(_models(columns))
    return [charts.colour(begin + number) for number in range(len(columns))]


def _baselines(columns: Sequence[Column]) -> dict[str, float]:
    """What each baseline model would have cost; named with its router where two differ."""
    found: dict[str, float] = {}
    for column in columns:
        if column.baseline_usd is None:
            continue
        name, usd = column.baseline_model, column.baseline_usd.mean
        if found.get(name, usd) != usd:
            name = f"{name} as in {column.label}"
        found[name] = usd
    return found


def _savings(columns: Sequence[Column]) -> str:
    rows = []
    for column, colour in zip(columns, _colours(columns), strict=True):
        saving = column.saving
        if saving is not None:
            several = f" ({words.percent_range(saving)})" if len(column.runs) > 1 else ""
            figure = f"{words.percent(saving.mean)}{several}"
            rows.append(charts.Spread(column.label, saving.mean, saving.low, saving.high, colour, figure))
    if not rows:
        return ""
    return _figure(
        "Saving", "Of the baseline's cost; the line is the range over the draws.", charts.spreads(rows, "Saving")
    )


def _curves(replayed: Replayed) -> str:
    rows, entries, seen = [], [], set()
    for column, colour in zip(replayed.columns, _colours(replayed.columns), strict=True):
        rows.append(charts.Line(tuple(column.runs[0].curve_usd), colour, column.label))
        entries.append((colour, column.label))
    for column in replayed.columns:
        if column.baseline_usd is not None and column.baselines[0].total.cost_units not in seen:
            seen.add(column.baselines[0].total.cost_units)
            name = f"everything on {column.baseline_model}"
            rows.append(charts.Line(tuple(column.baselines[0].curve_usd), "base", name, is_dashed=True))
    if seen:
        entries.append(("base", "baseline"))
    end = f"{replayed.calls:,} calls"
    return charts.legend(entries) + charts.lines(rows, end, "Cumulative cost")


def _expensive(columns: Sequence[Column]) -> str:
    rows = []
    for column, colour in zip(columns, _colours(columns), strict=True):
        shares = column.expensive_share()
        for of, named in (("turns", "calls"), ("spend", "spend"), ("input_tokens", "input")):
            figure = f"{words.percent(shares[of].mean)} of the {named}"
            part = charts.Part(shares[of].mean, colour, f"{column.label}: {figure}")
            rows.append(charts.Bar(column.label if of == "turns" else "", (part,), figure))
    return charts.bars(rows, "Share of the expensive tiers", most=1.0)


def _table(columns: Sequence[Column]) -> str:
    head = "".join(f"<th>{escape(column.label)}</th>" for column in columns)
    body = []
    for rows in sections(columns):
        lines = []
        for row in rows:
            inner = ' class="inner"' if row.name.startswith(" ") else ""
            cells = "".join(f"<td>{escape(cell)}</td>" for cell in row.cells)
            result = ' class="result"' if row.is_result else ""
            lines.append(f"<tr{result}><th{inner}>{escape(row.name.strip())}</th>{cells}</tr>")
        body.append(f"<tbody>{''.join(lines)}</tbody>")
    return f'<div class="scroll"><table><thead><tr><th></th>{head}</tr></thead>{"".join(body)}</table></div>'
