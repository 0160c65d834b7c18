#!/usr/bin/env python3
"""Opens an HTML report in headless Chromium and looks at it as a reader would.

    scripts/report/browser.py PAGE [--out FOLDER] [--chromium /usr/bin/chromium]

Checks at 1280 and 390 px: no console error, no request but the page itself, nothing wider than the
window, pictures drawn, hover, sorting, filtering, colours, keyboard, print. Prints what it measured as
JSON; screenshots go to FOLDER. Exit code 1 when a check fails. Needs Chromium and the packages of
scripts/report/requirements.txt (playwright, html5lib).
"""

import argparse
import json
import pathlib
import sys

try:
    import html5lib
    from playwright.sync_api import sync_playwright
except ImportError as error:
    sys.exit(f"browser.py: {error.name} is missing; pip install -r scripts/report/requirements.txt")

PAINT = """() => new Promise(done => {
  const read = () => {
    const entry = performance.getEntriesByName('first-contentful-paint')[0];
    entry ? done(entry.startTime) : setTimeout(read, 50);
  };
  read();
})"""


class Checks:
    def __init__(self):
        self.failed = []
        self.measured = {}

    def check(self, name, good, found=""):
        if not good:
            self.failed.append(f"{name}: {found}")

    def note(self, name, value):
        self.measured[name] = value


def parses_strictly(path, checks):
    """html5lib's strict parser refuses what a browser would repair."""
    parser = html5lib.HTMLParser(strict=True)
    try:
        parser.parse(path.read_text(encoding="utf-8"))
    except html5lib.html5parser.ParseError as error:
        checks.check("strict HTML", False, f"{error} {parser.errors[:1]}")


def scroll_through(page):
    """Every picture is drawn when it comes near the window."""
    for canvas in page.locator(".canvas").all():
        for _ in range(400):  # what is drawn above moves what is below: scroll until it is drawn
            canvas.scroll_into_view_if_needed()
            if canvas.get_attribute("data-drawn"):
                break
            page.wait_for_timeout(50)


def check_pictures(page, checks, width):
    canvases = page.locator(".canvas").count()
    drawn = page.locator(".canvas[data-drawn]").count()
    checks.note(f"pictures_{width}", f"{drawn} of {canvases}")
    checks.check(f"pictures at {width}", canvases == drawn, f"{drawn} of {canvases} drawn")


def check_hover(page, checks):
    plot = page.locator(".canvas[data-drawn] .scatterlayer .point").first
    if plot.count() == 0:
        return
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    texts = []
    for _ in range(100):  # a busy machine draws the label late
        texts = page.locator(".hoverlayer .hovertext").all_text_contents()
        if texts:
            break
        page.wait_for_timeout(50)
    checks.note("hover", texts[0][:120] if texts else "")
    checks.check("hover", bool(texts), "no label appears over a point")


def visible_column(page, table, column):
    return page.eval_on_selector_all(
        f"{table} tbody tr", f"rows => rows.map(r => r.cells[{column}].title || r.cells[{column}].textContent)")


def check_sort(page, checks):
    head = page.locator("#all-values thead th").nth(4)
    head.locator("button").click()
    values = [float(v) for v in visible_column(page, "#all-values", 4)]
    checks.check("sort up", values == sorted(values), values[:5])
    checks.check("aria-sort", head.get_attribute("aria-sort") == "ascending")
    head.locator("button").click()
    values = [float(v) for v in visible_column(page, "#all-values", 4)]
    checks.check("sort down", values == sorted(values, reverse=True), values[:5])


def check_filter(page, checks):
    rows = page.evaluate("JSON.parse(document.getElementById('report-data').textContent).values.rows.length")
    word = visible_column(page, "#all-values", 1)[0].split()[0].lower()
    field = page.locator("section#values input[type=search]")
    slowest = 0.0
    for query in ["x", word, f"{word} -ppl", "nothing has this name", ""]:
        field.fill(query)
        slowest = max(slowest, float(page.get_attribute("#all-values", "data-filter-ms")))
        shown = visible_column(page, "#all-values", 1)
        if query == word:
            checks.check("filter", shown and all(word in text.lower() for text in shown) or
                         word in page.locator("#all-values tbody").inner_text().lower(), shown[:3])
        if query.startswith("nothing"):
            checks.check("filter to nothing", not shown, shown[:3])
    checks.note("rows", rows)
    checks.note("filter_ms", slowest)
    checks.check("filter time", slowest < 200, f"{slowest} ms")


def check_theme(page, checks, out, width):
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator(".theme").click()
    after = page.evaluate("getComputedStyle(document.body).backgroundColor")
    checks.check("colours change", before != after, f"{before} stays")
    if out:
        page.evaluate("window.scrollTo(0, 0)")
        page.wait_for_timeout(300)
        page.screenshot(path=out / f"page-{width}-dark.png")
    page.locator(".theme").click()


def check_keyboard(page, checks):
    page.evaluate("window.scrollTo(0, 0); document.activeElement.blur()")
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.className")
    checks.check("skip link first", first == "skip", first)
    unnamed = page.evaluate(
        "Array.from(document.querySelectorAll('button, input, a[href]')).filter(e => "
        "!(e.textContent.trim() || e.getAttribute('aria-label'))).length")
    checks.check("names of controls", unnamed == 0, f"{unnamed} without a name")


def check_print(browser, url, checks):
    """Pictures that nobody scrolled to must be on the paper too."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(url)
    canvases = page.locator(".canvas").count()
    if canvases:
        page.wait_for_function("window.Plotly", timeout=60000)
    pages = page.pdf().count(b"/Type /Page\n")
    drawn = page.locator(".canvas[data-drawn]").count()
    checks.note("printed_pages", pages)
    checks.check("print", drawn == canvases, f"{drawn} of {canvases} pictures are drawn")
    page.close()


def look(browser, url, width, checks, out):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="light")
    page = context.new_page()
    page.on("console", lambda m: checks.check("console", m.type not in ("error", "warning"), m.text))
    page.on("pageerror", lambda e: checks.check("page error", False, str(e)))
    requests = []
    page.on("request", lambda r: requests.append(r.url))
    page.goto(url)
    checks.note(f"first_paint_ms_{width}", round(page.evaluate(PAINT)))
    checks.check("first paint", checks.measured[f"first_paint_ms_{width}"] < 2000, "2 s or more")
    if out:
        page.wait_for_timeout(800)
        page.screenshot(path=out / f"page-{width}.png")
    scroll_through(page)
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    checks.check(f"width at {width}", overflow <= 0, f"{overflow} px wider than the window")
    check_pictures(page, checks, width)
    if out:
        for i, section in enumerate(page.locator("main section section").all()):
            name = (section.get_attribute("id") or str(i)).split("-", 1)[-1]
            section.scroll_into_view_if_needed()
            page.wait_for_timeout(150)
            section.screenshot(path=out / f"section-{width}-{name}.png")
    if width > 600:
        check_hover(page, checks)
        check_keyboard(page, checks)
    check_sort(page, checks)
    check_filter(page, checks)
    check_theme(page, checks, out, width)
    others = [r for r in requests if r != url and not r.startswith(("data:", "blob:"))]
    checks.check("requests", not others, others)
    checks.note(f"requests_{width}", len(others))
    context.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    checks = Checks()
    parses_strictly(arguments.page, checks)
    checks.note("bytes", arguments.page.stat().st_size)
    checks.check("size", checks.measured["bytes"] < 8e6, "8 MB or more")
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
        checks.note("browser", browser.version)
        for width in (1280, 390):
            look(browser, arguments.page.resolve().as_uri(), width, checks, arguments.out)
        check_print(browser, arguments.page.resolve().as_uri(), checks)
        browser.close()
    print(json.dumps({"measured": checks.measured, "failed": checks.failed}, indent=2))
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
