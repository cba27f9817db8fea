// What was typed into the editor of the policy, should the sign-in have run out meanwhile: of this tab only, for
// this person in this workspace, until it is applied. With it goes the version that it was edited from, so that
// what others applied since is told as ever.

const page = document.querySelector("[data-draft-of]");
const KEPT = `policy ${page.dataset.draftOf}`;
const area = document.querySelector("#text");

if (page.hasAttribute("data-applied")) sessionStorage.removeItem(KEPT);
if (area) {
  const kept = JSON.parse(sessionStorage.getItem(KEPT));
  if (area.hasAttribute("data-fresh") && kept && kept.text !== area.value) {
    const back = Object.assign(document.createElement("button"), { type: "button", textContent: "Bring back what you typed here before" });
    back.addEventListener("click", () => {
      area.value = kept.text;
      area.form.elements.base.value = kept.base;
      back.remove();
      area.dispatchEvent(new Event("input", { bubbles: true }));
      area.focus();
    });
    document.querySelector(".deeds").append(back);
  }
  area.form.addEventListener("submit", () => {
    const draft = { base: area.form.elements.base.value, text: area.value };
    try { sessionStorage.setItem(KEPT, JSON.stringify(draft)); } catch { /* full, or forbidden: nothing is kept */ }
  });
}
