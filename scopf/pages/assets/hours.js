"use strict";
// The figure of a dispatch of several hours: panels below each other over the same hours.

const HOUR_GREY = () => (dark.matches ? "#5a636c" : "#c9ced3");

// Panels from top to bottom: name, title of the axis, height as a part of all.
function panels(hours) {
  return [
    ["generation", "power (MW)", 2.4],
    ...(hours.energy.length ? [["energy", "energy (MWh)", 1.4]] : []),
    ["lmp", "LMP<br>(currency/MWh)", 1.2],
    ...(hours.nssp ? [["nssp", `NSSP, sum<br>(${escaped(hours.unit).replace(" per ", "<br>per ")})`, 1.4]] : []),
  ];
}

// The value of an hour from its beginning to its end.
const stepped = (hours, values) => ({ x: hours.edges, y: [...values, values[values.length - 1]], line: { shape: "hv" } });

function hourTraces(hours, axis) {
  const starts = hours.edges.slice(0, -1), widths = starts.map((start, k) => hours.edges[k + 1] - start);
  const names = hours.names.map(escaped), ends = ["the beginning", ...names.map((name) => `the end of hour ${name}`)];
  const bars = (name, values, colour, pattern, at) => ({
    type: "bar", name, x: starts, y: values, width: widths, offset: 0, customdata: names, yaxis: at,
    marker: { color: colour, line: { width: 0 }, pattern: { shape: pattern, fillmode: "overlay", fgcolor: css("--panel"), size: 7, fgopacity: 0.6 } },
    hovertemplate: `hour %{customdata}<br>%{y:,.6g}<extra>${name}</extra>`,
  });
  const line = (name, values, look, at) => {
    const drawn = stepped(hours, values);
    return { type: "scatter", mode: "lines", name, yaxis: at, ...drawn, line: { ...drawn.line, ...look },
      customdata: [...names, names[names.length - 1]], hovertemplate: `hour %{customdata}<br>%{y:,.6g}<extra>${name}</extra>` };
  };
  const traces = hours.generation.map(({ name, kind, values }, k) => bars(escaped(name), values,
    kind === "others" ? HOUR_GREY() : kind === "storage" ? "#E69F00" : [...COLOURS.slice(0, 4), "#56B4E9"][k % 5], kind === "gen" ? PATTERNS[k % 5] : "", axis.generation));
  traces.push(line("load", hours.load, { color: css("--ink"), width: 2 }, axis.generation));
  hours.energy.forEach(({ name, values }, k) => traces.push({
    type: "scatter", mode: "lines+markers", name: escaped(name), x: hours.edges, y: values, yaxis: axis.energy, customdata: ends,
    line: { color: COLOURS[k % 5], dash: ["solid", "dash", "dot", "dashdot"][k % 4] }, marker: { size: 6, symbol: ["circle", "square", "diamond", "triangle-up", "x", "star"][k % 6] },
    hovertemplate: "%{customdata}<br>%{y:,.6g} MWh<extra>%{fullData.name}</extra>",
  }));
  const bound = { color: "#56B4E9", width: 0.5 };
  traces.push({ ...line("lowest LMP", hours.low, bound, axis.lmp), showlegend: false });
  traces.push({ ...line("LMP of all buses", hours.high, bound, axis.lmp), fill: "tonexty", fillcolor: "rgba(86,180,233,0.3)" });
  traces.push(line("mean LMP over loads", hours.lmp, { color: "#0072B2", width: 2 }, axis.lmp));
  if (hours.nssp) traces.push({ ...bars("NSSP", hours.nssp, "#D55E00", "", axis.nssp), showlegend: false });
  return traces;
}

function drawHours() {
  const hours = DATA.hours;
  if (!document.getElementById("hours")) return null;
  const place = document.querySelector("#hours .plot"), shown = panels(hours);
  const total = shown.reduce((sum, [, , part]) => sum + part, 0), height = 120 + 115 * total;
  place.style.height = `${height}px`;
  const layout = themed({ barmode: "relative", showlegend: true }, height), axis = {};
  let top = 1;
  shown.forEach(([name, title, part], k) => {
    const low = top - part / total;
    axis[name] = k ? `y${k + 1}` : "y";
    layout[k ? `yaxis${k + 1}` : "yaxis"] = themedAxis({ domain: [Math.max(0, low + 0.035), top], title: { text: title }, rangemode: name === "lmp" ? "normal" : "tozero" });
    top = low;
  });
  const every = narrow.matches && hours.named.length > 5 ? hours.named.filter((_, k) => k % 3 === 0) : hours.named;
  layout.xaxis = { ...layout.xaxis, anchor: axis[shown[shown.length - 1][0]], showgrid: false, title: { text: "hour", font: { size: 13 } },
    range: [hours.edges[0], hours.edges[hours.edges.length - 1]], tickvals: every.map((k) => (hours.edges[k] + hours.edges[k + 1]) / 2), ticktext: every.map((k) => escaped(hours.names[k])) };
  layout.margin.l = 76;
  layout.legend = { ...layout.legend, traceorder: "normal" };
  const parts = [...hours.generation, { name: "load", values: hours.load }];
  const heads = ["hour", ...parts.map(({ name }) => `${name} [MW]`), ...hours.energy.map(({ name }) => `${name} [MWh]`), "LMP [currency/MWh]", ...(hours.nssp ? [`NSSP [${hours.unit}]`] : [])];
  links("hours", () => csv(heads, hours.names.map((name, k) => [name, ...parts.map(({ values }) => values[k]), ...hours.energy.map(({ values }) => values[k + 1]), hours.lmp[k], ...(hours.nssp ? [hours.nssp[k]] : [])])));
  return put(place, hourTraces(hours, axis), layout);
}
