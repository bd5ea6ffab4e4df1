#!/usr/bin/env python3
"""Open pages of `coordinator report --html` in a real browser and check what they promise.

    coordinator report latest --html run.html
    scripts/check_page.py run.html                   # Debian: apt-get install chromium
    scripts/check_page.py --shots shots run.html     # screenshots and a PDF of each page as well
    scripts/check_page.py --twins run.html           # also: does every check find a page broken on purpose?

Opens every page at desktop and phone width, in the light and the dark scheme, without scripts and on paper. Checks:
nothing in the console, no request beyond the file, no horizontal scrolling, no layout shift, contrast of all text at
least 4.5, a name for every drawing, headings in order, headings for every table, labels that neither overlap nor leave
the page, the same text without scripts, everything on paper. Prints one line; complaints on stderr and exit code 1.
Speaks to Chromium through a pipe (DevTools protocol) and needs only Python. `BENCH_BROWSER` names the program.
"""

import argparse
import base64
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

DESK, TELEPHONE = 1280, 390
# Width of A4 between margins of 14 mm, in CSS pixels.
PAPER = 688
# Every width and every scheme once; `--shots` takes all four combinations.
LOOKS = [(DESK, "light"), (TELEPHONE, "dark")]
OTHERS = [(DESK, "dark"), (TELEPHONE, "light")]

# Runs in the page and returns complaints by check. Opens everything that is folded first.
PROBE = r"""
async () => {
  const found = {};
  const complain = (check, text) => (found[check] ??= []).push(text);
  const frames = async (n) => { for (; n > 0; n--) await new Promise((done) => requestAnimationFrame(done)); };
  const root = document.documentElement;
  const scrolls = () => {
    if (root.scrollWidth > root.clientWidth) complain("width", `${root.scrollWidth} > ${root.clientWidth} pixels`);
  };
  const short = (node) => (node.textContent || "").trim().replace(/\s+/g, " ").slice(0, 60);

  let shift = 0;
  const moved = new Set();
  const watch = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      shift += entry.value;
      entry.sources.forEach(({ node }) => moved.add(node?.id || node?.className || node?.nodeName));
    }
  });
  watch.observe({ type: "layout-shift", buffered: true });
  await frames(20);
  // A busy machine paints a page before it is read to its end, and a rounded fraction of a pixel counts: 0.000001 was
  // seen. What a reader can notice is a hundred times this limit.
  if (shift > 0.001) complain("shift", `layout shift ${shift} of ${[...moved].join(", ")}`);
  watch.disconnect();
  scrolls();
  document.querySelectorAll("details").forEach((details) => { details.open = true; });
  await frames(2);
  scrolls();

  const rgba = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const colour = element ? rgba(getComputedStyle(element).backgroundColor) : [255, 255, 255, 1];
    return colour[3] >= 1 ? colour : over(colour, ground(element.parentElement));
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest("svg, script, style") || seen.has(element)) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    seen.add(element);
    let colour = rgba(getComputedStyle(element).color);
    for (let up = element; up; up = up.parentElement) colour[3] *= Number(getComputedStyle(up).opacity);
    const back = ground(element);
    const [one, other] = [light(over(colour, back)), light(back)];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) complain("contrast", `${ratio.toFixed(2)}: ${short(element)}`);
  }
  if (seen.size < 50) complain("contrast", `only ${seen.size} texts were seen`);

  for (const svg of document.querySelectorAll("svg")) {
    if (svg.getAttribute("aria-hidden") === "true") continue;
    const ids = (svg.getAttribute("aria-labelledby") || "").split(" ").filter(Boolean);
    const named = ids.length ? ids.every((id) => short(document.getElementById(id) || {})) : svg.querySelector(":scope > title")?.textContent.trim();
    if (svg.getAttribute("role") !== "img" || !named) complain("names", svg.outerHTML.slice(0, 100));
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  if (new Set(ids).size !== ids.length) complain("names", "an id is used twice");

  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) complain("headings", `h${own} after h${level}: ${short(heading)}`);
    if (!short(heading)) complain("headings", `an empty h${own}`);
    level = own;
  }
  if (document.querySelectorAll("h1").length !== 1) complain("headings", "not exactly one h1");

  for (const table of document.querySelectorAll("table")) {
    const rows = [...table.querySelectorAll("tbody tr")];
    const fits = table.caption && short(table.caption) && table.querySelector("thead th[scope=col]")
      && [...table.querySelectorAll("th")].every(short) && rows.every((row) => row.querySelector("th[scope=row]"));
    if (!fits) complain("tables", short(table));
  }

  for (const group of document.querySelectorAll(".frame .x, .frame .y, .frame .side")) {
    const labels = [...group.children].map((label) => [label, label.getBoundingClientRect()]).filter(([, r]) => r.width > 0);
    labels.forEach(([label, r], at) => {
      if (r.left < 0 || r.right > root.clientWidth) complain("labels", `off the page: ${short(label)}`);
      for (const [other, s] of labels.slice(at + 1)) {
        const apart = r.right + 1 < s.left || s.right + 1 < r.left || r.bottom <= s.top || s.bottom <= r.top;
        if (!apart) complain("labels", `${group.closest("figure")?.id}: ${short(label)} over ${short(other)}`);
      }
    });
  }
  return found;
}
"""

TEXT = "document.body.innerText"
# Content that reaches beyond the paper would be cut off.
CUT = """[...document.querySelectorAll("table, pre, .frame, .card")]
  .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.textContent.trim().slice(0, 60))"""
# Maximum height of a screenshot, pixels.
TALLEST = 16000


class Browser:
    """A headless Chromium, connected by two pipes."""

    def __init__(self, program):
        self.profile = tempfile.mkdtemp(prefix="check-page-")
        ours, theirs = os.pipe(), os.pipe()
        # Above 3 and 4, which Chromium expects to be its own.
        reads, writes = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (ours[0], theirs[1]))

        def wire():
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        flags = ["--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", "--disable-extensions", "--force-color-profile=srgb",
                 "--remote-debugging-pipe", f"--user-data-dir={self.profile}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([program, *flags], close_fds=False, preexec_fn=wire, **quiet)
        for fd in (*ours[:1], *theirs[1:], reads, writes):
            os.close(fd)
        self.out, self.back = os.fdopen(ours[1], "wb", 0), os.fdopen(theirs[0], "rb", 0)
        self.buffer, self.last, self.events = b"", 0, []

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def receive(self):
        while b"\0" not in self.buffer:
            chunk = self.back.read(1 << 16)
            if not chunk:
                raise RuntimeError("the browser went away")
            self.buffer += chunk
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **params):
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self.out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.receive())


class Tab:
    """One page at one width and in one scheme."""

    def __init__(self, browser, url, width, scheme="light", media="", scripts=True):
        self.browser = browser
        browser.events.clear()
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        browser.events.clear()
        self.call("Page.navigate", url=url)
        browser.wait("Page.loadEventFired")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.browser.call("Target.closeTarget", targetId=self.target)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def heard(self, url):
        """Complaints from the events that the browser reported."""
        for event in self.browser.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                yield "console", params["exceptionDetails"].get("text", "an exception")
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                yield "console", str(params["args"])
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                yield "console", params["entry"]["text"]
            elif method == "Network.requestWillBeSent" and params["request"]["url"] != url:
                yield "requests", params["request"]["url"]

    def unnamed(self):
        """Drawings without a name in the browser's accessibility tree."""
        for node in self.call("Accessibility.getFullAXTree")["nodes"]:
            image = node.get("role", {}).get("value") in ("image", "img", "graphics-document")
            if image and not node["ignored"] and not node.get("name", {}).get("value"):
                yield "names", "the browser knows no name for a drawing"

    def shoot(self, path):
        self.evaluate("document.querySelectorAll(`details`).forEach((details) => { details.open = false; })")
        height = min(self.evaluate("document.documentElement.scrollHeight"), TALLEST)
        width = self.evaluate("innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        data = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))


def look(browser, url, width, scheme, shots=None):
    """Complaints about a page at one width and in one scheme, and its text."""
    with Tab(browser, url, width, scheme) as tab:
        text = tab.evaluate(TEXT)
        complaints = [(check, said) for check, all_said in tab.evaluate(f"({PROBE})()").items() for said in all_said]
        complaints += tab.unnamed()
        complaints += tab.heard(url)
        if shots:
            # Last, because it makes the window as tall as the page, and folds everything up again.
            tab.shoot(shots.with_name(f"{shots.name}-{width}-{scheme}.png"))
    return complaints, text


def plain(browser, url, text):
    """Complaints about a page without scripts."""
    with Tab(browser, url, DESK, scripts=False) as tab:
        if tab.evaluate(TEXT) != text:
            yield "scripts", "without scripts the text is another one"


def paper(browser, url, shots=None):
    """Complaints about a page on paper."""
    with Tab(browser, url, PAPER, "dark", media="print") as tab:
        text = tab.evaluate(TEXT)
        for heading in tab.evaluate("[...document.querySelectorAll('h1, h2')].map((h) => h.innerText || h.textContent)"):
            if " ".join(heading.split()) not in " ".join(text.split()):
                yield "print", f"not on paper: {heading}"
        for said in tab.evaluate(CUT):
            yield "print", f"cut off: {said}"
        pdf = base64.b64decode(tab.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])
        pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
        if not pdf.startswith(b"%PDF") or pages < 1 or len(pdf) < 20_000:
            yield "print", f"a PDF of {len(pdf)} bytes and {pages} pages"
        if shots:
            shots.with_name(f"{shots.name}.pdf").write_bytes(pdf)


def check(browser, path, shots=None):
    """All complaints about a page: what, and where."""
    url = path.resolve().as_uri()
    complaints, text = [], ""
    for width, scheme in LOOKS + (OTHERS if shots else []):
        found, text_here = look(browser, url, width, scheme, shots)
        complaints += [(name, f"{width} {scheme}: {said}") for name, said in found]
        text = text_here if (width, scheme) == LOOKS[0] else text
    complaints += plain(browser, url, text)
    complaints += paper(browser, url, shots)
    return complaints


def finds(browser, path, name):
    """The checks that complain about a page when it is opened as the check of this name opens it."""
    url = path.as_uri()
    if name == "print":
        return {check for check, _ in paper(browser, url)}
    found, text = look(browser, url, DESK, "light")
    if name == "scripts":
        found = plain(browser, url, text)
    return {check for check, _ in found}


def before_end(addition):
    """Breaks a page by an addition, and removes the policy that would block the addition."""
    def broken(page):
        page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
        return page.replace("</main>", addition + "</main>")
    return broken


LATER = "requestAnimationFrame(() => requestAnimationFrame(() => {}))"
# For every check, a page that the check must complain about.
TWINS = [
    ("console", before_end("<script>throw new Error('twin')</script>")),
    ("console", lambda page: page.replace("</main>", "<script>1</script></main>")),
    ("requests", before_end('<img alt="" src="http://127.0.0.1:9/twin.png">')),
    ("width", before_end('<div style="width: 2000px">wide</div>')),
    ("shift", before_end(f"<script>{LATER.replace('{}', 'document.body.prepend(Object.assign(document.createElement(`p`), {style: `height: 300px`}))')}</script>")),
    ("contrast", before_end('<p style="color: #8a8a8a; background: #fff">pale</p>')),
    ("names", lambda page: page.replace(' role="img"', "", 1)),
    ("names", lambda page: re.sub(r"(<svg[^>]*>)<title[^>]*>[^<]*</title>", r"\1", page)),
    ("headings", before_end("<h4>too deep</h4>")),
    ("headings", before_end("<h1>once more</h1>")),
    ("tables", before_end("<table><tbody><tr><td>1</td></tr></tbody></table>")),
    ("labels", before_end("<style>.frame .x span { left: 50% !important }</style>")),
    ("scripts", before_end("<script>document.body.append('only with scripts')</script>")),
    ("print", before_end("<style>@media print { main { display: none } }</style>")),
    ("print", before_end('<pre style="width: 60rem; max-width: none">long</pre>')),
]


def twins(browser, path):
    """Checks that do not complain about the page that was broken for them."""
    page = path.read_text()
    for name, breaks in TWINS:
        broken = breaks(page)
        if broken == page:
            yield f"twin of {name}: could not be made"
            continue
        with tempfile.NamedTemporaryFile("w", suffix=".html", delete=False) as file:
            file.write(broken)
        try:
            found = finds(browser, pathlib.Path(file.name), name)
        finally:
            os.unlink(file.name)
        if name not in found:
            yield f"twin of {name}: not found, only {sorted(found)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--twins", action="store_true", help="also try pages broken on purpose")
    parser.add_argument("--shots", type=pathlib.Path, metavar="DIR", help="keep screenshots and a PDF there")
    parser.add_argument("--probe", action="store_true", help="say whether there is a browser, and no more")
    parser.add_argument("pages", nargs="*", type=pathlib.Path, metavar="PAGE")
    args = parser.parse_args()
    names = [os.environ.get("BENCH_BROWSER", ""), "chromium", "chromium-browser", "google-chrome"]
    program = next((found for name in names if name and (found := shutil.which(name))), None)
    if program is None:
        sys.exit("no Chromium is installed (Debian: apt-get install chromium), and BENCH_BROWSER names none")
    if args.probe:
        print(program)
        return
    if not args.pages:
        parser.error("which page?")
    if args.shots:
        args.shots.mkdir(parents=True, exist_ok=True)
    browser = Browser(program)
    try:
        complaints = []
        for path in args.pages:
            shots = args.shots and args.shots / path.stem
            complaints += [f"{path.name}: {name}: {said}" for name, said in check(browser, path, shots=shots)]
        if args.twins:
            complaints += twins(browser, args.pages[0])
    finally:
        browser.close()
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    print(f"{len(args.pages)} pages, {len(TWINS) if args.twins else 0} twins, {len(complaints)} complaints")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
