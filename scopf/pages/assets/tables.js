"use strict";
// Tables and the files made of them.

const PAGE = 100; // rows at a time
const element = (name, text, ...parts) => {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  made.append(...parts);
  return made;
};

// Text in which m_q, α and their like are symbols.
const labelled = (text) => text.split(/([mηβ]_[qp]|α)/).flatMap((part, k) =>
  k % 2 ? [element("i", part[0]), ...(part[2] ? [element("sub", part[2])] : [])] : [part]);

// Spreadsheets run text that starts like a formula.
function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

const csv = (heads, rows) => [heads, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";

// A link whose file is made when it is asked for.
function download(text, name, content) {
  const link = element("a", text);
  link.href = "#";
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const file = element("a");
    file.href = URL.createObjectURL(new Blob(["\ufeff", content()], { type: "text/csv;charset=utf-8" }));
    file.download = name;
    file.click();
    setTimeout(() => URL.revokeObjectURL(file.href), 10000);
  });
  return link;
}

// A link that saves the figure of that id.
function imageLink(id, format) {
  const link = element("a", format.toUpperCase());
  link.href = "#";
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const plot = document.querySelector(`#${id} .plot`);
    Plotly.downloadImage(plot, { format, filename: id, width: plot.clientWidth, height: plot.clientHeight, scale: 2 });
  });
  return link;
}

// Links below a figure: its numbers, and itself as a picture.
function links(id, content) {
  const place = document.querySelector(`#${id} .links`);
  place.replaceChildren(download("CSV", `${id}.csv`, content), imageLink(id, "svg"), imageLink(id, "png"));
}

function compare(a, b) {
  if (a === b) return 0;
  if (a === null || a === "") return 1;
  if (b === null || b === "") return -1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

// A sortable table, a page of rows at a time, in `place`.
function show(place, heads, rows, links) {
  let order = rows.map((_, k) => k), sorted = null, up = true, page = 0;
  const body = element("tbody");
  const count = element("span");
  const back = element("button", "‹ Previous"), forth = element("button", "Next ›");
  back.type = forth.type = "button";
  const numeric = heads.map((_, k) => rows.some((row) => typeof row[k] === "number"));
  const titles = heads.map((text, k) => {
    const button = element("button", text);
    button.type = "button";
    const head = element("th", null, button);
    head.scope = "col";
    if (numeric[k]) head.className = "number";
    button.addEventListener("click", () => {
      up = sorted === k ? !up : true;
      sorted = k;
      order = rows.map((_, n) => n).sort((a, b) => {
        const [x, y] = [rows[a][k], rows[b][k]];
        const none = (x === null || x === "") || (y === null || y === "");
        return (compare(x, y) * (up || none ? 1 : -1)) || a - b;
      });
      page = 0;
      titles.forEach((title, n) => title.setAttribute("aria-sort", n === k ? (up ? "ascending" : "descending") : "none"));
      fill();
    });
    return head;
  });
  function fill() {
    const shown = order.slice(page * PAGE, (page + 1) * PAGE);
    body.replaceChildren(...shown.map((n) => element("tr", null, ...rows[n].map((value, k) => {
      const made = element("td", value);
      if (numeric[k]) made.className = "number";
      else if (value && String(value).length > 40) made.title = value;
      return made;
    }))));
    const last = Math.min((page + 1) * PAGE, rows.length);
    count.textContent = rows.length > PAGE ? `rows ${page * PAGE + 1} to ${last} of ${rows.length}` : `${rows.length} ${rows.length === 1 ? "row" : "rows"}`;
    back.disabled = page === 0;
    forth.disabled = last >= rows.length;
  }
  back.addEventListener("click", () => { page -= 1; fill(); });
  forth.addEventListener("click", () => { page += 1; fill(); });
  const bar = element("div", null, ...links, count, ...(rows.length > PAGE ? [back, forth] : []));
  bar.className = "links";
  const table = element("table", null, element("thead", null, element("tr", null, ...titles)), body);
  const scroll = element("div", null, table);
  scroll.className = "scroll";
  scroll.tabIndex = 0;
  place.replaceChildren(bar, scroll);
  fill();
}
