"use strict";
// The network map: one scenario at a time.

const grouped = (value) => value.toLocaleString("en", { maximumSignificantDigits: 4 });
let step = 0, timer = null;

function stepText() {
  const net = DATA.network;
  const parts = DATA.axes.map((axis, k) => [axis, axis.texts[net.codes[k][step]]])
    .filter(([axis]) => axis.name !== "scenario")
    .map(([axis, text]) => `${axis.label} = ${text}${axis.unit ? " " + axis.unit : ""}`);
  const largest = Math.max(0, ...net.prices[step].filter((value) => value !== null));
  const ending = net.solved[step] ? `largest NSSP ${grouped(largest)} ${net.unit}` : "no solution";
  return `Scenario ${net.scenario[step]}: ${[...parts, net.status[step], ending].join(", ")}`;
}

const inverterSize = () => (DATA.network.inverters.text.length > 200 ? 7 : DATA.network.inverters.text.length > 60 ? 10 : narrow.matches ? 12 : 16);

function inverterStyle() {
  const net = DATA.network, prices = net.prices[step];
  return {
    "marker.color": [prices.map((value) => squeezed(value ?? 0, net.floor, net.top))],
    "marker.opacity": [prices.map((value) => (value === null ? 0 : 1))],
    hovertext: [prices.map((value, k) => (value === null ? "" : `bus ${net.inverters.text[k]}<br>grid-forming inverter<br>NSSP ${grouped(value)} ${escaped(net.unit)}`))],
  };
}

// What stands where this scenario has no price of an inverter: open symbols.
function withoutStyle() {
  const net = DATA.network, solved = net.solved[step];
  const some = net.prices[step].flatMap((value, k) => (value === null ? [k] : []));
  const kind = (k) => (solved ? net.inverters.kinds[k] : "gfm");
  return {
    x: [some.map((k) => net.inverters.x[k])], y: [some.map((k) => net.inverters.y[k])],
    "marker.symbol": [some.map((k) => `${symbolOf(kind(k))}-open`)],
    "marker.size": [some.map((k) => (kind(k) === "none" ? 0.5 : 1) * inverterSize())],
    hovertext: [some.map((k) => `bus ${net.inverters.text[k]}<br>${solved ? net.words[kind(k)] || "no generator" : "no solution"}`)],
  };
}

// The branch that is out in this scenario: its ends, and its middle.
function outOf() {
  const net = DATA.network, line = net.lines[net.out[step]];
  if (!line) return [{ x: [null], y: [null] }, { x: [null], y: [null] }];
  const middle = ([a, b]) => [(a + b) / 2];
  return [line, { x: middle(line.x), y: middle(line.y) }];
}

const traceOf = (meta) => document.querySelector("#network .plot").data.findIndex((trace) => trace.meta === meta);

function showStep(to) {
  const net = DATA.network;
  step = Math.min(Math.max(to, 0), net.prices.length - 1);
  const slider = document.getElementById("step");
  slider.value = step;
  slider.setAttribute("aria-valuetext", stepText());
  document.getElementById("steptext").replaceChildren(...labelled(stepText()));
  const place = document.querySelector("#network .plot"), [line, cross] = outOf();
  Plotly.restyle(place, inverterStyle(), [traceOf("inverters")]);
  Plotly.restyle(place, withoutStyle(), [traceOf("without")]);
  if (Object.keys(net.lines).length) {
    Plotly.restyle(place, { x: [line.x, cross.x], y: [line.y, cross.y], hovertext: `branch ${net.out[step]}<br>out` }, [traceOf("out"), traceOf("cross")]);
  }
  fillNetworkData();
}

function fillNetworkData() {
  const place = document.querySelector("#network .data");
  if (!place.parentElement.open) return;
  const net = DATA.network;
  const heads = ["inverter (bus)", `nssp [${net.unit}]`];
  const bus = net.inverters.text.map(Number);
  const all = () => csv(["scenario", ...heads], net.prices.flatMap((line, n) => line.map((value, k) => [net.scenario[n], bus[k], value])));
  const links = [download("CSV, all steps", "network.csv", all), imageLink("network", "svg"), imageLink("network", "png")];
  show(place, heads, net.prices[step].map((value, k) => [bus[k], value]), links);
}

// Labels need the scale of the map, so that the first one is drawn twice.
async function drawNetwork() {
  const place = document.querySelector("#network .plot");
  if (!DATA.network) return;
  await putNetwork(place, null);
  await putNetwork(place, mapView(place));
}

function putNetwork(place, view) {
  const net = DATA.network, keys = symbolKeys(net.words, false);
  const small = net.buses.text.length > 400;
  const height = narrow.matches ? 440 + 19 * keys.length : 620;
  place.style.height = `${height}px`;
  const hidden = { visible: false, fixedrange: narrow.matches };
  const layout = themed({ showlegend: true }, height);
  layout.xaxis = hidden;
  layout.yaxis = { ...hidden, scaleanchor: "x" };
  layout.margin = { l: 8, r: 8, t: 8, b: 8 };
  layout.dragmode = narrow.matches ? false : "pan";
  if (narrow.matches) layout.legend = { ...layout.legend, y: -0.02, yanchor: "top" };
  const style = inverterStyle(), [line, cross] = outOf(), outages = Object.keys(net.lines).length > 0;
  const ink = css("--ink"), font = narrow.matches ? 10 : 12;
  const less = small ? 3 : 7, without = withoutStyle();
  const sizes = net.buses.kinds.map((kind) => sizeOf(kind, less));
  const { text, side } = inverterLabels(view, [...net.inverters.text.map(inverterSize), ...sizes], font);
  const plain = { type: "scatter", showlegend: false, hoverinfo: "skip" };
  const traces = [
    ...net.islands.map((lines, k) => ({ ...plain, mode: "lines+markers", ...lines, opacity: 0.3, line: { color: COLOURS[k], width: 16 },
      name: `island ${k + 1}`, showlegend: true, marker: { color: COLOURS[k], size: 26, opacity: 1, line: { width: 0 } } })),
    { ...plain, mode: "lines", ...net.edges, line: { color: css("--soft"), width: small ? 0.7 : 1.2 }, opacity: 0.6 },
    { ...plain, mode: "markers", x: net.buses.x, y: net.buses.y, hoverinfo: "text", meta: "buses",
      hovertext: net.buses.text.map((bus, n) => `bus ${bus}<br>${net.words[net.buses.kinds[n]] || ""}`),
      marker: { size: sizes, symbol: net.buses.kinds.map(symbolOf), opacity: 1, color: dark.matches ? "#737c86" : "#9aa3ad",
        line: { width: net.buses.kinds.map((kind) => (kind === "none" ? 0 : 1)), color: ink } } },
    { ...plain, mode: text ? "markers+text" : "markers", x: net.inverters.x, y: net.inverters.y, text, textposition: side, meta: "inverters",
      textfont: { size: font, color: ink }, cliponaxis: false, hovertext: style.hovertext[0], hoverinfo: "text",
      marker: { size: inverterSize(), color: style["marker.color"][0], symbol: symbolOf("gfm"), opacity: style["marker.opacity"][0],
        cmin: 0, cmax: 1, colorscale: ramp(), colorbar: colourbar(net.colorbar), showscale: net.priced,
        line: { color: ink, width: 1.2 } } },
    { ...plain, mode: "markers", x: without.x[0], y: without.y[0], hoverinfo: "text", hovertext: without.hovertext[0], meta: "without",
      marker: { size: without["marker.size"][0], symbol: without["marker.symbol"][0], color: css("--soft"), opacity: 1, line: { width: 1.4 } } },
    { ...plain, mode: "lines", ...line, meta: "out", name: "out", showlegend: outages, line: { color: "#D55E00", width: 2.5, dash: "dash" } },
    { ...plain, mode: "markers", ...cross, meta: "cross", hoverinfo: "text", hovertext: `branch ${net.out[step]}<br>out`,
      marker: { symbol: "x-thin", size: 12, line: { width: 3, color: "#D55E00" } } },
    ...keys,
  ];
  return put(place, traces, layout);
}

// Numbers beside the inverters, where there is room; in large networks none.
function inverterLabels(view, sizes, font) {
  const { inverters, buses, edges } = DATA.network, count = inverters.text.length;
  if (!view || count + buses.text.length > 400 || count > 150) return { text: null, side: "top center" };
  const net = { x: [...inverters.x, ...buses.x], y: [...inverters.y, ...buses.y] };
  const lines = edges.x.flatMap((x, k) => (k % 3 === 0 ? [[[x, edges.y[k]], [edges.x[k + 1], edges.y[k + 1]]]] : []));
  const { text, side } = new Labels(net, view, sizes, lines).beside(inverters.text.map((_, k) => k), inverters.text, font);
  return { text: text.slice(0, count), side: side.slice(0, count) };
}

function pause() {
  clearInterval(timer);
  timer = null;
  const button = document.getElementById("play");
  button.textContent = "Play";
  button.setAttribute("aria-pressed", "false");
}

function play() {
  if (timer) return pause();
  const last = DATA.network.prices.length - 1;
  if (step >= last) showStep(0);
  const button = document.getElementById("play");
  button.textContent = "Pause";
  button.setAttribute("aria-pressed", "true");
  timer = setInterval(() => (step >= last ? pause() : showStep(step + 1)), 400);
}

// The scenario with the highest price in the slice that the controls show.
function stepOfSlice() {
  const net = DATA.network;
  let best = -1, price = -1;
  net.prices.forEach((line, n) => {
    const fits = DATA.axes.every((axis, k) => !DATA.slice.includes(axis.name) || net.codes[k][n] === state[axis.name]);
    const largest = Math.max(0, ...line.filter((value) => value !== null));
    if (fits && (best < 0 || largest > price)) [best, price] = [n, largest];
  });
  return best;
}

function startNetwork() {
  if (!DATA.network) return;
  step = DATA.network.first;
  const slider = document.getElementById("step");
  slider.addEventListener("input", () => { pause(); showStep(Number(slider.value)); });
  document.getElementById("play").addEventListener("click", play);
  document.getElementById("back").addEventListener("click", () => { pause(); showStep(step - 1); });
  document.getElementById("forth").addEventListener("click", () => { pause(); showStep(step + 1); });
  document.querySelector("#network details").addEventListener("toggle", fillNetworkData);
}
