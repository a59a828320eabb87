"""The picture of one search tree: a standalone SVG without scripts, from tree and tokens.

In: a search result whose tree was kept. Out: text of an SVG. Colour is value, size is visits, the bold way is
the one taken, grey and dashed is what was left out; the pointer over a node shows all its numbers. Every text
that a model wrote is made visible and escaped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from lmgym.errors import InvalidValueError
from lmgym.tokenization import TextTokenizer
from lmgym_agents.report.tree_layout import Box, choose_nodes, lay_out
from lmgym_agents.report.visible_text import END_MARK, action_text, visible_text, width_in_cells
from lmgym_agents.search.results import SearchResult
from lmgym_agents.search.tree import Node

_SCALE = ((253, 246, 227), (190, 224, 204), (72, 163, 160), (8, 84, 110))
"""Colours of values, least to largest: light to dark, so that they differ in print too."""
_INK, _FAINT, _LINE, _TAKEN, _GOAL = "#1F2933", "#7B8794", "#CBD2D9", "#D55E00", "#0B8457"
_MARGIN, _HEADER, _LEGEND, _LEAST_WIDTH = 28.0, 86.0, 64.0, 900.0
_STYLE = (
    "text{font-family:ui-sans-serif,system-ui,'Segoe UI','DejaVu Sans',sans-serif}"
    ".t{font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:12px}"
    ".n{font-size:9px;fill:#616E7C}.h{font-size:17px;font-weight:650}.s{font-size:12px;fill:#52606D}"
    ".e{fill:none;stroke-linecap:round}"
)


class _Ranges(NamedTuple):
    """What colours and sizes stand for in this tree."""

    low: float
    high: float
    max_visits: int
    has_values: bool


def draw_tree(
    result: SearchResult, tokenizer: TextTokenizer, *, title: str = "Search tree", max_nodes: int = 50
) -> str:
    """Returns an SVG of the tree of ``result``.

    Args:
        result: with ``root``.
        tokenizer: of the search.
        title: first line.
        max_nodes: most nodes drawn: the way taken, then the most visited; the others are counted.

    Raises:
        InvalidValueError: the search kept no tree, or ``max_nodes`` is below 1.
    """
    if result.root is None:
        raise InvalidValueError("there is no tree to draw: the search kept none (result.root is None).")
    if max_nodes < 1:
        raise InvalidValueError(f"max_nodes must be at least 1, got {max_nodes!r}.")
    best = result.candidates[0].node if result.candidates else None
    path = [] if best is None else best.path
    prompt = visible_text(result.problem.prompt, max_chars=36)

    def label(node: Node) -> tuple[str, int]:
        text = prompt if node.parent is None else action_text(node.action, tokenizer, max_chars=28)
        mark = {"goal": " ✓", "dead": " ✕"}.get(node.status, "")
        return text + mark, width_in_cells(text + mark)

    boxes = lay_out(result.root, choose_nodes(result.root, path, max_nodes), label)
    taken = {id(node) for node in path}
    nodes = list(result.root.walk())
    ranges = _find_ranges(nodes)
    width = max(_LEAST_WIDTH, max(box.x + box.width for box in boxes) + 90 + 2 * _MARGIN)
    height = max(max(box.y, box.hidden_y) for box in boxes) + 30 + _HEADER + _LEGEND
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        f"<title>{_safe(title)}</title><style>{_STYLE}</style>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#FFFFFF"/>',
        *_header(result, tokenizer, title, len(boxes), len(nodes)),
        f'<g transform="translate({_MARGIN:g} {_HEADER:g})">',
        *(_edge(box, ranges, taken) for box in sorted(boxes, key=lambda box: id(box.node) in taken)),
        *(_more(box) for box in boxes if box.num_hidden),
        *(_chip(box, ranges, taken) for box in boxes),
        "</g>",
        *_legend(ranges, height - _LEGEND + 22),
        "</svg>\n",
    ]
    return "\n".join(part for part in parts if part)


def shown_value(node: Node) -> float | None:
    """Returns what a node is coloured by: the mean of what was backed up, else its own evaluation."""
    value = node.mean if node.visits else node.value
    return value if value is not None and math.isfinite(value) else None


def _find_ranges(nodes: Sequence[Node]) -> _Ranges:
    values = [value for node in nodes if (value := shown_value(node)) is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low >= 0 and high <= 1:  # a chance of success: pictures of different trees can be compared
        low, high = 0.0, 1.0
    return _Ranges(low, high, max((node.visits for node in nodes), default=0), bool(values))


def _safe(text: str) -> str:
    """Returns a text of our own or of a caller, made visible and escaped for content and attributes."""
    return escape(visible_text(text, max_chars=200), {'"': "&quot;"})


def _colour(value: float | None, ranges: _Ranges) -> tuple[str, str]:
    """Returns the fill and the ink on it."""
    if value is None:
        return "#FFFFFF", _INK
    span = ranges.high - ranges.low
    share = (value - ranges.low) / span if span > 0 else 0.5
    place = min(max(share, 0.0), 1.0) * (len(_SCALE) - 1)
    first = min(int(place), len(_SCALE) - 2)
    rest = place - first
    mixed = [round(a + (b - a) * rest) for a, b in zip(_SCALE[first], _SCALE[first + 1], strict=True)]
    is_dark = 0.299 * mixed[0] + 0.587 * mixed[1] + 0.114 * mixed[2] < 140
    return f"#{mixed[0]:02X}{mixed[1]:02X}{mixed[2]:02X}", "#FFFFFF" if is_dark else _INK


def _share(node: Node, ranges: _Ranges) -> float:
    return math.sqrt(node.visits / ranges.max_visits) if ranges.max_visits else 0.3


def _edge(box: Box, ranges: _Ranges, taken: set[int]) -> str:
    if box.parent is None:
        return ""
    x1, y1, x2, y2 = box.parent.x + box.parent.width, box.parent.y, box.x, box.y
    bend = (x2 - x1) * 0.5
    is_taken = id(box.node) in taken
    width = 1.2 + 4.3 * _share(box.node, ranges)
    colour = _TAKEN if is_taken else _LINE
    dashes = ' stroke-dasharray="4 4"' if box.node.status == "pruned" else ""
    return (
        f'<path class="e" d="M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} '
        f'{y2:.1f}" stroke="{colour}" stroke-width="{max(width, 3.2) if is_taken else width:.1f}"{dashes}/>'
    )


def _chip(box: Box, ranges: _Ranges, taken: set[int]) -> str:
    node, value = box.node, shown_value(box.node)
    fill, ink = _colour(value, ranges)
    half = 9.5 + 4 * _share(node, ranges)
    border, weight, dashes = "#9AA5B1", 1.0, ""
    if node.status in ("pruned", "dead"):
        dashes = ' stroke-dasharray="3 3"' if node.status == "pruned" else ""
        if value is None:
            fill, ink = "#F5F7FA", _FAINT
    if id(node) in taken:
        border, weight = _TAKEN, 2.6
    elif node.status == "goal":
        border, weight = _GOAL, 2.0
    middle = f'x="{box.x + box.width / 2:.1f}" text-anchor="middle"'
    return (
        f'<g class="node"><title>{escape(_details(box, value))}</title>'
        f'<rect x="{box.x:.1f}" y="{box.y - half:.1f}" width="{box.width:.1f}" height="{2 * half:.1f}" '
        f'rx="{min(half, 10):.1f}" fill="{fill}" stroke="{border}" stroke-width="{weight}"{dashes}/>'
        f'<text class="t" {middle} y="{box.y + 4:.1f}" fill="{ink}" xml:space="preserve">'
        f"{escape(box.label)}</text>"
        f"{_caption(box, half, _numbers(node, value))}</g>"
    )


def _caption(box: Box, half: float, numbers: str) -> str:
    """Returns the numbers under a chip, on a ground that keeps edges out of them."""
    if not numbers:
        return ""
    x, width = box.x + box.width / 2, 5.3 * len(numbers) + 2
    return (
        f'<rect x="{x - width / 2:.1f}" y="{box.y + half + 1.5:.1f}" width="{width:.1f}" height="9" rx="2" '
        'fill="#FFFFFF" fill-opacity="0.85"/>'
        f'<text class="n" x="{x:.1f}" text-anchor="middle" y="{box.y + half + 9:.1f}">{numbers}</text>'
    )


def _numbers(node: Node, value: float | None) -> str:
    parts = [] if value is None else [f"{value:.2f}".replace("-", "−")]
    if node.visits:
        parts.append(f"{node.visits}×")
    if not parts and node.parent is not None:
        parts.append(f"p {math.exp(min(node.logp, 0.0)):.2f}" if math.isfinite(node.logp) else "p 0")
    return " · ".join(parts)


def _details(box: Box, value: float | None) -> str:
    node = box.node
    lines = [
        f"{box.label}   {node.status}",
        f"value {value:.4f}" if value is not None else "value unknown",
        f"visits {node.visits}, depth {node.depth}, log-prob {node.logp:.3f} (path {node.path_logp:.3f})",
        f"prior {node.prior:.3f}, estimate {node.estimate:.4f}, cost {node.cost:.4f}",
    ]
    if node.order >= 0:
        lines.append(f"expanded as number {node.order + 1}")
    return "\n".join(lines)


def _more(box: Box) -> str:
    x = box.x + box.width + 12
    visits = f" ({box.hidden_visits}×)" if box.hidden_visits else ""
    line = ""
    if box.children:
        x, start = box.children[0].x, box.x + box.width
        bend = (x - start) * 0.5
        line = (
            f'<path class="e" d="M{start:.1f} {box.y:.1f}C{start + bend:.1f} {box.y:.1f} {x - bend:.1f} '
            f'{box.hidden_y:.1f} {x - 3:.1f} {box.hidden_y:.1f}" stroke="{_LINE}" stroke-dasharray="1 4"/>'
        )
    return (
        f'{line}<text class="n more" x="{x:.1f}" y="{box.hidden_y + 3:.1f}">+{box.num_hidden}{visits}</text>'
    )


def _header(
    result: SearchResult, tokenizer: TextTokenizer, title: str, num_drawn: int, num_nodes: int
) -> list[str]:
    answer = "no answer"
    if result.answer is not None:
        said = result.answer.transcript.response or tokenizer.decode(result.answer.partial)
        answer = f"answer {visible_text(said, max_chars=70)}  (score {result.candidates[0].score:.3g})"
    facts = f"stopped: {result.stop} · {result.num_nodes:,} states expanded · {result.num_tokens:,} tokens"
    if num_drawn < num_nodes:
        facts += f" · {num_drawn:,} of {num_nodes:,} nodes drawn"
    return [
        f'<text class="h" x="{_MARGIN:g}" y="32" fill="{_INK}">{_safe(title)}</text>',
        f'<text class="s" x="{_MARGIN:g}" y="52">{escape(answer)}</text>',
        f'<text class="s" x="{_MARGIN:g}" y="69">{escape(facts)}</text>',
    ]


def _legend(ranges: _Ranges, y: float) -> list[str]:
    x, parts = _MARGIN, ['<g class="legend">']
    if ranges.has_values:
        stops = "".join(
            f'<stop offset="{place / (len(_SCALE) - 1):.3f}" stop-color="rgb{colour}"/>'
            for place, colour in enumerate(_SCALE)
        )
        parts += [
            f'<defs><linearGradient id="scale">{stops}</linearGradient></defs>',
            f'<rect x="{x:g}" y="{y - 8:g}" width="90" height="11" rx="3" fill="url(#scale)" '
            f'stroke="{_LINE}"/>',
            f'<text class="n" x="{x:g}" y="{y + 15:g}">{ranges.low:.2g}</text>',
            f'<text class="n" x="{x + 90:g}" y="{y + 15:g}" text-anchor="end">{ranges.high:.2g}</text>',
            f'<text class="s" x="{x + 98:g}" y="{y + 2:g}">value</text>',
        ]
        x += 150
    lines = [(_TAKEN, 3.2, "", "way taken"), (_LINE, 1.4, ' stroke-dasharray="4 4"', "left out")]
    if ranges.max_visits:
        lines.insert(1, (_LINE, 5.5, "", f"width: visits, up to {ranges.max_visits:,}×"))
    for colour, width, dashes, text in lines:
        parts.append(
            f'<path class="e" d="M{x:g} {y - 2:g}h26" stroke="{colour}" stroke-width="{width}"{dashes}/>'
            f'<text class="s" x="{x + 34:g}" y="{y + 2:g}">{text}</text>'
        )
        x += 50 + 6.2 * len(text)
    parts.append(
        f'<text class="s" x="{x:g}" y="{y + 2:g}">✓ accepted · ✕ refused · {END_MARK} end of turn</text>'
    )
    return [*parts, "</g>"]
