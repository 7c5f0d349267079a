"use strict";
(async () => {
  const $ = (id) => document.getElementById(id);
  const answer = await fetch("state");
  const state = await answer.json();
  const pairs = state.pairs.map(([picture, label, category]) => ({ picture, label, category }));
  const last = []; // numbers of the pairs judged in this sitting, for taking back
  let now = 0;
  let sending = Promise.resolve(); // one judgement after the other, in order

  const nextOpen = (from) => {
    for (let step = 0; step < pairs.length; step++) {
      const number = (from + step) % pairs.length;
      if (!pairs[number].category) return number;
    }
    return pairs.length; // the page that says that all is judged
  };
  const words = (category) => (category ? category.replace("_primary", "").replace("_secondary", ", something else") : "open");

  const show = (number) => {
    now = Math.max(0, Math.min(pairs.length, number));
    const judged = pairs.filter((pair) => pair.category).length;
    $("bar").value = judged / pairs.length;
    $("count").textContent = `${judged} of ${pairs.length} judged`;
    const done = now === pairs.length;
    $("done").hidden = !done;
    $("ask").hidden = $("frame").hidden = done;
    $("where").textContent = done ? "" : state.pictures[pairs[now].picture];
    if (done) return;
    const { picture, label, category } = pairs[now];
    $("label").textContent = label;
    if ($("picture").dataset.number !== String(picture)) {
      $("picture").dataset.number = picture;
      $("broken").hidden = true;
      $("picture").hidden = false;
      $("picture").src = `picture/${picture}`;
      $("picture").alt = state.pictures[picture];
    }
    for (const button of $("answers").children) button.classList.toggle("chosen", button.dataset.category === category);
    $("others").replaceChildren(...pairs.flatMap((pair, other) => {
      if (pair.picture !== picture) return [];
      const line = document.createElement("li"), verdict = document.createElement("span");
      line.className = `${other === now ? "now" : ""} ${pair.category ? pair.category.split("_")[0] : "open"}`;
      line.dataset.pair = other;
      verdict.textContent = words(pair.category);
      line.append(pair.label, verdict);
      return [line];
    }));
    const coming = pairs.slice(now).find((pair) => pair.picture !== picture);
    if (coming) new Image().src = `picture/${coming.picture}`;
  };

  const send = (number, category, before) => {
    sending = sending.then(async () => {
      let why = "";
      try {
        const reply = await fetch("judge", { method: "POST", body: JSON.stringify({ pair: number, category }) });
        if (!reply.ok) why = (await reply.json()).error;
      } catch {
        why = "the program has ended; start it again, and load this page from its new address";
      }
      $("trouble").hidden = !why;
      if (why) {
        pairs[number].category = before;
        $("trouble").textContent = `Not saved: ${why}`;
        show(number);
      }
    });
  };
  const judge = (number, category) => {
    const before = pairs[number].category;
    pairs[number].category = category;
    send(number, category, before);
  };
  const decide = (category) => {
    if (now === pairs.length) return;
    last.push([now, pairs[now].category]);
    judge(now, category);
    show(nextOpen(now + 1));
  };
  const moves = {
    back: () => show(now - 1),
    next: () => show(now + 1),
    open: () => show(nextOpen(now + 1)),
    undo: () => {
      if (!last.length) return;
      const [number, before] = last.pop();
      judge(number, before);
      show(number);
    },
  };

  const keys = { ArrowLeft: "back", ArrowRight: "next", n: "open", u: "undo", Backspace: "undo" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const category = state.categories[Number(event.key) - 1];
    if (category) decide(category);
    else if (keys[event.key]) moves[keys[event.key]]();
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button"), line = event.target.closest("[data-pair]");
    if (line) show(Number(line.dataset.pair));
    if (!button) return;
    button.blur(); // or the space bar would judge again
    if (button.dataset.category) decide(button.dataset.category);
    else moves[button.dataset.move]();
  });
  $("picture").addEventListener("error", () => {
    $("picture").hidden = true;
    $("broken").hidden = false;
  });
  $("file").textContent = state.file;
  show(nextOpen(0));
})();
