"use strict";
(() => {
  const STEP = 100;
  const NAMES = ["right", "close", "broader", "wrong", "silent", "unjudged"];
  const data = JSON.parse(document.getElementById("rows").textContent);

  // ---- the list of everything: searched here, drawn a hundred rows at a time
  const body = document.querySelector(".list tbody"), form = document.getElementById("search");
  const more = document.getElementById("more");
  if (body) {
    const [words, kind, count] = form.elements;
    let found = [], drawn = 0;
    const cell = (row, text) => { row.insertCell().textContent = text; };
    const draw = () => {
      for (const [label, score, verdict, truth, time, name] of found.slice(drawn, drawn + STEP)) {
        const row = body.insertRow();
        cell(row, label || "–");
        cell(row, score);
        const dot = document.createElement("i");
        dot.className = dot.title = NAMES[verdict];
        row.insertCell().append(dot);
        if (data.judged) cell(row, truth);
        if (data.timed) cell(row, time);
        cell(row, name);
      }
      drawn = Math.min(found.length, drawn + STEP);
      more.hidden = drawn >= found.length;
      count.textContent = found.length === data.rows.length ? "" : `${found.length} of ${data.rows.length}`;
    };
    const search = () => {
      const sought = words.value.trim().toLowerCase();
      found = data.rows.filter((row) => (kind.value === "" || row[2] === Number(kind.value)) &&
        (!sought || [row[0], row[3], row[5]].some((text) => text.toLowerCase().includes(sought))));
      body.replaceChildren();
      drawn = 0;
      draw();
    };
    form.hidden = false;
    form.addEventListener("input", search);
    form.addEventListener("submit", (event) => event.preventDefault());
    more.addEventListener("click", draw);
    search();
  }

  // ---- a picture, larger
  const large = document.getElementById("large");
  document.addEventListener("click", (event) => {
    const picture = event.target.closest(".frame img, .strip img");
    if (picture) {
      large.querySelector("img").src = picture.src;
      large.querySelector("p").textContent = picture.alt;
      large.showModal();
    } else if (large.open) {
      large.close();
    }
  });

  // ---- a picture of the strip points at its span
  const point = (event, on) => {
    const card = event.target.closest("[data-span]");
    if (card) document.getElementById(card.dataset.span).classList.toggle("on", on);
  };
  document.addEventListener("pointerover", (event) => point(event, true));
  document.addEventListener("pointerout", (event) => point(event, false));

  const copy = document.getElementById("copy");
  if (copy && navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.querySelector(".command").textContent);
      copy.textContent = "copied";
    });
  }
})();
