"use strict";
// Figures: the view that the controls select, in the colours of the page.

const DATA = JSON.parse(document.getElementById("data").textContent);
const state = { ...DATA.first };
const axisOf = Object.fromEntries(DATA.axes.map((axis) => [axis.name, axis]));

const viewOf = (figure) => figure.views[figure.keys.map((name) => state[name] ?? 0).join("/")] || [];

// Logarithmic above `floor`, zero for zero, one for `top`.
const squeezed = (value, floor, top) => (value === null ? null : Math.log1p(value / floor) / Math.log1p(top / floor));

function dressed(trace, width, figure) {
  const meta = trace.meta || {};
  const made = { ...trace };
  if (meta.tone !== undefined) {
    const colour = tone(meta.tone);
    made.line = { ...trace.line, color: colour };
    made.marker = { ...trace.marker, color: colour, line: { width: 0 } };
    if (trace.error_y) made.error_y = { ...trace.error_y, color: colour };
  }
  if (meta.band) made.fillcolor = dark.matches ? "rgba(200,210,220,.13)" : "rgba(60,80,110,.12)";
  if (meta.cells) {
    const size = Math.min(8, Math.max(3, (0.6 * (width - 90)) / meta.cells));
    made.marker = { ...trace.marker, size };
  }
  if (meta.status) made.text = trace.z.map((line) => line.map((code) => (code === null ? "" : figure.names[code])));
  if (meta.swatch) made.marker = { ...trace.marker, line: { width: 1, color: css("--soft") } };
  if (meta.ramp) {
    made.colorscale = ramp();
    made.colorbar = colourbar(trace.colorbar);
    if (meta.floor) {
      made.customdata = trace.z;
      made.z = trace.z.map((line) => line.map((value) => squeezed(value, meta.floor, meta.top)));
    }
  }
  return made;
}

// Rows of the table behind a view.
function rowsOf(figure, traces) {
  const parts = Object.keys(figure.columns);
  const rows = [];
  for (const trace of traces) {
    if (trace.meta && trace.meta.skip) continue;
    if (trace.type === "heatmap") {
      trace.z.forEach((line, n) => line.forEach((value, k) => {
        const found = { y: raw(trace.y[n]), x: raw(trace.x[k]), z: value,
          status: value === null || !figure.names ? null : raw(figure.names[value]) };
        if (!(figure.names && value === null)) rows.push(parts.map((part) => found[part]));
      }));
      continue;
    }
    trace.x.forEach((x, k) => {
      const found = { x: raw(x), y: trace.y[k], name: raw(trace.name), free: trace.customdata && trace.customdata[k] };
      rows.push(parts.map((part) => found[part]));
    });
  }
  return rows;
}

// The table of every view, with what selects it in front.
function everything(figure) {
  const unit = (key) => (axisOf[key] && axisOf[key].unit ? `${key} [${axisOf[key].unit}]` : key);
  const heads = [...figure.keys.map(unit), ...Object.values(figure.columns)];
  const rows = [];
  for (const [name, traces] of Object.entries(figure.views)) {
    const places = name.split("/");
    const front = figure.keys.map((key, k) => textOf(figure, key, places[k]));
    for (const row of rowsOf(figure, traces)) rows.push([...front, ...row]);
  }
  return csv(heads, rows);
}

function textOf(figure, key, place) {
  if (axisOf[key]) return axisOf[key].texts[place];
  const select = document.querySelector(`#${figure.id} [data-choice="${key}"], #slice [data-axis="${key}"]`);
  return select.options[place].text;
}

// Where the table of a figure is: in it, or below both of two figures side by side, where it leaves
// no hole beside it.
function settled(id) {
  const figure = document.getElementById(id), details = figure.querySelector("details");
  const place = document.querySelector(`[data-of="${id}"]`), beside = [...figure.parentElement.querySelectorAll("figure")];
  const row = beside.filter((one) => one.offsetTop === figure.offsetTop);
  const below = details.open && row.length > 1;
  if (below) row[row.length - 1].after(place); else details.append(place);
  place.className = below ? "data below" : "data";
  place.dataset.title = figure.querySelector("h3").textContent;
  return details.open ? place : null;
}

function fillData(figure) {
  const place = settled(figure.id);
  if (!place) return;
  const traces = viewOf(figure);
  const heads = Object.values(figure.columns);
  const head = traces.length && traces[0].meta && traces[0].meta.unit;
  const x = figure.xaxes ? textOf(figure, "x", state.x) : "x";
  const named = heads.map((text) => (text === "value" && head ? head : text === "x" ? x : text));
  const all = figure.keys.length ? "CSV, all slices" : "CSV";
  const links = [download(all, `${figure.id}.csv`, () => everything(figure)), imageLink(figure.id, "svg"), imageLink(figure.id, "png")];
  show(place, named, rowsOf(figure, traces), links);
}

function heightOf(figure, traces, width) {
  const named = traces.filter((trace) => trace.showlegend !== false && trace.type === "scatter").length;
  const shown = figure.layout.showlegend !== false;
  const texts = figure.layout.xaxis.ticktext || [];
  const longest = Math.max(0, ...texts.map((text) => raw(text).length));
  const turned = texts.length * (longest + 2) * 7 > width - 90 && longest > 6;
  return figure.height + (shown && narrow.matches ? 18 * Math.ceil(named / 3) : 0) + (turned ? Math.min(200, 6 * longest) : 0);
}

function draw(figure) {
  const place = document.querySelector(`#${figure.id} .plot`);
  const traces = viewOf(figure);
  const height = heightOf(figure, traces, place.clientWidth);
  place.style.height = `${height}px`;
  const own = figure.xaxes ? { ...figure.layout, xaxis: figure.xaxes[state.x] } : figure.layout;
  const layout = themed(own, height);
  if (traces.some((trace) => trace.type === "heatmap")) layout.images = [hatch(place.clientWidth, height)];
  if (!traces.length) {
    layout.annotations = [{ text: "no scenario in this slice", showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 }];
  }
  const text = document.querySelector(`#${figure.id} .slicetext`);
  if (text) {
    const parts = figure.keys.filter((name) => axisOf[name]).map((name) => {
      const axis = axisOf[name];
      return `${axis.label} = ${axis.texts[state[name]]}${axis.unit ? " " + axis.unit : ""}`;
    });
    text.replaceChildren(...labelled(parts.length ? `Slice: ${parts.join(", ")}` : ""));
  }
  fillData(figure);
  return put(place, traces.map((trace) => dressed(trace, place.clientWidth, figure)), layout);
}
