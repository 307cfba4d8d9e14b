"use strict";
// Puts the page together.

const FIGURES = Object.entries(DATA.figures).map(([id, figure]) => ({ id, ...figure }));

// One figure at a time, so that the page answers meanwhile.
async function drawAll(some) {
  for (const figure of some) {
    await draw(figure);
    await new Promise((done) => setTimeout(done, 0));
  }
}

function scenarioTable() {
  const { heads, columns } = DATA.table;
  const count = columns[0].values.length;
  const value = (column, k) => (column.values ? column.values[k] : column.texts[column.codes[k]]);
  const rows = Array.from({ length: count }, (_, k) => columns.map((column) => value(column, k)));
  const links = [download("CSV", "scenarios.csv", () => csv(heads, rows))];
  show(document.getElementById("scenarios"), heads, rows, links);
}

function startControls() {
  for (const select of document.querySelectorAll("#slice select")) {
    select.value = state[select.dataset.axis];
    select.addEventListener("change", () => {
      state[select.dataset.axis] = Number(select.value);
      drawAll(FIGURES.filter((figure) => figure.keys.includes(select.dataset.axis)));
      if (DATA.network && DATA.slice.includes(select.dataset.axis) && stepOfSlice() >= 0) { pause(); showStep(stepOfSlice()); }
    });
  }
  for (const select of document.querySelectorAll("[data-choice]")) {
    select.value = state[select.dataset.choice] = 0;
    const id = select.closest("figure").id;
    select.addEventListener("change", () => {
      state[select.dataset.choice] = Number(select.value);
      draw(FIGURES.find((figure) => figure.id === id));
    });
  }
  for (const figure of FIGURES) {
    document.querySelector(`#${figure.id} details`).addEventListener("toggle", () => fillData(figure));
  }
}

async function redraw() {
  await drawAll(FIGURES);
  if (DATA.network) { await drawNetwork(); showStep(step); }
  document.documentElement.dataset.ready = "yes";
}

startControls();
startNetwork();
scenarioTable();
dark.addEventListener("change", redraw);
narrow.addEventListener("change", redraw);
redraw();
