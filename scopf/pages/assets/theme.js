"use strict";
// Colours that depend on the background, and text as Plotly wants it.

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const narrow = window.matchMedia("(max-width: 800px)");

const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"]; // Okabe and Ito
const PATTERNS = ["", "/", ".", "\\", "x"];
const VIRIDIS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"];
const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];

function mixed(scale, share) {
  const at = Math.min(Math.max(share, 0), 1) * (scale.length - 1);
  const low = Math.min(Math.floor(at), scale.length - 2);
  const part = (hex, k) => parseInt(hex.slice(1 + 2 * k, 3 + 2 * k), 16);
  const channel = (k) => Math.round(part(scale[low], k) + (at - low) * (part(scale[low + 1], k) - part(scale[low], k)));
  return `rgb(${channel(0)},${channel(1)},${channel(2)})`;
}

// The end of the scale that would vanish in the background is left out.
function tone(share) {
  return dark.matches ? mixed(VIRIDIS, 1 - 0.62 * share) : mixed(VIRIDIS, 0.82 * share);
}

// Small values recede into the background, large ones stand out.
function ramp() {
  const colours = dark.matches ? CIVIDIS : [...CIVIDIS].reverse();
  const stops = colours.map((colour, k) => [0.04 + (0.96 * k) / (colours.length - 1), colour]);
  return [[0, dark.matches ? "#0b1016" : "#faf8ee"], ...stops];
}

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Ground of cells without a value.
function hatch(width, height) {
  const lines = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><defs><pattern id="h" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path d="M0 0V8" stroke="${css("--soft")}" stroke-width="1.6" opacity=".55"/></pattern></defs><rect width="${width}" height="${height}" fill="url(#h)"/></svg>`;
  return { source: `data:image/svg+xml,${encodeURIComponent(lines)}`, xref: "paper", yref: "paper", x: 0, y: 1, sizex: 1, sizey: 1, sizing: "fill", layer: "below" };
}

const ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
const raw = (text) => (typeof text === "string" ? text.replace(/&(lt|gt|amp);/g, (found) => ENTITIES[found]) : text);
const escaped = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

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

// Labels of a category axis on a narrow screen: every second, third, ... of them.
function fewer(axis) {
  const longest = axis.tickangle === 0 ? Math.max(...axis.ticktext.map((text) => raw(text).length), 1) : 2;
  const every = Math.ceil((axis.ticktext.length * (longest + 2)) / 34);
  const kept = (values) => values.filter((_, k) => k % every === 0);
  return { ...axis, tickvals: kept(axis.tickvals), ticktext: kept(axis.ticktext) };
}

function themedAxis(axis) {
  const line = css("--line");
  if (axis.ticktext && axis.categoryarray && narrow.matches) axis = fewer(axis);
  return {
    gridcolor: line, linecolor: css("--soft"), zerolinecolor: line, ticks: "outside", ticklen: 4,
    separatethousands: true, exponentformat: "none", tickcolor: css("--soft"), automargin: true, showline: true, ...axis,
    title: { ...axis.title, standoff: 8, font: { size: 13 } },
  };
}

function themed(layout, height) {
  const ink = css("--ink");
  return {
    ...layout, height,
    xaxis: themedAxis(layout.xaxis || {}), yaxis: themedAxis(layout.yaxis || {}),
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: ink },
    margin: { l: 56, r: 14, t: 12, b: 48 },
    hoverlabel: { bgcolor: css("--panel"), bordercolor: css("--soft"), font: { color: ink } },
    legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", font: { size: 12 }, ...(layout.legend || {}) },
    dragmode: narrow.matches ? false : "zoom",
    uirevision: "keep",
  };
}

const colourbar = (bar) => ({
  thickness: 12, outlinewidth: 0, separatethousands: true, exponentformat: "none", ...bar,
  ...(narrow.matches
    ? { orientation: "h", ypad: 0, x: 0.5, y: 1.02, yanchor: "bottom", len: 1, title: { ...bar.title, side: "top", font: { size: 12 } } }
    : { title: { ...bar.title, side: "right", font: { size: 12 } } }),
});

// Draws anew; Plotly.react alone keeps the width that a figure had before the page was turned.
async function put(place, traces, layout) {
  await Plotly.react(place, traces, layout, CONFIG);
  if (place._fullLayout.width !== place.clientWidth) await Plotly.Plots.resize(place);
}

const CONFIG = { displayModeBar: false, responsive: true, displaylogo: false, scrollZoom: false };
