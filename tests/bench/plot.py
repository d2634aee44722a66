"""Small line plots as SVG: points, two axes, a legend."""
import math

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 860, 460, 80, 56, 36, 210
COLOURS = ("#c0392b", "#2471a3", "#1e8449", "#b7950b", "#7d3c98", "#ca6f1e", "#117a65", "#5d6d7e", "#e84393", "#2c3e50",
           "#00a8a8", "#a04000", "#7f8c8d", "#145a32")


def log_axis(values):
    """A scale from the values to 0..1, and its ticks."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    return (lambda v: (math.log10(v) - low) / (high - low)), [(10.0 ** e, "%g" % 10.0 ** e) for e in range(low, high + 1)]


def part_axis(_):
    """Percentiles: each further nine has the same room."""
    return (lambda v: -math.log10(1 - v) / 4), [(p, "%g" % (100 * p)) for p in (0, 0.5, 0.9, 0.99, 0.999, 0.9999)]


def _text(x, y, text, anchor="middle", extra=""):
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return '<text x="%.1f" y="%.1f" text-anchor="%s" %s>%s</text>' % (x, y, anchor, extra, text)


def _frame(title, x_label, y_label, x_ticks, y_ticks, place):
    yield ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">'
           '<rect width="100%%" height="100%%" fill="white"/>' % (WIDTH, HEIGHT))
    yield _text((LEFT + WIDTH - RIGHT) / 2, 20, title, extra='font-size="15"')
    for value, label in x_ticks:
        x, _ = place(value, None)
        yield '<path d="M%.1f %d V%d" stroke="#ddd"/>' % (x, TOP, HEIGHT - BOTTOM) + _text(x, HEIGHT - BOTTOM + 16, label)
    for value, label in y_ticks:
        _, y = place(None, value)
        yield '<path d="M%d %.1f H%d" stroke="#ddd"/>' % (LEFT, y, WIDTH - RIGHT) + _text(LEFT - 6, y + 4, label, "end")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x_label)
    yield _text(0, 0, y_label, extra='transform="translate(16 %d) rotate(-90)"' % ((TOP + HEIGHT - BOTTOM) // 2))


def lines(path, title, x_label, y_label, series, x_axis=log_axis):
    """series: {name: [(x, y), ...]}; y is logarithmic."""
    series = {name: [p for p in points if p[1] and p[1] > 0] for name, points in series.items()}
    points = [p for some in series.values() for p in some]
    if not points:
        return
    (sx, x_ticks), (sy, y_ticks) = x_axis([p[0] for p in points]), log_axis([p[1] for p in points])

    def place(x, y):
        return (LEFT + (WIDTH - LEFT - RIGHT) * sx(x) if x is not None else None,
                HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * sy(y) if y is not None else None)

    parts = list(_frame(title, x_label, y_label, x_ticks, y_ticks, place))
    for i, (name, some) in enumerate(series.items()):
        colour, y = COLOURS[i % len(COLOURS)], TOP + 8 + 18 * i
        placed = [place(*p) for p in some]
        parts.append('<polyline fill="none" stroke="%s" stroke-width="%d" points="%s"/>' % (
            colour, 3 if name.startswith("patchbay") else 1, " ".join("%.1f,%.1f" % p for p in placed)))
        parts += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (x, y0, colour) for x, y0 in placed]
        parts.append('<rect x="%d" y="%d" width="12" height="4" fill="%s"/>' % (WIDTH - RIGHT + 12, y, colour) +
                     _text(WIDTH - RIGHT + 30, y + 6, name, "start"))
    with open(path, "w") as f:
        f.write("\n".join(parts + ["</svg>"]) + "\n")
