"use strict";
// Curves of a simulation over time, with its events as vertical lines.

const CURVE_DASHES = ["solid", "dash", "dot", "dashdot"];

// Lines at the events, numbered as in the table of events, and a red one at an early end.
function eventMarks(run) {
  const line = (time, colour, width) => ({ type: "line", x0: time, x1: time, xref: "x", yref: "paper", y0: 0, y1: 1, layer: "below", line: { color: colour, width } });
  const shapes = run.events.map(([time]) => line(time, css("--soft"), 1));
  const label = (time, text, colour, side) => ({ x: time, y: 1, xref: "x", yref: "paper", text, showarrow: false, xanchor: side, yanchor: "top", font: { size: 11, color: colour } });
  const close = run.end * (narrow.matches ? 0.05 : 0.03), groups = [];
  run.events.forEach(([time], k) => {
    const last = groups[groups.length - 1];
    if (last && time - last.to < close) Object.assign(last, { to: time, text: `${last.first}–${k + 1}` });
    else groups.push({ first: k + 1, to: time, text: String(k + 1) });
  });
  const annotations = groups.map(({ to, text }) => label(to, text, css("--soft"), "left"));
  if (run.ending) {
    shapes.push(line(run.end, "#D55E00", 2.5));
    annotations.push(label(run.end, escaped(run.status), css("--ink"), "right"));
  }
  return { shapes, annotations };
}

// Draws one quantity; `run` has the times and events of all of them.
function drawCurves(id, run, panel) {
  const figure = document.getElementById(id), place = figure.querySelector(".plot");
  const named = panel.lines.filter((line) => line.look !== null).length, grey = panel.lines.length - named;
  const entries = named + (grey ? 1 : 0), columns = narrow.matches ? 2 : Math.max(1, Math.floor(place.clientWidth / 170));
  const height = 300 + 19 * Math.ceil(entries / columns);
  place.style.height = `${height}px`;
  const layout = themed({ showlegend: true, ...eventMarks(run) }, height);
  layout.xaxis = { ...layout.xaxis, title: { text: "time (s)", font: { size: 13 } }, range: [0, run.end] };
  layout.yaxis.title = { text: `${panel.title} (${panel.unit})`, font: { size: 13 } };
  layout.legend = { ...layout.legend, traceorder: "normal", maxheight: 400 };
  if (narrow.matches) Object.assign(layout.legend, { entrywidth: 0.48, entrywidthmode: "fraction", font: { size: 10 } });
  let first = true;
  const traces = panel.lines.map(({ name, look, values }) => {
    const own = look !== null;
    const trace = { type: "scatter", mode: "lines", name: escaped(name), x: run.times, y: values, connectgaps: false,
      line: own ? { color: COLOURS[look % 5], dash: CURVE_DASHES[look % 4], width: 2 } : { color: css("--soft"), width: 0.8 },
      hovertemplate: `%{x:.4g} s: %{y:.6g} ${panel.unit}<extra>${escaped(name)}</extra>` };
    if (!own) Object.assign(trace, { opacity: 0.5, legendgroup: "rest", showlegend: first, name: first ? `${grey} more` : escaped(name) });
    first = first && own;
    return trace;
  });
  const heads = ["time [s]", ...panel.lines.map(({ name }) => `${name} [${panel.unit}]`)];
  links(id, () => csv(heads, run.times.map((time, k) => [time, ...panel.lines.map(({ values }) => values[k])])));
  return put(place, traces, layout);
}
