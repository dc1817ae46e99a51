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

  // Elsewhere is where the server leads in place of an answer.
  class Elsewhere extends Error {
    constructor(to) {
      super("elsewhere");
      this.to = to;
    }
  }

  // post sends JSON.
  const post = async (url, body, signal) => {
    const answer = await fetch(url, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), redirect: "error", signal,
    });
    const data = await answer.json();
    if (data.to) throw new Elsewhere(data.to);
    if (!answer.ok) throw new Refused(data.problems);
    return data;
  };

  // The JSON forms of WebAuthn (§5.1.8 to §5.1.10) are read and written by hand: Safari before 18.4 and
  // Chrome before 129 can't, and the credentials of some password managers have no toJSON, or one that throws.
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => {
    const all = ArrayBuffer.isView(buffer) ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength) : new Uint8Array(buffer);
    let binary = "";
    for (const b of all) binary += String.fromCharCode(b);
    return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  };
  const named = (list) => list?.map((item) => ({ ...item, id: bytes(item.id) }));

  const decoded = (options) => {
    const out = { ...options, challenge: bytes(options.challenge) };
    if (options.user) out.user = { ...options.user, id: bytes(options.user.id) };
    if (options.excludeCredentials) out.excludeCredentials = named(options.excludeCredentials);
    if (options.allowCredentials) out.allowCredentials = named(options.allowCredentials);
    return out;
  };

  // said is what a method answers that not every credential has.
  const said = (object, method, otherwise) => {
    try {
      return object[method]() ?? otherwise;
    } catch {
      return otherwise;
    }
  };

  const encoded = (credential) => {
    const from = credential.response;
    const response = { clientDataJSON: text(from.clientDataJSON) };
    if (from.attestationObject) {
      response.attestationObject = text(from.attestationObject);
      response.transports = [...said(from, "getTransports", [])];
    } else {
      response.authenticatorData = text(from.authenticatorData);
      response.signature = text(from.signature);
      if (from.userHandle?.byteLength) response.userHandle = text(from.userHandle);
    }
    const rk = said(credential, "getClientExtensionResults", {}).credProps?.rk;
    const id = text(credential.rawId);
    return {
      id, rawId: id, type: "public-key", response,
      ...(credential.authenticatorAttachment && { authenticatorAttachment: credential.authenticatorAttachment }),
      clientExtensionResults: typeof rk === "boolean" ? { credProps: { rk } } : {},
    };
  };

  // prepared is the challenge that the server was asked for before anybody pressed the button: a request
  // between the two could use up the gesture that Safari wants to see. One challenge is good for five
  // minutes, for one answer, and for one name; the server knows the last one only.
  let prepared;
  const challengeLife = 240000;
  const prepare = () => {
    const name = field ? field.value : "";
    if (prepared && !prepared.spent && prepared.name === name && performance.now() - prepared.at < challengeLife) return prepared;
    const before = prepared?.options;
    const mine = { name, at: performance.now(), spent: false };
    mine.options = (async () => {
      await before?.catch(() => {}); // in their order
      return decoded((await post(box.dataset.begin, field ? { name } : {})).options);
    })();
    mine.options.catch(() => { mine.spent = true; });
    prepared = mine;
    return mine;
  };

  const ceremony = async (signal, mediation) => {
    const begun = prepare();
    const publicKey = await begun.options;
    const request = { publicKey, signal, ...(mediation && { mediation }) };
    const since = performance.now();
    let credential;
    try {
      credential = await (kind === "add" ? navigator.credentials.create(request) : navigator.credentials.get(request));
    } catch (error) {
      error.late = performance.now() - since >= publicKey.timeout;
      throw error;
    }
    begun.spent = true; // whatever the server says of the answer
    await post(box.dataset.finish, { response: encoded(credential), next: box.dataset.next, remember: box.querySelector("input[name=remember]")?.checked });
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

  let listening;

  // performed is a ceremony to its end. Where the server leads elsewhere it goes there, and the promise
  // is never kept: there is nothing more to do on this page.
  const performed = (...how) => ceremony(...how).catch((error) => {
    if (!(error instanceof Elsewhere)) throw error;
    location.assign(error.to);
    return new Promise(() => {});
  });

  // ready asks for the challenge ahead, and again before it is too old. What is wrong then is said when the
  // button is pressed.
  const ready = () => {
    if (document.hidden || button.disabled || listening || (field && !field.value.trim())) return;
    prepare().options.catch(() => {});
  };

  // listening is the request that waits behind the field for the name, until somebody
  // chooses a passkey there. While it waits the browser takes no other.
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
      if (prepared) prepared.spent = true;
      if (!document.hidden) return listen();
      document.addEventListener("visibilitychange", () => { if (listening === mine) listen(); }, { once: true });
    }, challengeLife);
    mine.over = performed(controller.signal, "conditional").catch((error) => {
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
      await performed();
    } catch (error) {
      say(reason(error), error.field);
    } finally {
      status.textContent = "";
      button.disabled = false;
      ready();
    }
  };

  if (window.PublicKeyCredential && navigator.credentials) {
    box.querySelector("[data-act]").hidden = false;
    (field ? field.form : button).addEventListener(field ? "submit" : "click", (event) => {
      event.preventDefault();
      act();
    });
    if (field) {
      let typing = 0;
      field.addEventListener("input", () => {
        clearTimeout(typing);
        typing = setTimeout(ready, 300);
      });
    } else if (kind === "passkey") {
      const available = async () => (await PublicKeyCredential.isConditionalMediationAvailable?.()) ?? false;
      available().catch(() => false).then((available) => (available ? listen() : ready()));
    } else {
      ready();
    }
    setInterval(ready, 60000);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden || button.disabled || listening) return;
      if (prepared) prepared.spent = true; // another tab may have asked for one since
      ready();
    });
  } else if (kind !== "passkey") {
    say(word("unsupported"));
  }
}
