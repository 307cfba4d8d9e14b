"use strict";
// Puts the page of a solve without a solution together.

const DATA = JSON.parse(document.getElementById("data").textContent);
const MARK = "#D55E00";

function drawConflict() {
  const net = DATA.map, place = document.querySelector("#network .plot"), height = narrow.matches ? 440 : 600;
  place.style.height = `${height}px`;
  const layout = themed({ showlegend: false }, height), hidden = { visible: false, fixedrange: narrow.matches };
  layout.xaxis = hidden;
  layout.yaxis = { ...hidden, scaleanchor: "x" };
  layout.margin = { l: 8, r: 8, t: 8, b: 8 };
  layout.dragmode = narrow.matches ? false : "pan";
  const large = net.buses.length > 200, buses = net.named_buses, branches = net.named_branches;
  const said = (head, lines) => [head, ...lines].map(escaped).join("<br>");
  const middle = (k, part) => (net[part][net.ends[k][0]] + net[part][net.ends[k][1]]) / 2;
  const others = net.few ? net.buses.map((_, k) => k) : [];
  const at = (some) => ({ x: some.map((k) => net.x[k]), y: some.map((k) => net.y[k]) });
  const traces = [
    { type: "scatter", mode: "lines", ...broken(net, net.ends.map((_, k) => k)), hoverinfo: "skip", opacity: 0.6, line: { color: css("--soft"), width: large ? 0.7 : 1.2 } },
    { type: "scatter", mode: "lines", ...broken(net, branches.map(([k]) => k)), hoverinfo: "skip", line: { color: MARK, width: 4 } },
    { type: "scatter", mode: "markers", ...at(others), hoverinfo: "text", hovertext: others.map((k) => `bus ${net.buses[k]}`), marker: { size: large ? 3 : 7, color: css("--soft") } },
    { type: "scatter", mode: "markers", x: branches.map(([k]) => middle(k, "x")), y: branches.map(([k]) => middle(k, "y")), hoverinfo: "text",
      hovertext: branches.map(([k, lines]) => said(`branch ${net.branches[k]}, ${net.ends[k].map((n) => net.buses[n]).join(" to ")}`, lines)), marker: { size: 12, color: MARK, symbol: "x" } },
    { type: "scatter", mode: "markers+text", ...at(buses.map(([k]) => k)), text: buses.map(([k]) => String(net.buses[k])), textposition: "top center", cliponaxis: false, textfont: { color: css("--ink"), size: 12 },
      hoverinfo: "text", hovertext: buses.map(([k, lines]) => said(`bus ${net.buses[k]}`, lines)), marker: { size: 14, color: MARK, symbol: "diamond", line: { color: css("--ink"), width: 1 } } },
  ];
  const rows = [...buses.flatMap(([k, lines]) => lines.map((line) => [`bus ${net.buses[k]}`, line])), ...branches.flatMap(([k, lines]) => lines.map((line) => [`branch ${net.branches[k]}`, line]))];
  links("network", () => csv(["element", "limit"], rows));
  return put(place, traces, layout);
}

function showTables() {
  for (const [name, { heads, rows }] of Object.entries(DATA.tables)) {
    show(document.getElementById(`table-${name}`), heads, rows, [download("CSV", `${name}.csv`, () => csv(heads, rows))]);
  }
}

async function redraw() {
  await drawConflict();
  document.documentElement.dataset.ready = "yes";
}

showTables();
dark.addEventListener("change", redraw);
narrow.addEventListener("change", redraw);
redraw();
