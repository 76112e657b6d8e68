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
    const kit = number("kit") * (1 - Number(due.input.value) / 100);
    const total = kit + number("labour") + number("other") + (kit + number("labour")) * Number(rise.input.value) / 100;
    sum.textContent = "then about " + box.dataset.currency + " " + Math.round(total).toLocaleString("en") + ", by the middle of each range";
  };
  due.input.addEventListener("input", show);
  rise.input.addEventListener("input", show);
  show();
}
