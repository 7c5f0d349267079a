"use strict";
// Shows only the changes of the chosen kind.
for (const button of document.querySelectorAll(".filter button")) {
  button.addEventListener("click", () => {
    for (const other of document.querySelectorAll(".filter button")) other.setAttribute("aria-pressed", String(other === button));
    for (const row of document.querySelectorAll("#changes tbody tr")) row.hidden = Boolean(button.dataset.way) && row.className !== button.dataset.way;
  });
}
