// Two sliders over what replacing costs: how much would be replaced anyway, and
// how much prices rise. The page is complete without them; the ranges above stay
// as the model gives them.
for (const box of document.querySelectorAll(".sliders")) {
  const number = (name) => Number(box.dataset[name]);
  const make = (text, value, most) => {
    const label = document.createElement("label");
    const input = document.createElement("input");
    input.type = "range";
    input.min = "0";
    input.max = String(most);
    input.value = String(Math.round(value / 10000));
    const out = document.createElement("output");
    label.append(text + " ", input, " ", out);
    box.append(label);
    return { input, out };
  };
  const due = make("due anyway", number("due"), 100);
  const rise = make("higher prices", number("uplift"), 50);
  const sum = document.createElement("p");
  box.append(sum);
  const show = () => {
    due.out.textContent = due.input.value + " %";
    rise.out.textContent = rise.input.value + " %";
    // (kit × (1 − due) + work) × (1 + rise) − work that was due anyway (place/plan)
    const share = Number(due.input.value) / 100;
    const was = number("due") / 1000000;
    const avoided = was > 0 ? number("avoided") * share / was : 0;
    const total = (number("kit") * (1 - share) + number("work")) * (1 + Number(rise.input.value) / 100) + avoided + number("market");
    sum.textContent = "then about " + box.dataset.currency + " " + Math.round(total).toLocaleString("en") + ", by the middle of each range";
  };
  due.input.addEventListener("input", show);
  rise.input.addEventListener("input", show);
  show();
}
