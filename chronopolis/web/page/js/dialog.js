// A dialog with a form: checked before it is sent, with the server's own words if it refuses.

import { el, fill } from "./dom.js";
import { lines } from "./notices.js";

/** A labelled field; `hint` stands under it. */
export const field = (label, input, hint) =>
  el("label.field", el("span.field-name", label), input, hint && el("span.faint", hint));

/**
 * Open a dialog. `check()` returns what is wrong, or ""; `send()` does it. It closes when `send` has come through.
 */
export function formDialog(session, { title, about, fields, submit, check = () => "", send }) {
  const problem = el("p.bad", { role: "alert" });
  const go = el("button.button.main", { type: "submit", "data-test": "submit" }, submit);
  const form = el(
    "form",
    {
      method: "dialog",
      novalidate: true,
      onsubmit: async (event) => {
        event.preventDefault();
        const wrong = check();
        fill(problem, wrong);
        if (wrong) return;
        go.disabled = true;
        try {
          await send();
          dialog.close();
        } catch (error) {
          fill(problem, lines(error.message));
        } finally {
          go.disabled = false;
        }
      },
    },
    el("div.fields", fields),
    problem,
    el("div.actions", el("button.button", { type: "button", onclick: () => dialog.close() }, "Cancel"), go),
  );
  const dialog = el("dialog.form", { "aria-label": title }, el("h2", title), about && el("p.soft", about), form);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  session.root.append(dialog);
  dialog.showModal();
  form.querySelector("input, select, textarea")?.focus();
  return dialog;
}

export const wholeNumber = (text) => {
  const plain = String(text).trim().replaceAll(/[ ,_]/g, "");
  return /^-?\d+$/.test(plain) ? Number(plain) : null;
};
