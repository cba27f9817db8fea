// What an edit would change, old beside new, before it is sent.  Without this file the next page says it:
// the changed request shows what its new revision changed.

/** A value that was typed, as text that cannot be taken for something else. */
function part(name, text, word) {
  const node = document.createElement(text === "" ? "span" : name);
  if (text === "") node.className = "note";
  node.textContent = text === "" ? word : text;
  return node;
}

function line(field) {
  const label = document.querySelector(`label[for="${CSS.escape(field.id)}"]`);
  const row = document.createElement("div");
  const term = document.createElement("dt");
  const value = document.createElement("dd");
  term.textContent = label ? label.textContent : "";
  const covered = field.placeholder !== undefined && field.placeholder !== "" && field.dataset.was === "";
  value.append(part("del", field.dataset.was, covered ? "covered" : "empty"), " became ", part("ins", field.value, "empty"));
  row.append(term, value);
  return row;
}

function show(form) {
  const box = form.querySelector("[data-changing]");
  if (!box) return;
  const changed = [...form.querySelectorAll("[data-was]")].filter((field) => field.value !== field.dataset.was);
  box.hidden = !changed.length;
  box.querySelector("dl").replaceChildren(...changed.map(line));
}

document.addEventListener("input", (event) => {
  if (event.target.dataset.was !== undefined) show(event.target.form);
});
for (const form of document.querySelectorAll("form")) show(form);
