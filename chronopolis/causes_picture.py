"""Pictures of causes: SVG that is light or dark as its reader is, PNG for where SVG can't be shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from chronopolis.causes_layout import BOX_WIDTH, LINE_HEIGHT, MARGIN, PADDING, Box, Drawing, Edge, group_of, lay_out
from chronopolis.errors import WrongUsage
from chronopolis.sentences import Names, agent_number, counted
from replay.why import Causes

# group: fill and line, in light and in dark. Text on each has a contrast of at least 7.
_COLOURS: dict[str, tuple[str, str, str, str]] = {
    "deed": ("#eef1f4", "#8a97a6", "#2a3038", "#76838f"),
    "intention": ("#e3f3e6", "#4d9a5b", "#1d3524", "#5fae6e"),
    "mind": ("#f2e6f8", "#9154b5", "#38234a", "#b57bd8"),
    "memory": ("#e4ecfb", "#4f74c4", "#1f2c4c", "#7b9be6"),
    "talk": ("#dff4f4", "#2f8f93", "#16373a", "#4fb3b8"),
    "deal": ("#fbf2d9", "#b08a1e", "#3d3213", "#d3ab3a"),
    "life": ("#fde5e3", "#c2554b", "#46211e", "#e0786d"),
    "outside": ("#fbe3f0", "#b84a86", "#431f33", "#dc72ab"),
}
_STYLE = (
    "svg{background:var(--page);font:12px system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
    "text{fill:var(--ink)}.head{font-size:16px;font-weight:600}.dim{fill:var(--dim);font-size:11px}"
    "rect{stroke-width:1.25;rx:7}.asked rect{stroke-width:3}"
    "path{fill:none;stroke:var(--edge);stroke-width:1.4}.again{stroke-dasharray:4 4;opacity:.7}"
    ".link{font-size:10px;fill:var(--dim);paint-order:stroke;stroke:var(--page);stroke-width:3px}"
)
_PAGE = {"light": ("#ffffff", "#1b2026", "#4a5460", "#8894a1"), "dark": ("#14181d", "#e8ecf0", "#aab4bf", "#6d7986")}


def draw(found: Causes, path: Path, *, names: Names = agent_number) -> None:
    """Draw an answer into a file, SVG or PNG by its ending.

    Raises
    ------
    WrongUsage
        If the ending is another, or the file can't be written.
    """
    drawing = lay_out(found, names=names)
    ending = path.suffix.lower()
    if ending not in (".svg", ".png"):
        raise WrongUsage(f"{path} is no picture that can be drawn", "Name a file that ends with .svg or .png.")
    try:
        if ending == ".svg":
            path.write_text(svg_of(drawing), encoding="utf-8")
        else:
            _png(drawing, path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise WrongUsage(f"{path} can't be written: {error.strerror}") from None


def svg(found: Causes, *, names: Names = agent_number) -> str:
    """Return an answer as an SVG picture."""
    return svg_of(lay_out(found, names=names))


def svg_of(drawing: Drawing) -> str:
    """Return a drawing as SVG."""
    width, height = round(drawing.width), round(drawing.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label={quoteattr(drawing.title)}>',
        f"<title>{escape(drawing.title)}</title>",
        f"<style>{_theme('light')}{_STYLE}@media(prefers-color-scheme:dark){{{_theme('dark')}}}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" style="fill:var(--edge);stroke:none"/></marker></defs>',
        f'<text class="head" x="{MARGIN}" y="{MARGIN + 12}">{escape(drawing.title)}</text>',
        f'<text class="dim" x="{MARGIN}" y="{MARGIN + 28}">{escape(_below_title(drawing))}</text>',
    ]
    parts += [_edge(edge) for edge in sorted(drawing.edges, key=lambda e: not e.again)]
    parts += [_box(box) for box in drawing.boxes]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _theme(name: str) -> str:
    page, ink, dim, edge = _PAGE[name]
    dark = name == "dark"
    groups = "".join(
        f".{group} rect{{fill:{dark_fill if dark else fill};stroke:{dark_line if dark else line}}}"
        for group, (fill, line, dark_fill, dark_line) in _COLOURS.items()
    )
    return f":root,svg{{--page:{page};--ink:{ink};--dim:{dim};--edge:{edge}}}{groups}"


def _below_title(drawing: Drawing) -> str:
    more = " · some of it is left out" if drawing.left_out else ""
    return f"what led to it, to its left; what came of it, to its right · {counted(len(drawing.boxes), 'event')}{more}"


def _curve(edge: Edge) -> tuple[float, float, float, float, float]:
    """Return where an edge begins and ends, and how far its handles reach."""
    x1, y1, x2, y2 = edge.cause.x + BOX_WIDTH, edge.cause.middle, edge.effect.x, edge.effect.middle
    if x2 <= edge.cause.x:  # back to an earlier column, or within one
        x1, x2 = edge.cause.x + BOX_WIDTH, edge.effect.x + BOX_WIDTH
        return x1, y1, x2, y2, 40
    return x1, y1, x2, y2, max(30.0, (x2 - x1) / 2)


def _edge(edge: Edge) -> str:
    x1, y1, x2, y2, reach = _curve(edge)
    bend = x2 - reach if edge.effect.x > edge.cause.x else x2 + reach
    again = ' class="again"' if edge.again else ""
    curve = f"M{x1:.1f},{y1:.1f} C{x1 + reach:.1f},{y1:.1f} {bend:.1f},{y2:.1f} {x2:.1f},{y2:.1f}"
    line = f'<path{again} d="{curve}" marker-end="url(#tip)"/>'
    if edge.again:
        return line
    at_x, at_y = (x1 + 6, y1 - 4) if edge.cause.column < 0 else (x2 - 10, y2 - 4)
    anchor = "start" if edge.cause.column < 0 else "end"
    return f'{line}\n<text class="link" x="{at_x:.1f}" y="{at_y:.1f}" text-anchor="{anchor}">{escape(edge.name)}</text>'


def _box(box: Box) -> str:
    asked = " asked" if box.column == 0 else ""
    x, y = box.x, box.y
    lines = "".join(
        f'<text x="{x + PADDING:.1f}" y="{y + PADDING + LINE_HEIGHT * (k + 2) - 4:.1f}">{escape(line)}</text>'
        for k, line in enumerate(box.lines)
    )
    return (
        f'<g class="{group_of(box.kind)}{asked}"><title>{escape(box.whole)}</title>'
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{BOX_WIDTH}" height="{box.height:.1f}"/>'
        f'<text class="dim" x="{x + PADDING:.1f}" y="{y + PADDING + LINE_HEIGHT - 4:.1f}">'
        f"{escape(box.address)} · {escape(box.kind)}</text>{lines}</g>"
    )


def _png(drawing: Drawing, path: Path) -> None:
    """Draw the same with matplotlib, in the light colours."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

    page, ink, dim, line = _PAGE["light"]
    dots = 100
    figure = Figure(figsize=(drawing.width / dots, drawing.height / dots), dpi=dots, facecolor=page)
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, drawing.width), ylim=(drawing.height, 0))
    axes.axis("off")
    small, normal = {"fontsize": 6.6, "color": dim}, {"fontsize": 7.6, "color": ink}
    axes.text(MARGIN, MARGIN + 12, drawing.title, fontsize=12, fontweight="bold", color=ink)
    axes.text(MARGIN, MARGIN + 28, _below_title(drawing), **small)
    for edge in drawing.edges:
        x1, y1, x2, y2, _ = _curve(edge)
        style: dict[str, Any] = {"linestyle": (0, (3, 3)), "alpha": 0.6} if edge.again else {}
        style |= {"arrowstyle": "-|>", "mutation_scale": 8, "color": line, "lw": 1}
        axes.add_patch(FancyArrowPatch((x1, y1), (x2, y2), **style))
        if not edge.again:
            to_left = edge.cause.column < 0
            axes.text(x1 + 6 if to_left else x2 - 10, y1 - 4 if to_left else y2 - 4, edge.name, fontsize=6, color=dim,
                      ha="left" if to_left else "right")  # fmt: skip
    for box in drawing.boxes:
        fill, border, *_ = _COLOURS[group_of(box.kind)]
        style = {"boxstyle": "round,pad=0,rounding_size=7", "fc": fill, "ec": border}
        style["lw"] = 2.4 if box.column == 0 else 1
        axes.add_patch(FancyBboxPatch((box.x, box.y), BOX_WIDTH, box.height, **style))
        axes.text(box.x + PADDING, box.y + PADDING + LINE_HEIGHT - 4, f"{box.address} · {box.kind}", **small)
        for k, text in enumerate(box.lines):
            axes.text(box.x + PADDING, box.y + PADDING + LINE_HEIGHT * (k + 2) - 4, text.replace("$", "\\$"), **normal)
    # No date in the file: equal answers, equal bytes.
    figure.savefig(path, dpi=dots, facecolor=page, metadata={"Software": None})
