// What the pages do more with a script than without: rows that change by themselves, deeds without a new page, charts.
// It makes no text of its own from what the farm says: the server sends rows as it would write them into a page.
"use strict";
(() => {
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);

  // Times in the zone of who looks

  function showTimes(within) {
    for (const one of within.querySelectorAll("time[data-at]")) {
      const at = new Date(one.dataset.at * 1000), now = new Date();
      const clock = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
      const day = at.toDateString() === now.toDateString() ? "" : at.toLocaleDateString([], { day: "numeric", month: "short", year: at.getFullYear() === now.getFullYear() ? undefined : "numeric" }) + " ";
      const text = day + clock;
      if (one.textContent !== text) one.textContent = text;
      one.title = at.toLocaleString();
    }
  }

  // One element made to be as another, changing no more than differs: what is hovered or focused stays the same element

  function parse(text) {
    const holder = document.createElement(text.startsWith("<tr") ? "tbody" : text.startsWith("<li") ? "ul" : "div");
    holder.innerHTML = text;
    return holder.firstElementChild;
  }

  function become(old, made) {
    if (old.isEqualNode(made)) return;
    if (old.nodeType !== made.nodeType || old.nodeName !== made.nodeName) { old.replaceWith(made); return; }
    if (old.nodeType !== Node.ELEMENT_NODE) { if (old.data !== made.data) old.data = made.data; return; }
    for (const { name } of [...old.attributes]) if (!made.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of made.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const theirs = [...made.childNodes], mine = [...old.childNodes];
    mine.slice(theirs.length).forEach((one) => one.remove());
    theirs.forEach((one, place) => { if (place < mine.length) become(mine[place], one); else old.append(one); });
  }

  // Order: nothing moves under the pointer

  const sortButton = $("sort");
  let touched = 0;
  for (const kind of ["pointermove", "keydown", "touchstart", "focusin"]) {
    document.addEventListener(kind, (event) => { if (event.target.closest && event.target.closest("[data-rows],.card")) touched = Date.now(); }, { passive: true });
  }
  function outOfOrder(body) {
    const rows = [...body.children].filter((row) => row.dataset.o !== undefined);
    const sorted = [...rows].sort((a, b) => (a.dataset.o < b.dataset.o ? -1 : a.dataset.o > b.dataset.o ? 1 : 0));
    return [sorted, rows.filter((row, place) => row !== sorted[place]).length];
  }
  function order(now) {
    for (const body of document.querySelectorAll("[data-rows]")) {
      const [sorted, moved] = outOfOrder(body);
      const gone = body.querySelectorAll(".gone").length;
      if (!moved && !gone) { if (sortButton && body.dataset.rows === "jobs") sortButton.hidden = true; continue; }
      if (!now && (Date.now() - touched < 2000 || body.matches(":hover") || body.contains(document.activeElement))) {
        if (sortButton && body.dataset.rows === "jobs") { sortButton.hidden = false; sortButton.textContent = `${moved + gone} moved · Sort now`; }
        continue;
      }
      const focused = document.activeElement;
      body.querySelectorAll(".gone").forEach((row) => row.remove());
      sorted.forEach((row) => { if (row.isConnected) body.append(row); });
      if (body.contains(focused)) focused.focus({ preventScroll: true });
      if (sortButton && body.dataset.rows === "jobs") sortButton.hidden = true;
    }
  }
  if (sortButton) sortButton.addEventListener("click", () => { order(true); sortButton.blur(); });

  // Live

  const live = document.body.dataset.live;
  let wait = 500, socket = null, leaving = false;
  function known() {
    const marks = {};
    for (const one of document.querySelectorAll("[data-h]")) marks[one.id] = one.dataset.h;
    return marks;
  }
  let reloading = false;
  function again() {
    if (reloading) return;
    reloading = true;
    setTimeout(() => location.reload(), Math.max(0, 3000 - performance.now()));
  }
  function take(message) {
    for (const [key, text] of Object.entries(message.rows || {})) {
      const made = parse(text), old = $(key);
      if (old) { old.classList.remove("gone"); become(old, made); } else {
        const kind = { job: "jobs", render: "renders", cell: "cells", user: "users" }[key.split("-")[0]];
        const body = document.querySelector(`[data-rows="${kind}"]`);
        if (body) body.append(made); else if (kind) again();
      }
      const row = $(key);
      if (row) showTimes(row);
    }
    for (const key of message.gone || []) if ($(key)) $(key).classList.add("gone");
    for (const [name, text] of Object.entries(message.parts || {})) {
      const old = document.querySelector(`[data-part="${name}"]`);
      if (!old) continue;
      const pre = old.querySelector("pre[data-tail]"), atEnd = pre && pre.scrollHeight - pre.scrollTop - pre.clientHeight < 40;
      become(old, parse(text));
      const made = document.querySelector(`[data-part="${name}"]`), tail = made.querySelector("pre[data-tail]");
      if (tail && (!pre || atEnd)) tail.scrollTop = tail.scrollHeight;
      showTimes(made);
    }
    order(false);
  }
  function lost(is) { const band = $("lost"); if (band) band.hidden = !is; }
  function connect() {
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live?${live}`);
    socket.onopen = () => { wait = 500; lost(false); socket.send(JSON.stringify({ known: known() })); root.dataset.live = "on"; };
    socket.onmessage = (event) => take(JSON.parse(event.data));
    socket.onclose = (event) => {
      root.dataset.live = "off";
      if (leaving) return;
      if (event.code === 4403) { location.reload(); return; }
      if (event.code === 4401) { location.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`; return; }
      lost(true);
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, 10000);
    };
  }
  if (live) {
    connect();
    setInterval(() => order(false), 1000);
    addEventListener("pagehide", () => { leaving = true; socket.close(); });
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }

  // Deeds

  let hiding = 0;
  function toast(sentence, undoable) {
    const box = document.createElement("div");
    box.append(sentence);
    if (undoable) {
      const button = document.createElement("button");
      button.className = "act small";
      button.textContent = "Undo";
      button.onclick = async () => { const [good, said] = await ask("operation.undo", {}); toast(good ? "Taken back." : said); };
      box.append(button);
    }
    $("toast").replaceChildren(box);
    clearTimeout(hiding);
    hiding = setTimeout(hide, 10000);
  }
  function hide() {
    // Who is about to use it has the time that takes.
    const box = $("toast");
    if (box.matches(":hover") || box.contains(document.activeElement)) hiding = setTimeout(hide, 1000);
    else box.replaceChildren();
  }
  async function ask(operation, given) {
    try {
      const answer = await fetch(`/api/op/${operation}`, {
        method: "POST", body: JSON.stringify(given),
        headers: { "Content-Type": "application/json", "X-AF-CSRF": root.dataset.csrf },
      });
      const said = await answer.json();
      if (answer.ok) return [true, said];
      return [false, [said.error.sentence, said.error.hint].filter(Boolean).join(" ")];
    } catch (error) {
      return [false, "The server does not answer. Nothing was changed."];
    }
  }
  const asking = new WeakSet();
  document.addEventListener("submit", async (event) => {
    const form = event.target, action = form.getAttribute("action") || "";
    const field = form.elements.arguments;
    if (!live || !action.startsWith("/do/") || !field || form.dataset.whole !== undefined) return;
    event.preventDefault();
    // A button that is switched off loses the focus: a second press is only not heard.
    if (asking.has(form)) return;
    asking.add(form);
    const button = form.querySelector("button"), word = button.textContent.trim(), undo = button.dataset.undo;
    const [good, said] = await ask(action.slice(4), JSON.parse(field.value));
    asking.delete(form);
    toast(good ? `${word}: done.` : said, good && undo);
  });

  const everything = $("all");
  if (everything) {
    everything.parentElement.hidden = false;
    everything.addEventListener("change", () => { for (const one of document.querySelectorAll("input[name=names]:enabled")) one.checked = everything.checked; });
  }
  document.addEventListener("click", (event) => {
    for (const one of document.querySelectorAll("details.modes[open]")) if (!one.contains(event.target)) one.open = false;
  });

  const slide = $("slide");
  if (slide) {
    const label = slide.parentElement.firstChild, words = label.data;
    slide.form.querySelector("button").hidden = true;
    slide.addEventListener("input", () => { label.data = new Date(slide.value * 1000).toLocaleString(); });
    slide.addEventListener("change", () => slide.form.submit());
    slide.addEventListener("blur", () => { label.data = words; });
  }

  // Keys

  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches && event.target.matches("input,select,textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); $("find").focus(); }
    if (event.key === "Escape" && typing) event.target.blur();
    else if (event.key === "Escape") { const cancel = document.querySelector(".ask .acts a.first"); if (cancel) cancel.click(); }
    if (event.key === "Escape") for (const one of document.querySelectorAll("details.modes[open]")) { one.open = false; one.firstElementChild.focus(); }
    if (event.key === "F5" && sortButton && !sortButton.hidden) { event.preventDefault(); order(true); }
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !typing) {
      const link = document.activeElement.closest && document.activeElement.closest("[data-rows] tr");
      const next = link && (event.key === "ArrowDown" ? link.nextElementSibling : link.previousElementSibling);
      const target = next && next.querySelector("a");
      if (target) { event.preventDefault(); target.focus(); }
    }
  });

  // Charts: the picture made by the server stays where anything goes wrong

  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  function drawAll() { for (const holder of document.querySelectorAll("[data-chart]")) draw(holder); }
  async function draw(holder) {
    if (!window.uPlot) return;
    try {
      const found = holder.chart || (holder.chart = await (await fetch(holder.dataset.chart, { headers: { Accept: "application/json" } })).json());
      if (found.kind !== "time" || found.times.length < 2) return;
      const ink = colour("text3"), grid = { stroke: colour("line1"), width: 1 };
      // As many digits as it takes that no two marks of an axis read alike: 0.05 and 0.1, 1.25K and 1.5K.
      function format(value, step) {
        const unit = Math.abs(value) >= 1000 ? 10 ** (3 * Math.floor(Math.log10(Math.abs(value)) / 3)) : 1;
        const digits = Math.max(0, Math.min(4, 1 + Math.ceil(-Math.log10(step / unit) - 1e-9)));
        return new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: digits }).format(value);
      }
      const old = holder.querySelector(".uplot");
      const series = found.series.map((one) => ({
        label: one.name, stroke: colour(one.ink), width: 1.5, points: { show: one.values.filter((value) => value != null).length < (found.series.length === 1 ? 40 : 3) },
        fill: found.series.length < 3 ? colour(one.ink) + "33" : undefined,
        paths: found.steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
        value: (self, value) => (value == null ? "—" : new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 }).format(value)),
      }));
      const chart = new uPlot({
        width: Math.max(260, holder.clientWidth - 32), height: found.height || 260, cursor: { sync: { key: "time" }, drag: { x: true, y: false } },
        scales: { y: { range: (self, least, most) => [0, found.top || (most > 0 ? most * 1.05 : 1)] } },
        axes: [
          { stroke: ink, grid, ticks: grid, space: 80, values: (self, values, axis, space, step) => values.map((value) => (step >= 86400
            ? new Date(value * 1000).toLocaleDateString([], { day: "numeric", month: "short" })
            : new Date(value * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }))) },
          { stroke: ink, grid, ticks: grid, size: 56, values: (self, values, axis, space, step) => values.map((value) => format(value, step)), label: found.unit, labelSize: 18 },
        ],
        series: [{ value: (self, value) => (value == null ? "—" : new Date(value * 1000).toLocaleString()) }, ...series],
      }, [found.times, ...found.series.map((one) => one.values)]);
      if (old) old.remove();
      const picture = holder.querySelector("picture");
      if (picture) picture.hidden = true;
      holder.prepend(chart.root);
      holder.dataset.drawn = "yes";
      holder.live = chart;
    } catch (error) {
      holder.dataset.drawn = "no";
    }
  }
  let resized = 0;
  addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(drawAll, 150); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

  showTimes(document);
  drawAll();
})();
