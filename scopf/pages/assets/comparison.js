"use strict";
// Puts the page of a comparison together.

const DATA = JSON.parse(document.getElementById("data").textContent);

function drawChanges() {
  const figure = document.getElementById("changes"), { title, names, values } = DATA.bars;
  if (!figure) return null;
  const place = figure.querySelector(".plot"), height = 90 + 26 * Math.max(names.length, 2);
  place.style.height = `${height}px`;
  const layout = themed({ showlegend: false, bargap: 0.3 }, height);
  const longest = narrow.matches ? 18 : 40, short = (text) => (text.length > longest ? `${text.slice(0, longest - 1)}…` : text);
  layout.xaxis.title = { text: title, font: { size: 13 } };
  layout.yaxis = { ...layout.yaxis, showgrid: false, autorange: "reversed", tickvals: names.map((_, k) => k), ticktext: names.map((text) => escaped(short(text))) };
  links("changes", () => csv(["name", title], names.map((name, k) => [name, values[k]])));
  return put(place, [{ type: "bar", orientation: "h", y: names.map((_, k) => k), x: values, text: names.map(escaped), textposition: "none",
    marker: { color: values.map((value) => COLOURS[value > 0 ? 1 : 0]) }, hovertemplate: "%{text}<br>%{x:,.6g}<extra></extra>" }], layout);
}

function showTables() {
  for (const [name, { heads, rows, left }] of Object.entries(DATA.tables)) {
    const place = document.getElementById(`table-${name}`);
    if (!place) continue;
    show(place, heads, rows, [download("CSV", `${name}.csv`, () => csv(heads, rows))]);
    if (left) place.append(element("p", `${left} more rows are in the table of the comparison.`));
  }
}

async function redraw() {
  await drawChanges();
  document.documentElement.dataset.ready = "yes";
}

showTables();
dark.addEventListener("change", redraw);
narrow.addEventListener("change", redraw);
redraw();
