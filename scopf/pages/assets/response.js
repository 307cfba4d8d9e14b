"use strict";
// Puts the page of a simulation together: curves, and the map in motion.

const DATA = JSON.parse(document.getElementById("data").textContent);
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
let step = 0, timer = null, busy = false;

const figureOf = (panel) => `curves-${panel.name}`;

function stepText() {
  const net = DATA.map, frame = net.frames[step], parts = [];
  const last = DATA.run.events.filter(([time]) => time <= frame.time && !(frame.before && time === frame.time)).pop();
  const least = frame.vm.reduce((found, value, n) => (value !== null && (found < 0 || value < frame.vm[found]) ? n : found), -1);
  if (last) parts.push(`after “${last[1]}”`);
  if (least >= 0) parts.push(`lowest voltage ${frame.vm[least].toFixed(4)} p.u. at bus ${net.buses[least]}`);
  const most = frame.loading.reduce((found, value, n) => (value !== null && (found < 0 || value > frame.loading[found]) ? n : found), -1);
  if (most >= 0 && !net.share) parts.push(`highest loading ${rounded(frame.loading[most], 3)} % on branch ${net.branches[most]}`);
  return `${frame.time.toFixed(3)} s: ${parts.join(", ")}`;
}

// A line in the curves at the time that the map shows.
function cursor() {
  const time = DATA.map.frames[step].time;
  for (const panel of DATA.run.panels) {
    const place = document.querySelector(`#${figureOf(panel)} .plot`);
    const shapes = [...eventMarks(DATA.run).shapes, { type: "line", x0: time, x1: time, xref: "x", yref: "paper", y0: 0, y1: 1, line: { color: css("--accent"), width: 1.5, dash: "dot" } }];
    if (place.data) Plotly.relayout(place, { shapes });
  }
}

async function showStep(to) {
  const net = DATA.map, slider = document.getElementById("step");
  step = Math.min(Math.max(to, 0), net.frames.length - 1);
  slider.value = step;
  const text = stepText();
  slider.setAttribute("aria-valuetext", text);
  document.getElementById("steptext").textContent = text;
  if (busy) return; // the frame that is being drawn is followed by the latest one
  busy = true;
  for (let drawn = -1; drawn !== step;) {
    drawn = step;
    await drawGrid("network", net, net.frames[drawn]);
    cursor();
  }
  busy = false;
}

function pause() {
  clearInterval(timer);
  timer = null;
  const button = document.getElementById("play");
  button.textContent = "Play";
  button.setAttribute("aria-pressed", "false");
  document.getElementById("steptext").setAttribute("aria-live", "polite");
}

// Never by itself; slower for those who want less motion.
function play() {
  if (timer) return pause();
  const last = DATA.map.frames.length - 1;
  if (step >= last) showStep(0);
  const button = document.getElementById("play");
  button.textContent = "Pause";
  button.setAttribute("aria-pressed", "true");
  document.getElementById("steptext").setAttribute("aria-live", "off");
  timer = setInterval(() => {
    if (busy) return;
    if (step >= last) pause();
    else showStep(step + 1);
  }, calm.matches ? 600 : 120);
}

function startMap() {
  if (!DATA.map) return;
  const slider = document.getElementById("step");
  slider.addEventListener("input", () => { pause(); showStep(Number(slider.value)); });
  document.getElementById("play").addEventListener("click", play);
  document.getElementById("back").addEventListener("click", () => { pause(); showStep(step - 1); });
  document.getElementById("forth").addEventListener("click", () => { pause(); showStep(step + 1); });
  const { frames, buses } = DATA.map;
  links("network", () => csv(["time [s]", ...buses.map((bus) => `bus ${bus} [p.u.]`)], frames.map(({ time, vm }) => [time, ...vm])));
}

async function redraw() {
  for (const panel of DATA.run.panels) await drawCurves(figureOf(panel), DATA.run, panel);
  if (DATA.map) await showStep(step);
  document.documentElement.dataset.ready = "yes";
}

for (const [name, { heads, rows }] of Object.entries(DATA.tables)) {
  show(document.getElementById(`table-${name}`), heads, rows, [download("CSV", `${name}.csv`, () => csv(heads, rows))]);
}
startMap();
dark.addEventListener("change", redraw);
narrow.addEventListener("change", redraw);
redraw();
