// Talks to security keys and passkeys, for the element that says with
// data-webauthn what for: "add" a key, "verify" with one, or sign in with a
// "passkey". Without this script, or in a browser without WebAuthn, it stays hidden.
"use strict";
{
  const box = document.querySelector("[data-webauthn]");
  const kind = box.dataset.webauthn;
  const button = box.querySelector("button");
  const field = box.querySelector("input[name=name]");
  const status = box.querySelector("[data-status]");
  const trouble = box.querySelector("[data-trouble]");
  const word = (name) => box.querySelector(`[data-word=${name}]`).textContent;

  // Refused is what the server says to people.
  class Refused extends Error {
    constructor(problems) {
      super(problems.map((p) => p.text).join(" "));
      this.field = problems.some((p) => p.field === "name");
      this.problems = problems;
    }
  }

  const say = (text, wrongName = false) => {
    trouble.hidden = !text;
    trouble.querySelector("span").textContent = text;
    if (!field) return;
    field.toggleAttribute("aria-invalid", wrongName);
    if (wrongName) {
      field.setAttribute("aria-invalid", "true");
      field.focus();
    }
  };

  // post sends JSON. Where the server leads elsewhere it goes there, and the promise
  // is never kept: there is nothing more to do on this page.
  const post = async (url, body, signal) => {
    const answer = await fetch(url, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), redirect: "error", signal,
    });
    const data = await answer.json();
    if (data.to) {
      location.assign(data.to);
      return new Promise(() => {});
    }
    if (!answer.ok) throw new Refused(data.problems);
    return data;
  };

  const ceremony = async (signal, mediation) => {
    const { options } = await post(box.dataset.begin, field ? { name: field.value } : {}, signal);
    const adding = kind === "add";
    const publicKey = adding
      ? PublicKeyCredential.parseCreationOptionsFromJSON(options)
      : PublicKeyCredential.parseRequestOptionsFromJSON(options);
    const request = { publicKey, signal, ...(mediation && { mediation }) };
    const begun = performance.now();
    let credential;
    try {
      credential = await (adding ? navigator.credentials.create(request) : navigator.credentials.get(request));
    } catch (error) {
      error.late = performance.now() - begun >= publicKey.timeout;
      throw error;
    }
    await post(box.dataset.finish, { response: credential.toJSON(), next: box.dataset.next, remember: box.querySelector("input[name=remember]")?.checked });
  };

  // reason says what an error means. Browsers tell one that was cancelled from one
  // that found no key by nothing, so that no site learns which keys there are.
  const reason = (error) => {
    if (error instanceof Refused) return error.message;
    switch (error.name) {
      case "NotAllowedError": return word(error.late ? "late" : "cancelled");
      case "TimeoutError": return word("late");
      case "InvalidStateError": return word("known");
      case "NotSupportedError": case "SecurityError": return word("unsupported");
      default: return word("failed");
    }
  };

  // listening is the request that waits behind the field for the name, until somebody
  // chooses a passkey there. While it waits the browser takes no other.
  let listening;
  const deaf = async () => {
    const old = listening;
    listening = undefined;
    if (!old) return;
    clearTimeout(old.timer);
    old.controller.abort();
    await old.over;
  };
  const listen = async () => {
    await deaf();
    const controller = new AbortController();
    const mine = { controller };
    listening = mine;
    // Its challenge is good for five minutes, and the page may be open for longer.
    mine.timer = setTimeout(() => {
      if (!document.hidden) return listen();
      document.addEventListener("visibilitychange", () => { if (listening === mine) listen(); }, { once: true });
    }, 240000);
    mine.over = ceremony(controller.signal, "conditional").catch((error) => {
      if (listening !== mine) return; // it was ended for another
      if (error instanceof Refused && error.problems.every((p) => p.code === "throttled")) return;
      if (error.name === "NotAllowedError" || error.name === "AbortError") return;
      say(reason(error));
    });
  };

  const act = async () => {
    if (button.disabled) return;
    button.disabled = true;
    say("");
    await deaf();
    status.textContent = word("wait");
    try {
      await ceremony();
    } catch (error) {
      say(reason(error), error.field);
    } finally {
      status.textContent = "";
      button.disabled = false;
    }
  };

  const supported = window.PublicKeyCredential?.parseRequestOptionsFromJSON && PublicKeyCredential.parseCreationOptionsFromJSON;
  if (supported) {
    box.querySelector("[data-act]").hidden = false;
    (field ? field.form : button).addEventListener(field ? "submit" : "click", (event) => {
      event.preventDefault();
      act();
    });
    if (kind === "passkey") {
      PublicKeyCredential.isConditionalMediationAvailable?.().then((available) => available && listen());
    }
  } else if (kind !== "passkey") {
    say(word("unsupported"));
  }
}
