"use strict";
// The grid in one state: a quantity as colour, loading as width and shade, islands, what is out.

const LEVELS = [[0, 25], [25, 50], [50, 75], [75, 100.05], [100.05, Infinity]]; // per cent
const rounded = (value, digits) => value.toLocaleString("en", { maximumSignificantDigits: digits });

function levelOf(value) {
  return value === null ? -1 : LEVELS.findIndex(([low, high]) => value >= low && value < high);
}

function levelName(k) {
  if (k < 0) return "no rating";
  const [low, high] = LEVELS[k];
  return high === Infinity ? "above 100 %" : `${low} to ${Math.floor(high)} %`;
}

function branchText(net, state, n, gone) {
  const [a, b] = net.ends[n].map((k) => net.buses[k]), head = `branch ${net.branches[n]}, ${a} to ${b}<br>`;
  if (gone.has(n)) return head + gone.get(n);
  const power = state.power ? state.power[n] : null;
  const flow = power === null ? "" : `<br>${rounded(Math.abs(power), 4)} MW from ${power < 0 ? `${b} to ${a}` : `${a} to ${b}`}`;
  return head + (state.loading[n] === null ? "no rating" : `${net.share || "loading"} ${rounded(state.loading[n], 3)} %`) + flow;
}

// `net.levels` are levels that are in the legend even if no branch has them now, so that it stays.
function edges(net, state, large) {
  const gone = new Map([...(state.dead || []).map((n) => [n, "not energized"]), ...state.lost.map((n) => [n, "out"])]);
  const pale = dark.matches ? [70, 78, 86] : [208, 212, 216], strong = dark.matches ? [230, 233, 236] : [27, 31, 36];
  const levels = state.loading.map(levelOf), kept = net.levels || [], traces = [];
  for (let k = -1; k < LEVELS.length; k += 1) {
    const some = levels.flatMap((level, n) => (!gone.has(n) && level === k ? [n] : []));
    if (!some.length && !kept.includes(k)) continue;
    const share = Math.max(0, k) / 3;
    const grey = pale.map((one, n) => Math.round(one + Math.min(1, share) * (strong[n] - one)));
    const colour = k < 0 ? css("--soft") : k === 4 ? "#D55E00" : `rgb(${grey.join(",")})`;
    traces.push({ type: "scatter", mode: "lines", name: levelName(k), ...broken(net, some), hoverinfo: "skip",
      line: { color: colour, width: (k < 0 ? 1.2 : 1 + 1.1 * (k + 1)) * (large ? 0.6 : 1) } });
  }
  if (net.dead) {
    traces.push({ type: "scatter", mode: "lines", name: "not energized", ...broken(net, state.dead), hoverinfo: "skip", opacity: 0.7, line: { color: css("--soft"), width: 1, dash: "dot" } });
  }
  const middle = (n, part) => (net[part][net.ends[n][0]] + net[part][net.ends[n][1]]) / 2;
  const all = state.loading.map((_, n) => n);
  traces.push({ type: "scatter", mode: "markers", showlegend: false, hoverinfo: "text",
    x: all.map((n) => middle(n, "x")), y: all.map((n) => middle(n, "y")), marker: { size: 10, opacity: 0 },
    text: all.map((n) => branchText(net, state, n, gone)) });
  if (state.lost.length || net.lost) {
    traces.push({ type: "scatter", mode: "lines", name: "out", ...broken(net, state.lost), hoverinfo: "skip", line: { color: "#D55E00", width: 2.5, dash: "dash" } });
    traces.push({ type: "scatter", mode: "markers", showlegend: false, hoverinfo: "skip",
      x: state.lost.map((n) => middle(n, "x")), y: state.lost.map((n) => middle(n, "y")),
      marker: { symbol: "x-thin", size: 12, line: { width: 3, color: "#D55E00" } } });
  }
  return traces;
}

// DC lines, and what is not energized in any state.
function beside(net) {
  const idle = net.idle, traces = [];
  const soft = css("--soft");
  if (net.dcends.length) {
    const middle = (part) => net.dcends.map(([a, b]) => (net[part][a] + net[part][b]) / 2);
    traces.push({ type: "scatter", mode: "lines", name: "DC line", hoverinfo: "skip", line: { color: soft, width: 1.5, dash: "longdash" },
      ...broken({ ...net, ends: net.dcends }, net.dcends.map((_, n) => n)) });
    traces.push({ type: "scatter", mode: "markers", showlegend: false, hoverinfo: "text", x: middle("x"), y: middle("y"), marker: { size: 10, opacity: 0 },
      text: net.dcends.map(([a, b], n) => `DC line ${net.dclines[n]}, ${net.buses[a]} to ${net.buses[b]}`) });
  }
  if (idle.x.length) {
    traces.push({ type: "scatter", mode: "lines", showlegend: false, hoverinfo: "skip", line: { color: soft, width: 1, dash: "dot" },
      ...broken(idle, idle.ends.map((_, n) => n)) });
    traces.push({ type: "scatter", mode: "markers", name: "not energized", x: idle.x, y: idle.y, hoverinfo: "text",
      text: idle.buses.map((bus) => `bus ${bus}<br>not energized`), marker: { size: 9, symbol: "circle-open-dot", color: soft } });
  }
  return traces;
}

// A pale band along each island, and its name where there is room; none of a single one.
function islandsOf(net, state, labels) {
  const island = state.island || [], count = new Map();
  for (const number of island) if (number) count.set(number, (count.get(number) || 0) + 1);
  if (count.size < 2) return [];
  const largest = [...count].sort((a, b) => b[1] - a[1]).slice(0, COLOURS.length).map(([number]) => number).sort((a, b) => a - b);
  const gone = new Set([...(state.dead || []), ...state.lost]);
  return largest.flatMap((number, k) => {
    const mine = net.buses.flatMap((_, n) => (island[n] === number ? [n] : []));
    const lines = broken(net, net.ends.flatMap(([a, b], n) => (island[a] === number && island[b] === number && !gone.has(n) ? [n] : [])));
    const highest = mine.reduce((best, n) => (net.y[n] > net.y[best] ? n : best));
    const text = `island ${number}`, ranked = labels ? [...mine].sort((a, b) => net.y[b] - net.y[a]).map((n) => labels.at[n]) : [];
    const anchors = [...ranked, ...[...ranked].reverse()].map(([u, v], n) => [u, v + (n < ranked.length ? 26 : -26)]);
    const spot = labels && labels.free(text, anchors, 12);
    const x = [...lines.x, ...mine.flatMap((n) => [net.x[n], null])], y = [...lines.y, ...mine.flatMap((n) => [net.y[n], null])];
    const width = net.buses.length > 200 ? 8 : 16;
    return [
      { type: "scatter", mode: "lines+markers", name: `island ${number} (${mine.length})`, x, y, hoverinfo: "skip", opacity: 0.3,
        line: { color: COLOURS[k], width }, marker: { color: COLOURS[k], size: 1.7 * width, opacity: 1, line: { width: 0 } } },
      { type: "scatter", mode: "text", showlegend: false, hoverinfo: "skip", x: [spot ? spot[0] : null], y: [spot ? spot[1] : null], cliponaxis: false,
        text: [`<b>${text}</b>`], textposition: "middle center", textfont: { size: 12, color: css("--ink") } },
      { type: "scatter", mode: "markers", showlegend: false, hoverinfo: "skip", marker: { size: 76, opacity: 0 }, // room for the name
        x: [net.x[highest]], y: [net.y[highest]] },
    ];
  });
}

// What is known of a bus in a state, line by line.
function busText(net, state, n, colours) {
  const found = [`bus ${net.buses[n]}`, ...(net.about[n] || []).map(escaped)];
  if (state.vm[n] === null) return [...found, "not energized"].join("<br>");
  const [p, q] = (state.gens && state.gens[n]) || [null, null];
  if (p !== null) found.push(`P ${rounded(p, 4)} MW, Q ${rounded(q, 4)} MVAr`);
  for (const { key, name, unit } of colours) {
    if (state[key][n] !== null) found.push(`${name} ${key === "vm" ? state.vm[n].toFixed(4) : rounded(state[key][n], 5)} ${escaped(unit)}`);
  }
  if (state.island && state.island.length) found.push(`island ${state.island[n]}`);
  if (state.units.includes(n)) found.push("a unit is out");
  return found.join("<br>");
}

// Buses that carry their numbers, the most telling first, as in scopf/plots/network_map.py.
function namedBuses(net, state, colour) {
  const all = net.buses.map((_, n) => n), first = [...state.units, ...state.lost.flatMap((n) => net.ends[n])];
  let rest = [];
  if (all.length <= 60) rest = all;
  else if (all.length <= 150) rest = all.filter((n) => net.kinds[n] !== "none");
  else if (colour.key !== "vm" && colour.key !== "margin") rest = all.filter((n) => state[colour.key][n] > 0).sort((a, b) => state[colour.key][b] - state[colour.key][a]).slice(0, 6);
  return [...new Set([...first, ...rest])];
}

// Draws `state` of `net` in the figure of that id, `colour` being the quantity that colours show.
// Labels need the scale of the map, so that the first one is drawn twice.
async function drawGrid(id, net, state, colour = { key: "vm", name: "voltage", unit: "p.u.", low: net.low, high: net.high }) {
  const place = document.querySelector(`#${id} .plot`), before = mapView(place);
  await putGrid(place, net, state, colour, before);
  const view = mapView(place);
  const apart = (a, b) => Math.abs(a - b) > 0.02 * Math.abs(b);
  if (view && (!before || apart(before.scale, view.scale))) await putGrid(place, net, state, colour, view);
}

function putGrid(place, net, state, colour, view) {
  const traces = gridTraces(net, state, colour, view);
  const keys = traces.filter((trace) => trace.name && trace.showlegend !== false).length;
  const height = narrow.matches ? 420 + 19 * keys : 600 + 20 * Math.ceil(keys / 5);
  place.style.height = `${height}px`;
  const layout = themed({ showlegend: true }, height);
  const hidden = { visible: false, fixedrange: narrow.matches };
  layout.xaxis = hidden;
  layout.yaxis = { ...hidden, scaleanchor: "x" };
  layout.margin = { l: 8, r: 8, t: 8, b: 8 };
  layout.dragmode = narrow.matches ? false : "pan";
  if (narrow.matches) layout.legend = { ...layout.legend, y: -0.02, yanchor: "top" }; // the colour bar is above
  return put(place, traces, layout);
}

function gridTraces(net, state, colour, view) {
  const large = net.buses.length > 200, many = net.buses.length > 60;
  const size = large ? 5 : many ? (narrow.matches ? 6 : 8) : narrow.matches ? 9 : 11, font = narrow.matches ? 9 : 11;
  const colours = net.colours || [colour], values = state[colour.key], storage = new Set(net.storage);
  const all = net.buses.map((_, n) => n), sizes = all.map((n) => sizeOf(net.kinds[n], size));
  const point = (n) => [net.x[n], net.y[n]], lines = net.ends.map(([a, b]) => [point(a), point(b)]);
  const labels = view && new Labels(net, view, all.map((n) => sizes[n] * (storage.has(n) ? 1.5 : 1)), lines);
  const { text, side } = labels ? labels.beside(namedBuses(net, state, colour), net.buses.map(String), font) : { text: net.buses.map(() => ""), side: net.buses.map(() => "top center") };
  const live = all.filter((n) => state.vm[n] !== null), without = all.filter((n) => state.vm[n] === null);
  const coloured = live.filter((n) => values[n] !== null), plain = live.filter((n) => values[n] === null);
  const half = Math.max(1e-6, 0.01 * Math.abs(colour.high)), range = colour.high > colour.low ? [colour.low, colour.high] : [colour.low - half, colour.high + half];
  const ink = css("--ink"), edge = (n) => (net.kinds[n] === "none" ? 0.8 : 1.4) * (large ? 0.4 : 1);
  const marked = (some) => ({ type: "scatter", mode: "markers", showlegend: false, hoverinfo: "skip", x: some.map((n) => net.x[n]), y: some.map((n) => net.y[n]) });
  const hovering = (some) => ({ ...marked(some), hoverinfo: "text", hovertext: some.map((n) => busText(net, state, n, colours)) });
  const spots = (some, marker) => ({ ...hovering(some), mode: labels ? "markers+text" : "markers", cliponaxis: false,
    text: some.map((n) => text[n]), textposition: some.map((n) => side[n]), textfont: { size: font, color: ink },
    marker: { opacity: 1, size: some.map((n) => sizes[n]), symbol: some.map((n) => symbolOf(net.kinds[n])), line: { width: some.map(edge), color: ink }, ...marker } });
  return [
    ...islandsOf(net, state, labels),
    ...edges(net, state, large),
    ...beside(net),
    spots(plain, { color: dark.matches ? "#59626b" : "#d5d9de" }),
    spots(coloured, { color: coloured.map((n) => values[n]), cmin: range[0], cmax: range[1], colorscale: ramp(), showscale: true,
      colorbar: colourbar({ title: { text: escaped(`${colour.name} (${colour.unit})`) } }) }),
    { ...marked(net.storage), marker: { size: net.storage.map((n) => 1.5 * sizes[n]), symbol: net.storage.map((n) => `${symbolOf(net.kinds[n])}-open`), color: ink, line: { width: 1.2 } } },
    { ...hovering(without), name: "not energized", showlegend: without.length > 0 && !net.idle.x.length,
      marker: { size: without.map((n) => sizes[n]), symbol: without.map((n) => `${symbolOf(net.kinds[n])}-open-dot`), color: css("--soft") } },
    { ...marked(state.units), showlegend: state.units.length > 0, name: "unit out",
      marker: { symbol: "x-thin", size: 2 * size, line: { width: 3, color: "#D55E00" } } },
    ...symbolKeys(net.words, net.storage.length),
  ];
}
