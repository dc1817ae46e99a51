// A form is sent once: the second press of a double click would make a second
// token, or say that the first one has taken its label. Coming back to the page
// makes it ready again.
"use strict";
const sent = new Set();
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) {
    return; // a script sends it, or doesn't
  }
  if (sent.has(event.target)) {
    event.preventDefault();
  }
  sent.add(event.target);
});
addEventListener("pageshow", () => sent.clear());

// Lets a password be shown while it is typed. It is hidden again before the
// form is sent, so that the browser knows it as a password.
for (const button of document.querySelectorAll("button[data-reveal]")) {
  const field = document.getElementById(button.dataset.reveal);
  const label = button.ariaLabel;
  const show = (shown) => {
    field.type = shown ? "text" : "password";
    button.textContent = shown ? button.dataset.hide : button.dataset.show;
    button.ariaLabel = shown ? button.dataset.hideLabel : label;
  };
  button.hidden = false;
  button.addEventListener("click", () => show(field.type === "password"));
  field.form.addEventListener("submit", () => show(false));
}
