"use strict";

// Says in words how strong a new password is while somebody types it. The server scores it, and keeps
// nothing of it. Without this script the form says it when it is sent.
for (const says of document.querySelectorAll("[data-strength]")) {
  const field = document.getElementById(says.dataset.strength);
  let timer = 0;
  let asking = null;

  const say = (words, score) => {
    if (says.textContent !== words) says.textContent = words;
    says.dataset.score = score;
  };

  const ask = async () => {
    if (asking) asking.abort();
    if (field.value === "") {
      say("", "");
      return;
    }
    asking = new AbortController();
    const body = new URLSearchParams({ password: field.value });
    for (const name of ["username", "email"]) {
      const other = field.form.elements.namedItem(name);
      if (other) body.set(name, other.value);
    }
    try {
      const answer = await fetch(says.dataset.to, { method: "POST", body, signal: asking.signal });
      if (!answer.ok) return say("", "");
      const { words, score } = await answer.json();
      say(words, score);
    } catch {
      // A newer question took its place, or the server is away: the form still says it.
    }
  };

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 300);
  });
}
