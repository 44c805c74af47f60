// copy.js: <button data-copy="#id"> copies the text of that element; the word in it answers, and a screen reader hears it.
// Buttons are hidden in the page and shown here, so that no button lies about what it can do.
// The words come from <body data-copied="Copied" data-select="Selected. …">, in the language of the page.
const words = document.body.dataset;
const live = document.body.appendChild(Object.assign(document.createElement("p"), { className: "sr" }));
live.setAttribute("role", "status");

const reveal = (scope) => { for (const button of scope.querySelectorAll("button[data-copy][hidden]")) button.hidden = false; };
reveal(document);
document.addEventListener("htmx:load", (event) => reveal(event.target));

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  const word = button.querySelector("[data-word]");
  const icon = button.querySelector("use");
  const before = [word?.textContent, icon?.getAttribute("href")];
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
  } catch {
    getSelection().selectAllChildren(source);           // no clipboard: select it, so that Ctrl C is enough
    live.textContent = words.select;
    return;
  }
  if (button.classList.contains("copied")) return;
  button.classList.add("copied");
  if (word) word.textContent = words.copied;
  icon?.setAttribute("href", before[1].replace(/#.*/, "#check"));
  live.textContent = words.copied;
  setTimeout(() => {
    button.classList.remove("copied");
    if (word) word.textContent = before[0];
    icon?.setAttribute("href", before[1]);
    live.textContent = "";
  }, 1600);
});
