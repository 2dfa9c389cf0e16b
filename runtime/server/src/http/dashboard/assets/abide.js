// What pages do beyond plain HTML: they stay fresh, and spare clicks. Without this file everything works, after a reload.
"use strict";

(() => {
  const LEAST_MS = 400; // between two refreshes
  const body = document.body;

  // Fresh parts: whenever the stream tells of something, this page is read again, and its live parts take the place of the old ones.

  let pending = null;
  let refreshing = false;
  let again = false;
  let lastRefresh = 0;
  let lastSaid = 0;

  function refreshSoon() {
    if (document.hidden) {
      again = true;
      return;
    }
    if (pending === null) {
      const wait = Math.max(60, LEAST_MS - (Date.now() - lastRefresh));
      pending = setTimeout(refresh, wait);
    }
  }

  async function refresh() {
    pending = null;
    if (refreshing) {
      again = true;
      return;
    }
    refreshing = true;
    again = false;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "manual" });
      if (answer.type === "opaqueredirect") {
        location.reload(); // the session is over: the server knows the way
        return;
      }
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of document.querySelectorAll("[data-live][id]")) {
          replace(part, fresh.getElementById(part.id));
        }
        decorate(document);
        say();
      }
    } catch {
      // The server is away; the stream comes back with it.
    } finally {
      lastRefresh = Date.now();
      refreshing = false;
      if (again) {
        refreshSoon();
      }
    }
  }

  // Nothing is taken out of the hands of somebody who types, reads a selection, or has a form open.
  function isInUse(part) {
    const active = document.activeElement;
    if (active && part.contains(active) && active.matches("input, select, textarea")) {
      return true;
    }
    if (part.querySelector("details.confirm[open]")) {
      return true;
    }
    const selection = document.getSelection();
    return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  }

  const shown = new WeakMap(); // parts as the server sent them

  function replace(part, fresh) {
    const html = fresh?.innerHTML;
    if (!fresh || isInUse(part) || shown.get(part) === html) {
      return;
    }
    shown.set(part, html);
    const open = new Set([...part.querySelectorAll("details[open][id]")].map((it) => it.id));
    const shut = new Set([...part.querySelectorAll("details:not([open])[id]")].map((it) => it.id));
    const places = new Map([...part.querySelectorAll("[id]")].map((it) => [it.id, [it.scrollTop, it.scrollLeft]]));
    const active = document.activeElement;
    const focus = active && part.contains(active) ? way(part, active) : null;
    part.replaceChildren(...fresh.childNodes);
    for (const details of part.querySelectorAll("details[id]")) {
      if (open.has(details.id)) {
        details.open = true;
      } else if (shut.has(details.id)) {
        details.open = false;
      }
    }
    for (const [id, [top, left]] of places) {
      const element = document.getElementById(id);
      if (element && (top || left)) {
        element.scrollTo(left, top);
      }
    }
    const target = focus && focus(part);
    if (target) {
      target.focus({ preventScroll: true });
    }
  }

  // How to find the element that has the focus among the new ones.
  function way(part, element) {
    if (element.id) {
      return () => document.getElementById(element.id);
    }
    const href = element.getAttribute("href");
    if (href) {
      return (fresh) => [...fresh.querySelectorAll("a[href]")].find((it) => it.getAttribute("href") === href);
    }
    const owner = element.closest("[id]");
    const same = owner ? [...owner.querySelectorAll(element.tagName)].indexOf(element) : -1;
    return () => owner && document.getElementById(owner.id)?.querySelectorAll(element.tagName)[same];
  }

  function say() {
    const status = document.getElementById("live-status");
    if (status && Date.now() - lastSaid > 30000) {
      lastSaid = Date.now();
      status.textContent = `Updated at ${new Date().toLocaleTimeString()}`;
    }
  }

  function follow() {
    const path = body.dataset.liveStream;
    if (!path) {
      return;
    }
    let opened = false;
    const source = new EventSource(path);
    for (const name of ["run", "event", "reset", "end"]) {
      source.addEventListener(name, refreshSoon);
    }
    source.addEventListener("open", (message) => {
      // Opened again after a break: something may have been missed. A message has data, the connection's own event has none.
      if (message.data !== undefined) {
        if (opened) {
          refreshSoon();
        }
        opened = true;
      }
    });
    source.addEventListener("end", () => source.close());
    addEventListener("pagehide", () => source.close());
    addEventListener("pageshow", (shown) => shown.persisted && location.reload());
    document.addEventListener("visibilitychange", () => !document.hidden && again && refreshSoon());
  }

  // Times that say how long ago they are go on saying it.

  function relative(ms) {
    const size = Math.abs(ms);
    const [unit, of] = size < 6e4 ? ["s", 1e3] : size < 36e5 ? ["min", 6e4] : size < 864e5 ? ["h", 36e5] : ["d", 864e5];
    const text = `${Math.floor(size / of)} ${unit}`;
    return ms < 0 ? `in ${text}` : size < 1e3 ? "now" : `${text} ago`;
  }

  function tick() {
    for (const time of document.querySelectorAll("time[data-relative]")) {
      const text = relative(Date.now() - Date.parse(time.dateTime));
      if (time.textContent !== text) {
        time.textContent = text;
      }
    }
  }

  // Buttons that copy; fields of JSON that say what is wrong before they are sent.

  function decorate(root) {
    for (const block of root.querySelectorAll("pre[data-copy]")) {
      if (block.querySelector(".copy")) {
        continue;
      }
      const text = block.textContent;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(text);
          button.textContent = "Copied";
        } catch {
          button.textContent = "Not allowed";
        }
        setTimeout(() => (button.textContent = "Copy"), 1500);
      });
      block.append(button);
    }
  }

  function check(area) {
    let fault = "";
    if (area.value.trim() !== "") {
      try {
        JSON.parse(area.value);
      } catch (error) {
        fault = `This is no JSON: ${error.message}`;
      }
    }
    area.setCustomValidity(fault);
    area.setAttribute("aria-invalid", String(fault !== ""));
  }

  document.addEventListener("input", (input) => {
    if (input.target.matches?.("textarea[data-json]")) {
      check(input.target);
    }
  });
  document.addEventListener("change", (change) => {
    const form = change.target.closest?.("form[data-submit-on-change]");
    if (form) {
      form.requestSubmit();
    }
  });
  document.addEventListener("submit", (submit) => {
    // Twice is once: the second press of a button goes nowhere.
    const form = submit.target;
    if (form.method === "post") {
      if (form.dataset.sent) {
        submit.preventDefault();
        return;
      }
      form.dataset.sent = "yes";
      setTimeout(() => delete form.dataset.sent, 5000);
    }
  });
  for (const form of document.querySelectorAll("form[data-submit-on-change] button")) {
    form.hidden = true;
  }

  // The keyboard: `?` says what it can.

  let gone = 0;

  function rows() {
    return [...document.querySelectorAll("tbody tr")].filter((row) => row.querySelector("a"));
  }

  function choose(step) {
    const all = rows();
    if (all.length === 0) {
      return;
    }
    const now = all.findIndex((row) => row.classList.contains("chosen"));
    const next = Math.min(all.length - 1, Math.max(0, now + step));
    all.forEach((row, at) => row.classList.toggle("chosen", at === next));
    all[next].querySelector("a").focus();
  }

  function help() {
    let dialog = document.querySelector("dialog.help");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.className = "help";
      dialog.setAttribute("aria-label", "Keyboard");
      const list = document.createElement("dl");
      const keys = [["/", "Search"], ["j k", "Next and previous row"], ["Enter", "Open it"], ["?", "This help"]];
      for (const link of document.querySelectorAll(".side nav a[data-key]")) {
        keys.push([`g ${link.dataset.key}`, link.textContent.trim()]);
      }
      for (const [key, text] of keys) {
        const name = document.createElement("dt");
        const kbd = document.createElement("kbd");
        kbd.textContent = key;
        name.append(kbd);
        const meaning = document.createElement("dd");
        meaning.textContent = text;
        list.append(name, meaning);
      }
      const close = document.createElement("button");
      close.type = "button";
      close.textContent = "Close";
      close.addEventListener("click", () => dialog.close());
      dialog.append(list, close);
      body.append(dialog);
    }
    dialog.showModal();
  }

  document.addEventListener("keydown", (pressed) => {
    if (pressed.ctrlKey || pressed.metaKey || pressed.altKey || document.querySelector("dialog[open]")) {
      return;
    }
    if (pressed.key === "Escape") {
      for (const details of document.querySelectorAll("details.confirm[open]")) {
        details.open = false;
        details.querySelector("summary").focus();
      }
      return;
    }
    if (pressed.target.matches?.("input, select, textarea")) {
      return;
    }
    if (Date.now() - gone < 1200) {
      gone = 0;
      const link = document.querySelector(`.side nav a[data-key="${CSS.escape(pressed.key)}"]`);
      if (link) {
        pressed.preventDefault();
        link.click();
      }
      return;
    }
    const search = document.querySelector("[data-search]");
    switch (pressed.key) {
      case "g":
        gone = Date.now();
        break;
      case "/":
        if (search) {
          pressed.preventDefault();
          search.focus();
        }
        break;
      case "j":
        choose(1);
        break;
      case "k":
        choose(-1);
        break;
      case "?":
        help();
        break;
    }
  });

  decorate(document);
  follow();
  tick();
  setInterval(tick, 1000);
})();
