// The page's program, first part: tables that sort, filter and turn pages. The parts become one
// strict block, in the order tables, pictures, start.

const data = JSON.parse(document.getElementById("report-data").textContent);
const kPage = 50;

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
    (r) => word(r[7]),
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
      (values.rows[i][1] === null ? "" : metricTexts[values.rows[i][1]]) +
      (values.rows[i][7] === undefined ? "" : " " + word(values.rows[i][7]).toLowerCase())),
    key: (i, column) => columns[column](values.rows[i], cellOf(i)) ?? "",
    row: (i) => {
      const row = make("tr");
      columns.forEach((get, column) => {
        const value = get(values.rows[i], cellOf(i));
        const numeric = typeof value === "number";
        const cell = make("td");
        if (labels.has(column)) cell.className = "label";
        if (column === 12 || column === 14) cell.className = "label long";
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
