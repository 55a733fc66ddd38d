// A method chosen in the legend stands out everywhere; a second click lets go.
const root = document.documentElement;
const buttons = [...document.querySelectorAll(".legend button")];
function choose(name) {
  root.classList.toggle("chosen", name !== null);
  for (const each of document.querySelectorAll("[data-method]")) {
    each.classList.toggle("on", each.dataset.method === name);
  }
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.value === name));
}
for (const button of buttons) {
  button.addEventListener("click", () => {
    choose(button.getAttribute("aria-pressed") === "true" ? null : button.value);
  });
}
document.addEventListener("keydown", (event) => { if (event.key === "Escape") choose(null); });
