// A field above each long table that hides the rows without its words. The
// page is complete without it.
for (const table of document.querySelectorAll("table.filter")) {
  const rows = Array.from(table.tBodies[0].rows);
  if (rows.length < 20) continue;
  const field = document.createElement("input");
  field.type = "search";
  field.className = "search";
  field.placeholder = "filter " + rows.length + " rows";
  field.setAttribute("aria-label", field.placeholder);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((w) => text.includes(w));
    }
  });
  table.before(field);
}
