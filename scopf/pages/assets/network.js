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

function inverterStyle() {
  const net = DATA.network, prices = net.prices[step];
  return {
    "marker.color": [prices.map((value) => squeezed(value ?? 0, net.floor, net.top))],
    "marker.symbol": [prices.map((value) => (value === null ? "circle-open" : "circle"))],
    hovertext: [prices.map((value, k) => `inverter ${net.inverters.text[k]}<br>` +
      (value === null ? "no solution" : `NSSP ${grouped(value)} ${escaped(net.unit)}`))],
  };
}

function showStep(to) {
  const net = DATA.network;
  step = Math.min(Math.max(to, 0), net.prices.length - 1);
  const slider = document.getElementById("step");
  slider.value = step;
  slider.setAttribute("aria-valuetext", stepText());
  document.getElementById("steptext").replaceChildren(...labelled(stepText()));
  Plotly.restyle(document.querySelector("#network .plot"), inverterStyle(), [2]);
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

function drawNetwork() {
  const net = DATA.network;
  if (!net) return null;
  const place = document.querySelector("#network .plot");
  const many = net.inverters.text.length > 60, small = net.buses.text.length > 400;
  const height = narrow.matches ? 460 : 600;
  place.style.height = `${height}px`;
  const hidden = { visible: false, fixedrange: narrow.matches };
  const layout = themed({ showlegend: false }, height);
  layout.xaxis = hidden;
  layout.yaxis = { ...hidden, scaleanchor: "x" };
  layout.margin = { l: 8, r: 8, t: 8, b: 8 };
  layout.dragmode = narrow.matches ? false : "pan";
  const style = inverterStyle();
  const ink = css("--ink");
  const traces = [
    { type: "scatter", mode: "lines", ...net.edges, hoverinfo: "skip", line: { color: css("--soft"), width: small ? 0.7 : 1.2 }, opacity: 0.6 },
    { type: "scatter", mode: "markers", ...net.buses, hovertemplate: "bus %{text}<extra></extra>",
      marker: { size: small ? 3 : 7, color: dark.matches ? "#737c86" : "#9aa3ad", line: { width: 0 } } },
    { type: "scatter", mode: many ? "markers" : "markers+text", ...net.inverters, textposition: "top center",
      textfont: { size: narrow.matches ? 10 : 12, color: ink }, cliponaxis: false,
      hovertext: style.hovertext[0], hoverinfo: "text",
      marker: { size: net.inverters.text.length > 200 ? 7 : many ? 10 : narrow.matches ? 14 : 18, color: style["marker.color"][0], symbol: style["marker.symbol"][0],
        cmin: 0, cmax: 1, colorscale: ramp(), colorbar: colourbar(net.colorbar), showscale: net.priced,
        line: { color: ink, width: 1.2 } } },
  ];
  return put(place, traces, layout);
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
