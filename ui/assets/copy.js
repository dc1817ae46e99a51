// Copies the text of an element, and says so to those who see and those who
// listen. Where the browser refuses, the text is selected instead.
"use strict";
{
  const textOf = (element) => {
    if (element.matches("textarea, input")) return element.value;
    const items = [...element.querySelectorAll("li")];
    return items.length ? items.map((item) => item.textContent.trim()).join("\n") : element.textContent.trim();
  };
  const select = (element) => {
    if (element.matches("textarea, input")) {
      element.focus();
      element.select();
    } else {
      getSelection().selectAllChildren(element);
    }
  };
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const source = document.getElementById(button.dataset.copy);
    const status = button.parentElement.querySelector(".copied");
    button.hidden = false;
    button.addEventListener("click", async () => {
      let copied = false;
      try {
        await navigator.clipboard.writeText(textOf(source));
        copied = true;
      } catch {
        // Without https there is no clipboard to write to; the older command still works there.
        select(source);
        copied = document.execCommand("copy");
      }
      status.textContent = "";
      setTimeout(() => { status.textContent = copied ? button.dataset.copied : button.dataset.failed; }, 50);
    });
  }
}
