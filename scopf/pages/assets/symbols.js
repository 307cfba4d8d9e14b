"use strict";
// Symbols of what stands at a bus, as in scopf/plots/symbols.py, and places for their labels.

const SYMBOLS = { gfm: "square", machine: "pentagon", gfl: "diamond", "constant power": "triangle-up", generator: "triangle-up", none: "circle" };
const SIZES = { gfm: 1.45, machine: 1.75, gfl: 1.55, "constant power": 1.75, generator: 1.75, none: 1 };

const symbolOf = (kind) => SYMBOLS[kind] || "circle";
const sizeOf = (kind, size) => (SIZES[kind] || 1) * size;

// Entries of the legend: a symbol for each kind that there is.
function symbolKeys(words, storage) {
  const key = (name, marker) => ({ type: "scatter", mode: "markers", x: [null], y: [null], name, hoverinfo: "skip",
    marker: { size: 10, color: css("--panel"), line: { width: 1.3, color: css("--ink") }, ...marker } });
  const kinds = Object.entries(words);
  if (kinds.length === 1 && kinds[0][0] === "none") return [];
  const found = kinds.map(([kind, word]) => key(word, { symbol: symbolOf(kind), size: kind === "none" ? 8 : 11 }));
  return storage ? [...found, key("with storage", { symbol: "circle-open-dot", size: 12, color: css("--ink") })] : found;
}

const AROUND = [["top center", 0, 1], ["middle right", 1, 0], ["bottom center", 0, -1], ["middle left", -1, 0],
  ["top right", 1, 1], ["bottom right", 1, -1], ["top left", -1, 1], ["bottom left", -1, -1]]; // as Plotly has them

// Pixels per unit of a map that has been drawn, and the ends of its axes in pixels; null before.
function mapView(place) {
  const { xaxis, yaxis } = place._fullLayout || {};
  if (!xaxis || !xaxis._length) return null;
  const scale = xaxis._length / (xaxis.range[1] - xaxis.range[0]);
  return { scale, x: xaxis.range.map((x) => x * scale), y: yaxis.range.map((y) => y * scale) };
}

// Places for labels in a map that overlap neither markers nor each other, and cross few lines.
class Labels {
  constructor(net, view, sizes, lines) {
    const { scale } = view;
    Object.assign(this, { view, sizes, at: net.x.map((x, n) => [scale * x, scale * net.y[n]]) });
    this.boxes = this.at.map(([x, y], n) => [x - sizes[n] / 2, y - sizes[n] / 2, x + sizes[n] / 2, y + sizes[n] / 2]);
    this.samples = [];
    for (const line of lines.length > 2000 ? [] : lines) {
      const [p, q] = line.map(([x, y]) => [scale * x, scale * y]), count = Math.ceil(Math.hypot(q[0] - p[0], q[1] - p[1]) / 5);
      for (let k = 0; k < count; k += 1) this.samples.push([p[0] + (k / count) * (q[0] - p[0]), p[1] + (k / count) * (q[1] - p[1])]);
    }
  }

  // How many samples of lines are in a box; null if it is not free.
  crossed(box) {
    const { x, y } = this.view;
    if (box[0] < x[0] || box[2] > x[1] || box[1] < y[0] || box[3] > y[1]) return null;
    if (this.boxes.some((one) => one[0] < box[2] && one[2] > box[0] && one[1] < box[3] && one[3] > box[1])) return null;
    return this.samples.reduce((sum, [u, v]) => sum + (u > box[0] && u < box[2] && v > box[1] && v < box[3]), 0);
  }

  static around(x, y, width, height) {
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
  }

  // Texts beside the markers, the first ones first, and the sides where they stand; "" without room.
  beside(order, texts, font) {
    const text = this.at.map(() => ""), side = this.at.map(() => "top center");
    for (const n of order) {
      const w = 0.66 * font * texts[n].length, reach = this.sizes[n] / 2 + 2;
      let least = Infinity, chosen = null;
      for (const [name, right, above] of AROUND) {
        const box = Labels.around(this.at[n][0] + right * (reach + w / 2), this.at[n][1] + above * (reach + font / 2), w, font);
        const crossed = this.crossed(box);
        if (crossed !== null && crossed < least) [least, chosen] = [crossed, { name, box }];
      }
      if (!chosen) continue;
      this.boxes.push(chosen.box);
      [text[n], side[n]] = [texts[n], chosen.name];
    }
    return { text, side };
  }

  // The first of some places (pixels) where a text is free and crosses least, in the units of the map; else null.
  free(text, anchors, font) {
    let least = Infinity, chosen = null;
    for (const [x, y] of anchors) {
      const box = Labels.around(x, y, 0.66 * font * text.length, 1.2 * font), crossed = this.crossed(box);
      if (crossed !== null && crossed < least) [least, chosen] = [crossed, { at: [x / this.view.scale, y / this.view.scale], box }];
    }
    if (!chosen) return null;
    this.boxes.push(chosen.box);
    return chosen.at;
  }
}
