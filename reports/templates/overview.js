"use strict";
const key = (row, column) => {
  const cell = row.cells[column];
  return "key" in cell.dataset ? cell.dataset.key : cell.textContent.trim();
};
const compare = (one, other, numeric) =>
  numeric ? Number(one) - Number(other) : one.localeCompare(other, "en", { numeric: true });
const sort = (table, header) => {
  const body = table.tBodies[0];
  const down = header.getAttribute("aria-sort") === "descending";
  const first = header.classList.contains("left") ? "ascending" : "descending";
  const order = header.hasAttribute("aria-sort") ? (down ? "ascending" : "descending") : first;
  const sign = order === "ascending" ? 1 : -1;
  const rows = [...body.rows];
  const numeric = "key" in rows[0].cells[header.cellIndex].dataset;
  rows.sort((one, other) => {
    const [a, b] = [key(one, header.cellIndex), key(other, header.cellIndex)];
    return a === "" || b === "" ? (a === "") - (b === "") : sign * compare(a, b, numeric);
  });
  for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", order);
  body.append(...rows);
};
for (const table of document.querySelectorAll("table.rows")) {
  for (const header of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(table, header));
    header.append(button);
  }
}
for (const form of document.querySelectorAll("form.filter")) {
  const words = form.querySelector("input");
  const [reads, profile] = form.querySelectorAll("select");
  const of = words.dataset.filter;
  const apply = () => {
    let shown = 0;
    for (const row of document.querySelectorAll(`table[data-of="${of}"] tbody tr`)) {
      const fits = row.textContent.toLowerCase().includes(words.value.trim().toLowerCase());
      const kind = !reads.value || row.dataset.reads === reads.value;
      const run = !profile.value || row.dataset.profile === profile.value;
      row.hidden = !(fits && kind && run);
      shown += !row.hidden;
    }
    form.querySelector("output").textContent = `${shown} rows`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
}
const reveal = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  if (target) target.scrollIntoView({ behavior: "instant" });
};
window.addEventListener("hashchange", reveal);
reveal();
