// Second part: pictures, drawn when they come near the window.

const symbols = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down"];
const colour = (i) => css("--s" + (i % 8));
const symbol = (i) => symbols[(i + Math.floor(i / 8)) % 8];
// A name looks the same in every picture.
const looks = new Map();
for (const plot of data.plots) {
  for (const series of plot.series) looks.has(series.n) || looks.set(series.n, looks.size);
}
const axisTitle = (axis) => axis.t + (axis.u ? ` (${axis.u})` : "") +
  (axis.d > 0 ? ", more is better" : axis.d < 0 ? ", less is better" : "");
const column = (points, i) => points.map((p) => p[i] ?? null);
const hover = (plot) => {
  const unit = (axis) => (axis.u ? " " + axis.u : "");
  return (p) => {
    const range = (lo, hi) => (lo === null || hi === null || lo === undefined || hi === undefined
      ? "" : ` [${number(lo)}, ${number(hi)}]`);
    const x = plot.kind === "bars" ? "" : `<br>${plot.x.t}: ${number(p[1])}${unit(plot.x)}${range(p[3], p[4])}`;
    const said = [...(p[8] ? ["undecided"] : []), ...(p[9] === undefined ? [] : [escaped(data.labels[p[9]])])];
    const lines = said.map((text) => `<br><em>${text.replace(/(.{50,80}?) /g, "$1<br>")}</em>`).join("");
    return `<b>${escaped(data.labels[p[0]])}</b>${x}<br>${plot.y.t}: ${number(p[2])}${unit(plot.y)}${range(p[5], p[6])}${lines}`;
  };
};
// Plotly reads a little HTML in labels; names are text.
const escaped = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const errors = (points, value, lo, hi) => {
  if (!points.some((p) => (p[lo] ?? null) !== null && (p[hi] ?? null) !== null)) return undefined;
  const side = (a, b) => points.map((p) =>
    ((p[a] ?? null) === null || (p[b] ?? null) === null ? null : Math.max(0, p[a] - p[b])));
  return {
    type: "data", symmetric: false, array: side(hi, value), arrayminus: side(value, lo),
    thickness: 1.2, width: 3,
  };
};
const base = (plot, series, i = looks.get(series.n)) => ({
  name: escaped(series.n), x: column(series.p, 1), y: column(series.p, 2),
  text: series.p.map(hover(plot)), hovertemplate: "%{text}<extra></extra>", textposition: "none",
  marker: { color: colour(i), symbol: symbol(i), size: 9 },
  error_x: errors(series.p, 1, 3, 4), error_y: errors(series.p, 2, 5, 6),
});

const traces = {
  scatter: (plot) => {
    const made = plot.series.map((s) => {
      const points = base(plot, s);
      points.marker.symbol = s.p.map((p) => symbol(looks.get(s.n)) + (p[8] ? "-open" : ""));
      return { ...points, type: "scatter", mode: "markers" };
    });
    const front = plot.series.flatMap((s) => s.p).filter((p) => p[7]).sort((a, b) => a[1] - b[1]);
    // A piece between two points is as sure as the less sure of them.
    const pieces = (undecided) => {
      const xy = [[], []];
      front.slice(1).forEach((end, i) => {
        if (Boolean(front[i][8] || end[8]) !== undecided) return;
        xy[0].push(front[i][1], end[1], null);
        xy[1].push(front[i][2], end[2], null);
      });
      return xy;
    };
    for (const [name, undecided] of [["front, undecided", true], ["Pareto front", false]]) {
      const [x, y] = pieces(undecided);
      if (x.length === 0) continue;
      made.unshift({
        name, type: "scatter", mode: "lines", x, y, hoverinfo: "skip",
        line: { dash: undecided ? "dot" : "solid", width: 2, color: css("--soft") },
      });
    }
    return made;
  },
  line: (plot) => plot.series.map((s) => ({
    ...base(plot, s), type: "scatter", mode: "lines+markers", connectgaps: false,
    line: { color: colour(looks.get(s.n)), width: 2 },
  })),
  bars: (plot) => plot.series.map((s) => ({
    ...base(plot, s), type: "bar", x: s.p.map((p) => plot.cats[p[1]]),
    marker: { color: colour(looks.get(s.n)) },
    error_x: undefined,
  })),
  distribution: (plot) => plot.series.flatMap((s) => {
    const i = looks.get(s.n);
    const points = base(plot, s);
    const steady = s.p.filter((p) => !p[7]);
    points.marker = {
      color: colour(i), size: 6,
      symbol: s.p.map((p) => symbol(i) + (p[7] ? "-open" : "")),
    };
    return [
      { ...points, type: "scatter", mode: "markers", legendgroup: String(i) },
      {
        type: "box", name: escaped(s.n), y: column(steady, 2), xaxis: "x2", yaxis: "y", boxpoints: false,
        legendgroup: String(i), showlegend: false, marker: { color: colour(i) }, hoverinfo: "y",
      },
    ];
  }),
};

const layoutOf = (plot, width) => {
  // A narrow window has no room for a title in one line.
  const wrapped = (text) => width >= 500 ? escaped(text)
    : escaped(text).replace(/(.{16,36}?)[ ,]+(?=.{6})/g, "$1<br>");
  const axis = (a) => ({
    title: { text: wrapped(axisTitle(a)), standoff: 8, font: { size: 12 } }, type: a.log ? "log" : undefined,
    tickformat: a.log ? ".4~g" : undefined, // whole numbers: a lone 2 between 100 and 1000 means nothing
    gridcolor: css("--line"), zerolinecolor: css("--line"), linecolor: css("--line"), automargin: true,
  });
  const layout = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest",
    font: { color: css("--ink"), family: "system-ui, sans-serif", size: width < 500 ? 11 : 13 },
    margin: { l: 8, r: 8, t: 10, b: 8 }, xaxis: axis(plot.x), yaxis: axis(plot.y),
    // Above the picture: below it titles of one to three lines and upright names would meet it.
    // In a narrow window two entries a line: as wide as the longest each, they would be a column with a scroll bar.
    legend: {
      orientation: "h", y: 1.02, yanchor: "bottom", x: 0, xanchor: "left", font: { size: 11 }, maxheight: 0.3,
      ...(width < 500 ? { entrywidth: 0.47, entrywidthmode: "fraction" } : {}),
    },
    hoverlabel: { align: "left", bgcolor: css("--panel"), bordercolor: css("--line"), font: { color: css("--ink") } },
    barmode: "stack", showlegend: true,
  };
  if (plot.kind === "bars") {
    layout.xaxis.type = "category";
    layout.xaxis.title = undefined;
    layout.showlegend = plot.series.length > 1;
  }
  if (plot.kind === "distribution") {
    layout.xaxis.domain = [0, width < 500 ? 0.7 : 0.78];
    layout.xaxis2 = { domain: [width < 500 ? 0.74 : 0.81, 1], showticklabels: false, linecolor: css("--line") };
  }
  layout.shapes = [];
  if (plot.diagonal) {
    const ends = plot.series.flatMap((s) => s.p).flatMap((p) => [p[1], p[2]]).filter(Number.isFinite);
    const [least, most] = [Math.min(1, ...ends), Math.max(1, ...ends)];
    layout.shapes.push({
      type: "line", x0: least, y0: least, x1: most, y1: most, line: { color: css("--soft"), width: 1.5, dash: "dot" },
    });
  }
  if (plot.ref !== undefined) {
    layout.shapes.push({
      type: "line", xref: "paper", x0: 0, x1: 1, y0: plot.ref, y1: plot.ref,
      line: { color: css("--soft"), width: 1.5, dash: "dash" },
    });
  }
  return layout;
};

// The plotting library is unpacked and read when the first picture comes near the window, or when
// the page has nothing else to do.
let library = null;
const loadLibrary = () => (library ??= (async () => {
  const packed = document.getElementById("plotly-source");
  if (packed === null || !window.DecompressionStream) return null;
  const bytes = Uint8Array.from(atob(packed.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.body.append(script);
  return window.Plotly || null;
})());

const draw = async (canvas) => {
  const plotly = await loadLibrary();
  if (plotly === null) {
    canvas.textContent = "This browser cannot unpack the pictures; the numbers are in the table below.";
    canvas.classList.add("bare");
    return;
  }
  const plot = data.plots[Number(canvas.dataset.plot)];
  await plotly.react(canvas, traces[plot.kind](plot), layoutOf(plot, canvas.clientWidth), {
    responsive: true, displaylogo: false,
    modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
  });
  canvas.dataset.drawn = "yes";
};

// The numbers of a picture as a table, made when somebody opens it.
const plotTable = (details) => {
  if (details.dataset.made) return;
  details.dataset.made = "yes";
  const plot = data.plots[Number(details.dataset.plot)];
  const table = make("table");
  table.append(make("caption", {}, plot.title));
  const head = table.createTHead().insertRow();
  const unit = (axis) => axis.t + (axis.u ? ` (${axis.u})` : "");
  const names = ["series", "point", plot.kind === "bars" ? "" : unit(plot.x), "from", "to", unit(plot.y), "from", "to",
    plot.kind === "scatter" ? "front" : "", "remarks"];
  const said = (p, place) => (place === 9 ? data.labels[p[9]] ?? ""
    : (p[7] ? "on it" : "") + (p[8] ? (p[7] ? ", " : "") + "undecided" : ""));
  const places = [null, null, 1, 3, 4, 2, 5, 6, 8, 9];
  const used = names.map((name, i) => i < 2 || (name !== "" && plot.series.some((s) => s.p.some((p) =>
    (i < 8 ? (p[places[i]] ?? null) !== null : said(p, places[i]) !== "")))));
  names.forEach((name, i) => used[i] && head.append(make("th", { scope: "col" }, name)));
  const body = table.createTBody();
  for (const series of plot.series) {
    for (const point of series.p) {
      const row = body.insertRow();
      places.forEach((place, i) => {
        if (!used[i]) return;
        const value = i === 0 ? series.n : i === 1 ? data.labels[point[0]] : i > 7 ? said(point, place) : point[place];
        const cell = make("td", i < 2 || i > 7 ? { class: "label" } : {});
        if (typeof value === "number") cell.dataset.v = String(value);
        cell.textContent = typeof value === "number" ? number(value) : value ?? "";
        row.append(cell);
      });
    }
  }
  const box = make("div", { class: "box", tabindex: "0", role: "region", "aria-label": plot.title + ", as a table" });
  box.append(table);
  details.append(box);
  new Grid(table, staticSource(body));
};
