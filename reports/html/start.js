// Last part: colours, and what happens when the page opens.

const theme = { key: "assay-theme", button: document.querySelector(".theme") };

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
// A printer does not wait for the library: it must be there, then all pictures are drawn at once.
if (canvases.length > 0) {
  window.addEventListener("load", () => (window.requestIdleCallback || setTimeout)(loadLibrary));
}
window.addEventListener("beforeprint", () => canvases.forEach((canvas) => canvas.dataset.drawn || draw(canvas)));
