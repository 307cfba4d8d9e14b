"use strict";
// Eigenvalues in the complex plane with lines of equal damping, and the tables of modes.

function chosenModes() {
  const select = document.getElementById("mode-state");
  return DATA.modes.states[select ? Number(select.value) : 0];
}

function drawModes() {
  if (!document.getElementById("modes")) return null;
  const place = document.querySelector("#modes .plot"), state = chosenModes(), height = 420;
  place.style.height = `${height}px`;
  const part = (grows) => {
    const trace = { type: "scatter", mode: "markers", x: [], y: [], hovertext: [], hoverinfo: "text", name: grows ? "growing" : "decaying",
      marker: grows ? { symbol: "x", size: 11, color: "#D55E00" } : { symbol: "circle", size: 8, color: "#0072B2", line: { color: css("--panel"), width: 0.6 } } };
    state.real.forEach((re, k) => {
      if ((re > 0) !== grows) return;
      for (const im of state.imag[k] ? [state.imag[k], -state.imag[k]] : [0]) {
        const value = `${re.toPrecision(5)}${state.imag[k] ? ` ± ${state.imag[k].toPrecision(5)}j` : ""} rad/s`;
        trace.x.push(re);
        trace.y.push(im);
        trace.hovertext.push([value, ...(state.hover[k] || "").split("\n")].filter(Boolean).map(escaped).join("<br>"));
      }
    });
    trace.name += ` (${trace.x.length})`;
    return trace;
  };
  const traces = [part(false), part(true)].filter((trace) => trace.x.length);
  const low = Math.min(...state.real, 0), high = Math.max(...state.real, 0), top = 1.12 * Math.max(...state.imag.map(Math.abs), 0.25 * -low, 1e-3);
  const pad = 0.06 * Math.max(high - low, 1e-6), range = [low - pad, high + pad + 0.02 * (high - low)];
  const layout = themed({ showlegend: true }, height);
  layout.xaxis = { ...layout.xaxis, range, title: { text: "real part (rad/s)", font: { size: 13 } }, zerolinecolor: css("--ink"), zerolinewidth: 1.4 };
  layout.yaxis = { ...layout.yaxis, range: [-top, top], title: { text: "imaginary part (rad/s)", font: { size: 13 } } };
  layout.shapes = [{ type: "rect", x0: 0, x1: range[1], y0: -top, y1: top, layer: "below", line: { width: 0 }, fillcolor: "rgba(213,94,0,.08)" }];
  layout.annotations = [];
  let beside = Infinity, above = Infinity;
  for (const ratio of DATA.modes.damping) {
    const slope = Math.sqrt(1 - ratio ** 2) / ratio, x = Math.max(range[0], -top / slope), y = Math.min(top, slope * -x);
    for (const sign of [1, -1]) layout.shapes.push({ type: "line", x0: 0, y0: 0, x1: x, y1: sign * y, layer: "below", line: { color: css("--soft"), width: 0.8, dash: "dash" } });
    const left = y < top, at = left ? y / top : (x - range[0]) / (range[1] - range[0]);
    if (left ? beside - at > 0.08 : Math.abs(above - at) > 0.06) {
      layout.annotations.push({ x, y, text: `${Math.round(100 * ratio)} %`, showarrow: false, xanchor: left ? "left" : "center", yanchor: "bottom", font: { size: 11, color: css("--soft") } });
      if (left) beside = at; else above = at;
    }
  }
  document.getElementById("mode-verdict").textContent = state.verdict + (state.left ? `. ${state.left} more eigenvalues further to the left are not drawn.` : "");
  links("modes", () => csv(["real [rad/s]", "imag [rad/s]"], state.real.map((re, k) => [re, state.imag[k]])));
  return put(place, traces, layout);
}

function showModes() {
  if (!document.getElementById("modes")) return;
  const state = chosenModes();
  for (const name of ["modes", "participation"]) {
    const { heads, rows } = state[name];
    show(document.getElementById(`table-of-${name}`), heads, rows, [download("CSV", `${name}.csv`, () => csv(heads, rows))]);
  }
}
