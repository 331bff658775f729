r"""One self-contained HTML file: style, plotly.js, figures and tables.

All data is treated as text. In HTML it is escaped. In the script with the figures every `<` is written `\u003c`, so
that a `</script>` in a sentence cannot end it. A content security policy forbids the page to load anything.
"""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from erpo_explore.report.figures.theme import TEMPLATES

__all__ = ["figure_slot", "render_page", "table"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --quiet: #5b6673;
  --ground: #ffffff; --card: #f5f7f9; --rule: #dfe4ea;
  --extra: #1d4ed8; --missing: #9a3412; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --quiet: #9aa5b4; --ground: #161a20; --card: #1e242c; --rule: #3a424e;
    --extra: #93c5fd; --missing: #fdba74; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; margin: 0 0 .5rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
li { font-size: .9rem; } p.note, figcaption { color: var(--quiet); font-size: .9rem; }
p.summary { background: var(--card); border-left: 4px solid #3b82f6; padding: .8rem 1rem; margin: 1.2rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 0; font-size: .9rem; }
dt { color: var(--quiet); } dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
figure { margin: 0; } figcaption { margin-top: .25rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .8rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .45rem; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top;
  white-space: nowrap; }
th { color: var(--quiet); font-weight: 600; }
td.number, th.number { text-align: right; }
p.caution { border-color: #e07b00; }
.tall { max-height: 32rem; } .tall th { position: sticky; top: 0; background: var(--ground); }
.sentence { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); gap: .8rem 1.2rem;
  padding: .8rem 0; border-bottom: 1px solid var(--rule); font-size: .9rem; }
h4 { margin: 0; font-size: .8rem; color: var(--quiet); font-weight: 600; } .sentence p { margin: .1rem 0; }
small { color: var(--quiet); font-size: .75rem; }
ins { text-decoration: underline 2px; font-weight: 600; color: var(--extra); } del { color: var(--missing); }
"""

_SCRIPT = """
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const template = () => read("templates")[dark.matches ? "dark" : "light"];
const config = {responsive: true, displaylogo: false, displayModeBar: false};
const figures = read("figures");
const drawn = Object.entries(figures).map(([name, {layout, ...spec}]) =>
  Plotly.newPlot(name, {...spec, layout: {...layout, template: template()}, config}));
Promise.all(drawn).then(() => { document.documentElement.dataset.drawn = "all"; });
dark.addEventListener("change", () => {
  for (const name of Object.keys(figures)) Plotly.relayout(name, {template: template()});
});
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"


def render_page(title: str, body: str, figures: Mapping[str, go.Figure]) -> str:
    """Render the whole file.

    Args:
        title: Title of the page, plain text.
        body: Content of the page, HTML with a `figure_slot` for each figure.
        figures: Figures by the name of their slot.
    """
    specs = {name: _spec(figure) for name, figure in figures.items()}
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            body,
            _data("templates", TEMPLATES),
            _data("figures", specs),
            f"<script>{get_plotlyjs()}</script>",
            f"<script>{_SCRIPT}</script>",
            "</body></html>",
        ]
    )


def figure_slot(name: str, caption: str) -> str:
    """Element in which a figure is drawn.

    Args:
        name: Identifier of the figure; a constant of ours, not data.
        caption: Caption, plain text.
    """
    return f'<figure><div id="{name}" class="plot"></div><figcaption>{escape(caption)}</figcaption></figure>'


def table(
    header: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = (), tall: bool = False
) -> str:
    """Render an HTML table that scrolls sideways on a narrow screen.

    Args:
        header: Titles of the columns.
        rows: Values: text stays text, floats get two decimals, None becomes a dash.
        right: Titles of text columns that are aligned as numbers.
        tall: Whether a long table scrolls within a box of its own.
    """
    numeric = [title in right or all(not isinstance(row[at], str) for row in rows) for at, title in enumerate(header)]
    kinds = ['class="number"' if number else "" for number in numeric]
    head = "".join(f"<th {kind}>{escape(title)}</th>" for kind, title in zip(kinds, header, strict=True))
    lines = (
        "<tr>" + "".join(f"<td {kind}>{_cell(value)}</td>" for kind, value in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    scroll = "scroll tall" if tall else "scroll"
    rows_html = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<div class="{scroll}" tabindex="0"><table>{rows_html}</table></div>'


def _cell(value: object) -> str:
    """Render one value as HTML."""
    if value is None or value != value:  # NaN is pandas's null
        return "–"
    if isinstance(value, float):
        return "∞" if value == float("inf") else f"{value:.2f}"
    return escape(str(value))


def _spec(figure: go.Figure) -> dict[str, Any]:
    """Data and layout of a figure, without Plotly's default template, which the page replaces."""
    spec: dict[str, Any] = json.loads(figure.to_json())
    spec["layout"].pop("template", None)
    frames = spec.get("frames", [])
    for frame in frames:
        frame.get("layout", {}).pop("template", None)
    return {"data": spec["data"], "layout": spec["layout"], "frames": frames}


def _data(name: str, value: object) -> str:
    """Render a value as JSON in a script element that its content cannot close."""
    text = json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")
    return f'<script type="application/json" id="{name}">{text}</script>'
