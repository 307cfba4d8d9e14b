"use strict";
// Puts the page of a solution together.

const DATA = JSON.parse(document.getElementById("data").textContent);
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"]; // Okabe and Ito
const PATTERNS = ["", "/", ".", "\\", "x"];
const LEVELS = [[0, 25], [25, 50], [50, 75], [75, 100.05], [100.05, Infinity]]; // per cent
const rounded = (value, digits) => value.toLocaleString("en", { maximumSignificantDigits: digits });

function drawBars(id, traces) {
  const figure = document.getElementById(id);
  if (!figure) return null;
  const place = figure.querySelector(".plot");
  const count = traces.length ? traces[0].y.length : 0;
  const height = 110 + 26 * Math.max(count, 2);
  place.style.height = `${height}px`;
  const layout = themed({ barmode: "stack", bargap: 0.3, showlegend: traces.length > 1 || id === "outages" }, height);
  layout.xaxis.title = { text: DATA.price, font: { size: 13 } };
  layout.yaxis = { ...layout.yaxis, type: "category", autorange: "reversed", showgrid: false, title: { text: id === "inverters" ? "inverter at bus" : "", font: { size: 13 } } };
  layout.legend = { ...layout.legend, traceorder: "normal" };
  const bars = traces.map((trace, k) => ({
    type: "bar", orientation: "h", name: escaped(trace.name), x: trace.x, y: trace.y.map(escaped),
    marker: { color: COLOURS[k], pattern: { shape: PATTERNS[k], fillmode: "overlay", fgcolor: css("--panel"), size: 7, fgopacity: 0.7 }, line: { width: 0 } },
    hovertemplate: `%{y}, ${escaped(trace.name)}<br>%{x:,.6g}<extra></extra>`,
  }));
  const head = id === "inverters" ? ["inverter", "state", DATA.price] : ["state", "inverter", DATA.price];
  const rows = traces.flatMap((trace) => trace.y.map((name, k) => [name, trace.name, trace.x[k]]));
  links(id, () => csv(head, rows));
  return put(place, bars, layout);
}

function links(id, content) {
  const place = document.querySelector(`#${id} .links`);
  place.replaceChildren(download("CSV", `${id}.csv`, content), imageLink(id, "svg"), imageLink(id, "png"));
}

// One broken line through some branches.
function broken(branches) {
  const net = DATA.map, x = [], y = [];
  for (const k of branches) {
    const [a, b] = net.ends[k];
    x.push(net.x[a], net.x[b], null);
    y.push(net.y[a], net.y[b], null);
  }
  return { x, y };
}

function levelOf(value) {
  return value === null ? -1 : LEVELS.findIndex(([low, high]) => value >= low && value < high);
}

function levelName(k) {
  if (k < 0) return "no rating";
  const [low, high] = LEVELS[k];
  return high === Infinity ? "above 100 %" : `${low} to ${Math.floor(high)} %`;
}

function edges(state, large) {
  const net = DATA.map, lost = new Set(state.lost);
  const pale = dark.matches ? [70, 78, 86] : [208, 212, 216], strong = dark.matches ? [230, 233, 236] : [27, 31, 36];
  const traces = [];
  for (let k = -1; k < LEVELS.length; k += 1) {
    const some = state.loading.flatMap((value, n) => (!lost.has(n) && levelOf(value) === k ? [n] : []));
    if (!some.length) continue;
    const share = Math.max(0, k) / 3;
    const grey = pale.map((one, n) => Math.round(one + Math.min(1, share) * (strong[n] - one)));
    const colour = k < 0 ? css("--soft") : k === 4 ? "#D55E00" : `rgb(${grey.join(",")})`;
    traces.push({ type: "scatter", mode: "lines", name: levelName(k), ...broken(some), hoverinfo: "skip",
      line: { color: colour, width: (k < 0 ? 1.2 : 1 + 1.1 * (k + 1)) * (large ? 0.6 : 1) } });
  }
  const middle = (n, part) => (net[part][net.ends[n][0]] + net[part][net.ends[n][1]]) / 2;
  const all = state.loading.map((_, n) => n);
  traces.push({ type: "scatter", mode: "markers", showlegend: false, hoverinfo: "text",
    x: all.map((n) => middle(n, "x")), y: all.map((n) => middle(n, "y")), marker: { size: 10, opacity: 0 },
    text: all.map((n) => `branch ${net.branches[n]}, ${net.buses[net.ends[n][0]]} to ${net.buses[net.ends[n][1]]}<br>` +
      (lost.has(n) ? "out" : state.loading[n] === null ? "no rating" : `loading ${rounded(state.loading[n], 3)} %`)) });
  if (state.lost.length) {
    traces.push({ type: "scatter", mode: "lines", name: "out", ...broken(state.lost), hoverinfo: "skip", line: { color: "#D55E00", width: 2.5, dash: "dash" } });
    traces.push({ type: "scatter", mode: "markers", showlegend: false, hoverinfo: "skip",
      x: state.lost.map((n) => middle(n, "x")), y: state.lost.map((n) => middle(n, "y")),
      marker: { symbol: "x-thin", size: 12, line: { width: 3, color: "#D55E00" } } });
  }
  return traces;
}

function drawMap() {
  const net = DATA.map, select = document.getElementById("state");
  const state = net.states[select ? Number(select.value) : 0];
  const place = document.querySelector("#network .plot");
  const height = narrow.matches ? 480 : 640, large = net.buses.length > 200;
  place.style.height = `${height}px`;
  const layout = themed({ showlegend: true }, height);
  const hidden = { visible: false, fixedrange: narrow.matches };
  layout.xaxis = hidden;
  layout.yaxis = { ...hidden, scaleanchor: "x" };
  layout.margin = { l: 8, r: 8, t: 8, b: 8 };
  layout.dragmode = narrow.matches ? false : "pan";
  const inverters = new Set(net.inverters), units = new Set(state.units);
  const text = net.buses.map((bus, n) => `${inverters.has(n) ? "inverter" : "bus"} ${bus}<br>` +
    (state.vm[n] === null ? "not energized" : `voltage ${state.vm[n].toFixed(4)} p.u.`) + (units.has(n) ? "<br>a unit is out" : ""));
  const size = large ? 5 : net.buses.length > 60 ? 9 : 13;
  const marked = (some, hover) => ({ type: "scatter", showlegend: false, x: some.map((n) => net.x[n]), y: some.map((n) => net.y[n]), ...hover });
  const all = net.buses.map((_, n) => n);
  const first = all.filter((n) => state.vm[n] !== null), without = all.filter((n) => state.vm[n] === null);
  const range = net.high > net.low ? [net.low, net.high] : [net.low - 0.01, net.high + 0.01];
  const traces = [
    ...edges(state, large),
    { ...marked(first, { hoverinfo: "text", hovertext: first.map((n) => text[n]) }), mode: large ? "markers" : "markers+text",
      text: first.map((n) => String(net.buses[n])), textposition: "top center", cliponaxis: false,
      textfont: { size: narrow.matches ? 9 : 11, color: css("--ink") },
      marker: { opacity: 1, size: first.map((n) => (inverters.has(n) ? 1.5 : 1) * size), symbol: first.map((n) => (inverters.has(n) ? "square" : "circle")),
        color: first.map((n) => state.vm[n]), cmin: range[0], cmax: range[1], colorscale: ramp(), showscale: true,
        colorbar: colourbar({ title: { text: "voltage (p.u.)" } }), line: { width: 1, color: css("--ink") } } },
    { ...marked(without, { hoverinfo: "text", text: without.map((n) => text[n]) }), mode: "markers",
      marker: { size, symbol: "circle-open", color: css("--soft") } },
    { ...marked(state.units, { hoverinfo: "skip" }), mode: "markers", showlegend: state.units.length > 0, name: "unit out",
      marker: { symbol: "x-thin", size: 2 * size, line: { width: 3, color: "#D55E00" } } },
  ];
  const heads = ["bus", "vm [p.u.]"];
  links("network", () => csv(heads, net.buses.map((bus, n) => [bus, state.vm[n]])));
  return put(place, traces, layout);
}

function showTables() {
  for (const [name, { heads, rows, left }] of Object.entries(DATA.tables)) {
    const place = document.getElementById(`table-${name}`);
    show(place, heads, rows, [download("CSV", `${name}.csv`, () => csv(heads, rows))]);
    if (left) place.append(element("p", `${left} more rows are in the tables of the solution.`));
  }
}

async function redraw() {
  await drawHours();
  await drawBars("inverters", DATA.inverters);
  await drawBars("outages", DATA.outages);
  await drawMap();
  document.documentElement.dataset.ready = "yes";
}

showTables();
const chosen = document.getElementById("state");
if (chosen) { chosen.value = 0; chosen.addEventListener("change", drawMap); }
dark.addEventListener("change", redraw);
narrow.addEventListener("change", redraw);
redraw();
