"use strict";
// The grid in one state: voltages as colours, loading as width and shade, what is out.

const LEVELS = [[0, 25], [25, 50], [50, 75], [75, 100.05], [100.05, Infinity]]; // per cent
const rounded = (value, digits) => value.toLocaleString("en", { maximumSignificantDigits: digits });

// One broken line through some branches.
function broken(net, branches) {
  const x = [], y = [];
  for (const k of branches) {
    const [a, b] = net.ends[k];
    x.push(net.x[a], net.x[b], null);
    y.push(net.y[a], net.y[b], null);
  }
  return branches.length ? { x, y } : { x: [null], y: [null] };
}

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

// Draws `state` of `net` in the figure of that id.
function drawGrid(id, net, state) {
  const place = document.querySelector(`#${id} .plot`);
  const height = narrow.matches ? 480 : 640, large = net.buses.length > 200;
  place.style.height = `${height}px`;
  const layout = themed({ showlegend: true }, height);
  const hidden = { visible: false, fixedrange: narrow.matches };
  layout.xaxis = hidden;
  layout.yaxis = { ...hidden, scaleanchor: "x" };
  layout.margin = { l: 8, r: 8, t: 8, b: 8 };
  layout.dragmode = narrow.matches ? false : "pan";
  if (narrow.matches) layout.legend = { ...layout.legend, y: -0.02, yanchor: "top" }; // the colour bar is above
  const inverters = new Set(net.inverters), units = new Set(state.units);
  const text = net.buses.map((bus, n) => `${inverters.has(n) ? "inverter" : "bus"} ${bus}<br>` +
    (state.vm[n] === null ? "not energized" : `voltage ${state.vm[n].toFixed(4)} p.u.`) + (units.has(n) ? "<br>a unit is out" : "") +
    (state.notes && state.notes[n] ? `<br>${state.notes[n]}` : ""));
  const many = net.buses.length > 60, named = !large && !(many && narrow.matches);
  const size = large ? 5 : many ? (narrow.matches ? 7 : 9) : 13;
  const marked = (some, hover) => ({ type: "scatter", showlegend: false, x: some.map((n) => net.x[n]), y: some.map((n) => net.y[n]), ...hover });
  const all = net.buses.map((_, n) => n);
  const first = all.filter((n) => state.vm[n] !== null), without = all.filter((n) => state.vm[n] === null);
  const range = net.high > net.low ? [net.low, net.high] : [net.low - 0.01, net.high + 0.01];
  const traces = [
    ...edges(net, state, large),
    { ...marked(first, { hoverinfo: "text", hovertext: first.map((n) => text[n]) }), mode: named ? "markers+text" : "markers",
      text: first.map((n) => String(net.buses[n])), textposition: "top center", cliponaxis: false,
      textfont: { size: narrow.matches ? 9 : 11, color: css("--ink") },
      marker: { opacity: 1, size: first.map((n) => (inverters.has(n) ? 1.5 : 1) * size), symbol: first.map((n) => (inverters.has(n) ? "square" : "circle")),
        color: first.map((n) => state.vm[n]), cmin: range[0], cmax: range[1], colorscale: ramp(), showscale: true,
        colorbar: colourbar({ title: { text: "voltage (p.u.)" } }), line: { width: large ? 0.4 : 1, color: css("--ink") } } },
    { ...marked(without, { hoverinfo: "text", text: without.map((n) => text[n]) }), mode: "markers",
      marker: { size, symbol: "circle-open", color: css("--soft") } },
    { ...marked(state.units, { hoverinfo: "skip" }), mode: "markers", showlegend: state.units.length > 0, name: "unit out",
      marker: { symbol: "x-thin", size: 2 * size, line: { width: 3, color: "#D55E00" } } },
  ];
  return put(place, traces, layout);
}
