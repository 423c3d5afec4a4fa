"use strict";

// Sorting: a heading's button sorts the rows by its column, or the chosen aspect of that.
const table = document.querySelector("#overview");
const aspect = document.querySelector("#aspect");
let last = null;
let rising = true;

function value(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset[aspect.value] ?? cell.dataset.sort ?? "";
  return text === "" || isNaN(text) ? text : Number(text);
}

function sort(button) {
  const heading = button.closest("th");
  const column = heading.cellIndex;
  rising = column === last ? !rising : heading.dataset.first !== "falling";
  last = column;
  const rows = [...table.tBodies[0].rows];
  rows.sort((one, other) => {
    const [a, b] = [value(one, column), value(other, column)];
    if (a === "" || b === "") return (a === "") - (b === ""); // what isn't there comes last
    const order = typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
    return rising ? order : -order;
  });
  table.tBodies[0].append(...rows);
  for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
}

for (const button of table.tHead.querySelectorAll("button"))
  button.addEventListener("click", () => sort(button));
aspect.addEventListener("change", () => {
  const sorted = table.tHead.querySelector("th.notebook[aria-sort] button");
  last = null;
  if (sorted) sort(sorted);
});

// Folding: a link opens what it leads to; printing opens everything.
function reveal() {
  let part = document.getElementById(location.hash.slice(1));
  const target = part;
  for (; part; part = part.parentElement) if (part.localName === "details") part.open = true;
  if (target) target.scrollIntoView();
}
addEventListener("hashchange", reveal);
for (const link of document.querySelectorAll('a[href^="#"]'))
  link.addEventListener("click", () => setTimeout(reveal)); // also where the address is that already
if (location.hash) reveal();

const folds = [...document.querySelectorAll("details")];
document.querySelector("#unfold").addEventListener("click", () => folds.forEach((f) => (f.open = !f.matches(".minor"))));
document.querySelector("#fold").addEventListener("click", () => folds.forEach((f) => (f.open = false)));
let before = [];
addEventListener("beforeprint", () => {
  before = folds.filter((f) => !f.open && !f.matches(".minor"));
  before.forEach((f) => (f.open = true));
});
addEventListener("afterprint", () => before.forEach((f) => (f.open = false)));
