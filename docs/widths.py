"""Pages of the built site that are wider than a phone: `python -m docs.widths build/docs`.

Every page is opened in Chromium at 390 px, by itself in a frame. The theme lets no page scroll
sideways as a whole: what is too wide is cut off. So elements are looked for that end beyond the
page; those within a box that scrolls by itself are fine. Exit code 1 if there is any.
"""

import functools
import html
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

WIDTH = 390
PAGE = "widths-of-pages.html"
SCRIPT = """<!doctype html><body><pre id=out></pre><script>
const pages = PAGES, found = [];
function sticks_out(doc) {
  const names = [], article = doc.querySelector("article");
  if (!article) return names;
  for (const one of article.querySelectorAll("*")) {
    const box = one.getBoundingClientRect();
    if (box.right <= WIDTH + 1 || box.width === 0 || names.length === 3) continue;
    let outer = one;
    while (outer !== article) {
      const kind = doc.defaultView.getComputedStyle(outer).overflowX;
      if (outer !== one && (kind === "auto" || kind === "scroll")) break;
      outer = outer.parentElement;
    }
    if (outer === article) names.push(one.tagName + " " + one.textContent.trim().slice(0, 40));
  }
  return names;
}
async function run() {
  for (const page of pages) {
    const frame = document.createElement("iframe");
    frame.style = "width: WIDTHpx; height: 800px; border: 0";
    frame.src = page;
    await new Promise(done => { frame.onload = done; document.body.append(frame); });
    const names = sticks_out(frame.contentDocument);
    if (names.length) found.push([page, names]);
    frame.remove();
  }
  document.getElementById("out").textContent = JSON.stringify([pages.length, found]);
}
run();
</script>"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *_):
        """Nothing."""


def main(folder):
    """Measure, print, and return the exit code."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        print("there is no Chromium here")
        return 1
    pages = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.html")
        if "_static" not in path.parts and path.name != PAGE
    )
    script = SCRIPT.replace("PAGES", json.dumps(pages)).replace("WIDTH", str(WIDTH))
    (folder / PAGE).write_text(script)
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        call = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        call += ["--window-size=800,900", "--virtual-time-budget=600000"]
        address = f"http://127.0.0.1:{server.server_port}/{PAGE}"
        done = subprocess.run([*call, address], capture_output=True, text=True, timeout=600)
        server.shutdown()
    (folder / PAGE).unlink()
    number, found = json.loads(html.unescape(re.search(r"<pre.*?>(.*?)</pre>", done.stdout)[1]))
    for page, names in found:
        print(f"{page}: {'; '.join(names)}")
    print(f"{number} pages, {len(found)} with something cut off at {WIDTH} px")
    return 1 if found or not number else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
