"use strict";
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const kPage = 50;
  const theme = { key: "assay-theme", button: document.querySelector(".theme") };

  // ---- small helpers -------------------------------------------------------------------------
  const make = (tag, attributes, text) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const number = (value) => {
    if (value === null || value === undefined) return "";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(3);
    const digits = size === 0 ? 1 : Math.min(7, Math.max(0, 3 - Math.floor(Math.log10(size))));
    return value.toFixed(digits);
  };
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // ---- tables: sort, filter, pages -----------------------------------------------------------
  // A source is {length, text(i), key(i, column), row(i)}: rows of the page, or rows made on demand.
  const staticSource = (body) => {
    const rows = Array.from(body.rows);
    const texts = new Array(rows.length);
    return {
      length: rows.length,
      text: (i) => (texts[i] ??= rows[i].textContent.toLowerCase()),
      key: (i, column) => {
        const cell = rows[i].cells[column];
        if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
        const value = cell.className === "" || cell.className === "best" ? parseFloat(cell.textContent) : NaN;
        return cell.tagName === "TD" && !Number.isNaN(value) ? value : cell.textContent;
      },
      row: (i) => rows[i],
    };
  };

  const compare = (a, b) => {
    const numbers = typeof a === "number" && typeof b === "number";
    if (numbers) return a - b;
    if (typeof a === "number") return -1; // numbers before words: a status has no place in an order
    if (typeof b === "number") return 1;
    return a < b ? -1 : a > b ? 1 : 0;
  };

  // Words must all be there; -word must not.
  const matcher = (query) => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = words.filter((word) => !(word.length > 1 && word[0] === "-"));
    const refused = words.filter((word) => word.length > 1 && word[0] === "-").map((w) => w.slice(1));
    return (text) => wanted.every((w) => text.includes(w)) && !refused.some((w) => text.includes(w));
  };

  class Grid {
    constructor(table, source) {
      this.table = table;
      this.body = table.tBodies[0];
      this.source = source;
      this.order = Array.from({ length: source.length }, (_, i) => i);
      this.shown = this.order;
      this.page = 0;
      this.paged = source.length > kPage;
      this.addTools();
      this.addSorting();
      this.show();
    }

    addTools() {
      const box = this.table.parentElement;
      const tools = make("div", { class: "tools" });
      const name = this.table.caption ? this.table.caption.textContent : "table";
      this.input = make("input", {
        type: "search", placeholder: "Filter rows: words, -word", "aria-label": "Filter rows of " + name,
      });
      this.input.addEventListener("input", () => this.filter());
      this.status = make("output", { "aria-live": "polite" });
      tools.append(this.input, this.status);
      if (this.paged) {
        this.back = make("button", { type: "button", "aria-label": "Previous page of " + name }, "Previous");
        this.next = make("button", { type: "button", "aria-label": "Next page of " + name }, "Next");
        this.back.addEventListener("click", () => this.turn(-1));
        this.next.addEventListener("click", () => this.turn(1));
        tools.append(this.back, this.next);
      }
      box.before(tools);
    }

    addSorting() {
      const heads = Array.from(this.table.tHead.rows[this.table.tHead.rows.length - 1].cells);
      heads.forEach((head, column) => {
        const button = make("button", { type: "button", title: "Sort" });
        button.append(...head.childNodes);
        head.append(button);
        button.addEventListener("click", () => this.sort(heads, column));
      });
    }

    sort(heads, column) {
      const up = heads[column].getAttribute("aria-sort") !== "ascending";
      heads.forEach((head) => head.removeAttribute("aria-sort"));
      heads[column].setAttribute("aria-sort", up ? "ascending" : "descending");
      const keys = this.order.map((_, i) => this.source.key(i, column));
      const word = (i) => typeof keys[i] !== "number";
      this.order.sort((a, b) => {
        const by = compare(keys[a], keys[b]);
        if (word(a) !== word(b)) return by || a - b;
        return (up ? by : -by) || a - b;
      });
      this.filter();
    }

    filter() {
      const start = performance.now();
      const matches = matcher(this.input.value);
      this.shown = this.order.filter((i) => matches(this.source.text(i)));
      this.page = 0;
      this.show();
      this.table.dataset.filterMs = (performance.now() - start).toFixed(1);
    }

    turn(by) {
      this.page += by;
      this.show();
    }

    show() {
      const size = this.paged ? kPage : this.source.length;
      const first = this.page * size;
      const rows = this.shown.slice(first, first + size).map((i) => this.source.row(i));
      this.body.replaceChildren(...rows);
      const all = this.source.length;
      const range = this.paged && this.shown.length > 0
        ? `${first + 1} to ${first + rows.length} of ` : "";
      this.status.textContent = this.shown.length === all
        ? `${range}${all} rows` : `${range}${this.shown.length} rows, filtered from ${all}`;
      if (this.paged) {
        this.back.disabled = this.page === 0;
        this.next.disabled = first + size >= this.shown.length;
      }
    }
  }

  // All values: the page holds them as numbers, a row is made when it is shown.
  const valuesSource = (values) => {
    const word = (i) => (i === undefined || i === null ? "" : values.words[i]);
    const columns = [
      (r, c) => word(c[0]), (r, c) => word(c[1]), (r, c) => word(c[2]),
      (r) => (r[1] === null ? "" : word(values.metrics[r[1]][0])),
      (r, c) => (r[2] ?? (word(c[5]) === "OK" ? "NOT MEASURED" : word(c[5]))),
      (r) => r[3] ?? null, (r) => r[4] ?? null,
      (r) => (r[1] === null ? "" : word(values.metrics[r[1]][1])),
      (r) => r[5] ?? null, (r) => r[6] ?? null,
      (r, c) => word(c[3]), (r, c) => c[4],
      (r, c) => word(c[6]) || (r[1] === null ? "" : word(values.metrics[r[1]][2])),
      (r, c) => word(c[7]),
    ];
    const labels = new Set([0, 1, 2, 3, 10, 13]);
    const cellOf = (i) => values.cells[values.rows[i][0]];
    const texts = new Array(values.rows.length);
    const cellTexts = values.cells.map((c) =>
      [c[0], c[1], c[2], c[3], c[5], c[6], c[7]].map(word).join(" ").toLowerCase() + " seed=" + c[4]);
    const metricTexts = values.metrics.map((m) => m.slice(0, 3).map(word).join(" ").toLowerCase());
    return {
      length: values.rows.length,
      text: (i) => (texts[i] ??= cellTexts[values.rows[i][0]] + " " +
        (values.rows[i][1] === null ? "" : metricTexts[values.rows[i][1]])),
      key: (i, column) => columns[column](values.rows[i], cellOf(i)) ?? "",
      row: (i) => {
        const row = make("tr");
        columns.forEach((get, column) => {
          const value = get(values.rows[i], cellOf(i));
          const numeric = typeof value === "number";
          const cell = make("td");
          if (labels.has(column)) cell.className = "label";
          if (column === 12) cell.className = "label long";
          if (column === 4 && !numeric) cell.className = "status";
          cell.dir = "auto";
          cell.textContent = numeric && column !== 8 && column !== 11 ? number(value) : value ?? "";
          if (numeric) cell.title = String(value);
          row.append(cell);
        });
        return row;
      },
    };
  };

  // ---- pictures ------------------------------------------------------------------------------
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
      return `<b>${escaped(data.labels[p[0]])}</b>${x}<br>${plot.y.t}: ${number(p[2])}${unit(plot.y)}${range(p[5], p[6])}`;
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
      const made = plot.series.map((s) => ({ ...base(plot, s), type: "scatter", mode: "markers" }));
      const front = plot.series.flatMap((s) => s.p).filter((p) => p[7]).sort((a, b) => a[1] - b[1]);
      if (front.length > 1) {
        made.unshift({
          name: "Pareto front", type: "scatter", mode: "lines", x: column(front, 1), y: column(front, 2),
          line: { dash: "dot", width: 2, color: css("--soft") }, hoverinfo: "skip",
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
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, xanchor: "left", font: { size: 11 }, maxheight: 0.3 },
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

  // The plotting library is unpacked and read when the first picture comes near the window.
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
    const names = ["series", "point", plot.kind === "bars" ? "" : unit(plot.x), "from", "to", unit(plot.y), "from", "to"];
    const used = names.map((name, i) => i < 2 ||
      (name !== "" && plot.series.some((s) => s.p.some((p) => (p[i - 1] ?? null) !== null))));
    names.forEach((name, i) => used[i] && head.append(make("th", { scope: "col" }, name)));
    const body = table.createTBody();
    const places = [null, null, 1, 3, 4, 2, 5, 6];
    for (const series of plot.series) {
      for (const point of series.p) {
        const row = body.insertRow();
        places.forEach((place, i) => {
          if (!used[i]) return;
          const value = i === 0 ? series.n : i === 1 ? data.labels[point[0]] : point[place];
          const cell = make("td", i < 2 ? { class: "label" } : {});
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

  // ---- start ---------------------------------------------------------------------------------
  const stored = () => { try { return localStorage.getItem(theme.key); } catch { return null; } };
  const setTheme = (name) => {
    document.documentElement.dataset.theme = name;
    theme.button.textContent = name === "dark" ? "Light" : "Dark";
    theme.button.setAttribute("aria-label", `Change to ${name === "dark" ? "light" : "dark"} colours`);
    document.querySelectorAll(".canvas[data-drawn]").forEach(draw);
  };
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  setTheme(stored() || (dark.matches ? "dark" : "light"));
  theme.button.hidden = false;
  theme.button.addEventListener("click", () => {
    const name = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem(theme.key, name); } catch { /* a page from a file may keep nothing */ }
    setTheme(name);
  });

  document.querySelectorAll("table.data").forEach((table) => new Grid(table, staticSource(table.tBodies[0])));
  const values = document.getElementById("all-values");
  if (values !== null) new Grid(values, valuesSource(data.values));
  document.querySelectorAll("details[data-plot]").forEach((details) =>
    details.addEventListener("toggle", () => details.open && plotTable(details)));

  const canvases = Array.from(document.querySelectorAll(".canvas"));
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watch.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "300px" });
  requestAnimationFrame(() => requestAnimationFrame(() => canvases.forEach((canvas) => watch.observe(canvas))));
  window.addEventListener("beforeprint", () => canvases.forEach((canvas) => canvas.dataset.drawn || draw(canvas)));
})();
