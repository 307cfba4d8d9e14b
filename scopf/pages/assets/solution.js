"use strict";
// Puts the page of a solution together.

const DATA = JSON.parse(document.getElementById("data").textContent);

// Of each figure of bars: title of the values, title of the places, names of both in the file.
const BARS = { inverters: [DATA.price, "inverter at bus", "inverter", "state"], outages: [DATA.price, "", "state", "inverter"], margins: ["margin (p.u. voltage)", "inverter at bus", "inverter", "state"] };

function drawBars(id, traces) {
  const figure = document.getElementById(id), [title, places, ...head] = BARS[id];
  if (!figure) return null;
  const place = figure.querySelector(".plot");
  const count = traces.length ? traces[0].y.length : 0;
  const height = 110 + 26 * Math.max(count, 2);
  place.style.height = `${height}px`;
  const layout = themed({ barmode: "stack", bargap: 0.3, showlegend: traces.length > 1 || id === "outages" }, height);
  layout.xaxis.title = { text: title, font: { size: 13 } };
  layout.yaxis = { ...layout.yaxis, type: "category", autorange: "reversed", showgrid: false, title: { text: places, font: { size: 13 } } };
  layout.legend = { ...layout.legend, traceorder: "normal" };
  const bars = traces.map((trace, k) => ({
    type: "bar", orientation: "h", name: escaped(trace.name), x: trace.x, y: trace.y.map(escaped),
    marker: { color: COLOURS[k], pattern: { shape: PATTERNS[k], fillmode: "overlay", fgcolor: css("--panel"), size: 7, fgopacity: 0.7 }, line: { width: 0 } },
    hovertemplate: `%{y}, ${escaped(trace.name)}<br>%{x:,.6g}<extra></extra>`,
  }));
  const rows = traces.flatMap((trace) => trace.y.map((name, k) => [name, trace.name, trace.x[k]]));
  links(id, () => csv([...head, title], rows));
  return put(place, bars, layout);
}

const chosenOf = (id) => Number(document.getElementById(id)?.value || 0);

function drawMap() {
  const net = DATA.map, state = net.states[chosenOf("state")], colours = net.colours;
  const heads = ["bus", "what", "island", ...colours.map(({ name, unit }) => `${name} [${unit}]`)];
  const island = (n) => (state.vm[n] === null ? 0 : state.island[n] || 1);
  links("network", () => csv(heads, net.buses.map((bus, n) =>
    [bus, net.words[net.kinds[n]], island(n), ...colours.map(({ key }) => state[key][n])])));
  return drawGrid("network", net, state, colours[chosenOf("colour")]);
}

function showTables() {
  for (const [name, { heads, rows, left }] of Object.entries(DATA.tables)) {
    const place = document.getElementById(`table-${name}`);
    if (!place) continue;
    show(place, heads, rows, [download("CSV", `${name}.csv`, () => csv(heads, rows))]);
    if (left) place.append(element("p", `${left} more rows are in the tables of the solution.`));
  }
}

async function redraw() {
  await drawHours();
  await drawBars("inverters", DATA.inverters);
  await drawBars("outages", DATA.outages);
  await drawBars("margins", DATA.margins);
  await drawModes();
  for (const [k, run] of DATA.runs.entries()) {
    for (const panel of run.panels) await drawCurves(`run-${k}-${panel.name}`, run, panel);
  }
  await drawMap();
  document.documentElement.dataset.ready = "yes";
}

showTables();
showModes();
const modeState = document.getElementById("mode-state");
if (modeState) { modeState.value = 0; modeState.addEventListener("change", () => { showModes(); drawModes(); }); }
for (const select of document.querySelectorAll("#state, #colour")) {
  select.value = 0;
  select.addEventListener("change", drawMap);
}
dark.addEventListener("change", redraw);
narrow.addEventListener("change", redraw);
redraw();
