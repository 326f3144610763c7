"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 100;
  const PRINTED = 2000;
  const make = (tag, text, attributes = {}) => {
    const element = document.createElement(tag);
    if (text !== undefined && text !== null) element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const pad = (number) => String(number).padStart(2, "0");
  const time = (seconds, short) => {
    const at = new Date(seconds * 1000);
    const day = `${at.getUTCFullYear()}-${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())}`;
    return short ? day : `${day} ${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}:${pad(at.getUTCSeconds())}Z`;
  };
  const grouped = (number) => number.toLocaleString("en-US");

  const WORDS = new Set(["status", "received", "state", "captured_from", "reason"]);

  class Column {
    constructor(given) {
      Object.assign(this, given);
      if (this.kind === "text") {
        this.lower = this.texts.map((text) => (text === null ? "" : text.toLowerCase()));
        const order = this.texts.map((_, code) => code);
        order.sort((a, b) => (this.lower[a] < this.lower[b] ? -1 : this.lower[a] > this.lower[b] ? 1 : 0));
        this.rank = new Int32Array(order.length);
        order.forEach((code, place) => { this.rank[code] = place; });
      }
    }
    raw(row) {
      if (this.kind !== "text") return this.values[row];
      const code = this.codes[row];
      return code < 0 ? null : this.texts[code];
    }
    shown(row) {
      const value = this.raw(row);
      if (value === null) return this.table === "trend" ? "\u2013" : "";
      if (this.kind === "time") return time(value);
      return this.kind === "number" ? grouped(value) : this.words(value);
    }
    words(text) {
      if (this.name === "credential" && text === "user") return "-";
      return WORDS.has(this.name) ? text.replaceAll("_", " ") : text;
    }
    key(row) {
      if (this.kind !== "text") return this.values[row];
      const code = this.codes[row];
      return code < 0 ? null : this.rank[code];
    }
    matches(needle) {
      const hits = new Uint8Array(this.texts.length + 1);
      this.lower.forEach((text, code) => { if (text.includes(needle)) hits[code] = 1; });
      return (row) => hits[this.codes[row] < 0 ? this.texts.length : this.codes[row]] === 1;
    }
  }

  class Table {
    constructor(section) {
      this.name = section.dataset.table;
      const given = data.tables[this.name];
      this.section = section;
      this.count = given.count;
      this.columns = given.columns.map((column) => new Column({ ...column, table: this.name }));
      this.byName = Object.fromEntries(this.columns.map((column) => [column.name, column]));
      this.visible = section.dataset.columns.split(" ").map((name) => this.byName[name]).filter(Boolean);
      this.chosen = new Map();
      this.needle = "";
      this.sorted = null;
      this.shown = PAGE;
      this.build();
    }
    build() {
      const controls = make("div", null, { class: "controls" });
      const label = make("label", "Search ");
      this.search = make("input", null, { type: "search", id: `${this.name}-search` });
      this.search.addEventListener("input", () => {
        clearTimeout(this.waiting);
        this.waiting = setTimeout(() => { this.needle = this.search.value.trim().toLowerCase(); this.again(); }, 150);
      });
      label.append(this.search);
      controls.append(label);
      this.selects = new Map();
      for (const column of this.columns.filter((one) => one.filter)) {
        const texts = [...new Set(column.codes)].filter((code) => code >= 0).sort((a, b) => column.rank[a] - column.rank[b]);
        const some = column.codes.some((code) => code < 0);
        if (texts.length + some < 2) continue;
        const field = make("label", `${column.label} `);
        const select = make("select");
        select.append(make("option", "all", { value: "" }));
        for (const code of texts) select.append(make("option", column.words(column.texts[code]), { value: column.texts[code] }));
        if (some) select.append(make("option", "(none)", { value: "\u0000" }));
        select.addEventListener("change", () => { this.choose(column.name, select.value === "" ? [] : [select.value]); });
        field.append(select);
        controls.append(field);
        this.selects.set(column.name, select);
      }
      const reset = make("button", "Show all", { type: "button" });
      reset.addEventListener("click", () => { this.apply(new URLSearchParams()); });
      controls.append(reset);
      this.status = make("p", "", { class: "count", role: "status" });
      const frame = make("div", null, { class: "frame", tabindex: "0", role: "region", "aria-label": this.section.dataset.label });
      const table = make("table");
      table.append(make("caption", this.section.dataset.label));
      const head = make("tr");
      if (this.unfolds) head.append(make("th", "", { class: "fold" }));
      this.heads = this.visible.map((column) => {
        const cell = make("th", null, { scope: "col", class: column.kind });
        const button = make("button", this.located(column) ? "source:line" : column.label, { type: "button" });
        button.addEventListener("click", () => this.sort(column));
        cell.append(button);
        head.append(cell);
        return cell;
      });
      const top = make("thead");
      top.append(head);
      this.body = make("tbody");
      table.append(top, this.body);
      frame.append(table);
      this.more = make("button", "Show more", { type: "button", class: "more" });
      this.more.addEventListener("click", () => { this.shown += PAGE * 5; this.draw(); });
      this.section.append(controls, this.status, frame, this.more);
      this.again();
    }
    located(column) { return column.name === "source" && this.unfolds; }
    cell(column, row) {
      if (column.name === "status" && this.byName.by_hand && this.byName.by_hand.raw(row) === "yes") return "manual check";
      const text = column.shown(row);
      return this.located(column) && this.byName.line.raw(row) !== null ? `${text}:${this.byName.line.raw(row)}` : text;
    }
    linked(column, row) {
      const links = this.byName[`href:${column.name}`];
      const href = links ? links.raw(row) : null;
      const cell = make("td", href ? null : this.cell(column, row), { class: `${column.kind} of-${column.name}` });
      if (href && href.startsWith("#")) cell.append(make("a", this.cell(column, row), { href }));
      return cell;
    }
    print(printing) {
      if (this.rows.length <= this.shown && !this.onScreen) return;
      if (printing) this.onScreen = this.shown;
      this.shown = printing ? Math.max(this.shown, PRINTED) : this.onScreen;
      if (!printing) this.onScreen = 0;
      this.draw();
    }
    get unfolds() { return this.name === "findings" || this.name === "users"; }
    choose(name, values) {
      if (values.length) this.chosen.set(name, values); else this.chosen.delete(name);
      this.again();
    }
    apply(wanted) {
      this.chosen.clear();
      this.sorted = null;
      this.needle = (wanted.get("search") || "").toLowerCase();
      this.search.value = wanted.get("search") || "";
      for (const name of new Set(wanted.keys())) if (this.byName[name]) this.chosen.set(name, wanted.getAll(name).map((one) => (one === "-" ? "\u0000" : one)));
      this.again();
    }
    sort(column) {
      this.sorted = this.sorted && this.sorted.column === column ? { column, down: !this.sorted.down } : { column, down: column.kind !== "text" };
      this.again();
    }
    again() {
      for (const [name, select] of this.selects) {
        const values = this.chosen.get(name) || [];
        select.value = values.length === 1 ? values[0] : "";
      }
      const tests = [];
      for (const [name, values] of this.chosen) {
        const column = this.byName[name];
        if (column.kind === "text") {
          const codes = new Set(values.map((value) => (value === "\u0000" ? -1 : column.texts.indexOf(value))));
          tests.push((row) => codes.has(column.codes[row]));
        } else if (values[0] === ">0") tests.push((row) => column.values[row] > 0);
      }
      if (this.needle) {
        const searched = this.columns.filter((column) => column.kind === "text" && !/^(cell|href):/.test(column.name));
        const some = searched.map((column) => column.matches(this.needle));
        tests.push((row) => some.some((test) => test(row)));
      }
      const rows = [];
      for (let row = 0; row < this.count; row += 1) if (tests.every((test) => test(row))) rows.push(row);
      if (this.sorted) {
        const { column, down } = this.sorted;
        const keys = rows.map((row) => column.key(row));
        const order = rows.map((_, place) => place);
        order.sort((a, b) => {
          if (keys[a] === keys[b]) return a - b;
          if (keys[a] === null) return 1;
          if (keys[b] === null) return -1;
          return (keys[a] < keys[b] ? -1 : 1) * (down ? -1 : 1);
        });
        this.rows = order.map((place) => rows[place]);
      } else this.rows = rows;
      this.shown = PAGE;
      this.draw();
    }
    draw() {
      this.visible.forEach((column, place) => {
        const direction = this.sorted && this.sorted.column === column ? (this.sorted.down ? "descending" : "ascending") : "none";
        this.heads[place].setAttribute("aria-sort", direction);
      });
      const fragment = document.createDocumentFragment();
      for (const row of this.rows.slice(0, this.shown)) fragment.append(this.line(row));
      this.body.replaceChildren(fragment);
      const part = this.rows.length > this.shown ? `; the first ${grouped(this.shown)} are shown` : "";
      this.status.textContent = `${grouped(this.rows.length)} of ${grouped(this.count)} rows${part}`;
      this.more.hidden = this.rows.length <= this.shown;
    }
    line(row) {
      const line = make("tr");
      const status = this.byName.status ? this.byName.status.raw(row) : null;
      if (status) line.className = this.byName.by_hand && this.byName.by_hand.raw(row) === "yes" ? "is-by_hand" : `is-${status}`;
      if (this.unfolds) {
        const cell = make("td", null, { class: "fold" });
        const button = make("button", "+", { type: "button", "aria-expanded": "false", "aria-label": "Show the evidence" });
        button.addEventListener("click", () => this.unfold(row, line, button));
        cell.append(button);
        line.append(cell);
      }
      for (const column of this.visible) line.append(this.linked(column, row));
      return line;
    }
    unfold(row, line, button) {
      const open = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!open));
      button.textContent = open ? "+" : "\u2212";
      if (open) { line.nextSibling.remove(); return; }
      const detail = make("tr", null, { class: "detail" });
      const cell = make("td", null, { colspan: String(this.visible.length + 1) });
      cell.append(...(this.name === "findings" ? ofFinding(this, row) : ofUser(this, row)));
      detail.append(cell);
      line.after(detail);
    }
  }

  const pairs = (rows) => {
    const list = make("dl");
    for (const [name, value] of rows) if (value !== null && value !== undefined && value !== "") list.append(make("dt", name), make("dd", value));
    return list;
  };
  const captured = (source) => {
    const inputs = tables.inputs;
    if (!inputs || source === null) return "";
    if (!inputs.places) inputs.places = new Map(Array.from({ length: inputs.count }, (_, row) => [inputs.byName.name.raw(row), row]));
    const row = inputs.places.get(source);
    if (row === undefined) return "";
    const [at, from] = [inputs.byName.captured_at.shown(row), inputs.byName.captured_from.shown(row)];
    return at === "" ? "unknown" : `${at} (${from})`;
  };
  const cells = (users, row) => pairs(users.columns.filter((column) => column.name.startsWith("cell:")).map((column) => [column.label, column.shown(row) || "(no value)"]));

  function ofFinding(table, row) {
    const value = (name) => (table.byName[name] ? table.byName[name].raw(row) : null);
    const shown = (name) => (table.byName[name] ? table.byName[name].shown(row) : "");
    const control = data.controls[value("control")] || {};
    const days = value("idle_days") === null ? value("age_days") : value("idle_days");
    const parts = [];
    if (days !== null && value("basis_time") !== null) {
      const limit = value("limit_days") === null ? "" : `; limit ${value("limit_days")}: ${value("status").replace("_", " ")}`;
      parts.push(make("p", `${time(value("as_of"), true)} \u2212 ${time(value("basis_time"), true)} = ${grouped(days)} ${days === 1 ? "day" : "days"}${limit}`, { class: "sum" }));
    }
    parts.push(pairs([
      ["report", `${shown("source")}${value("line") === null ? "" : `:${value("line")}`}`],
      ["captured", captured(value("source"))],
      ["why", shown("message")], ["counted from", `${shown("basis")} ${shown("basis_time")}`.trim()],
      ["reference date", shown("as_of")], ["passes until", shown("fails_at")], ["waiver", shown("waiver")],
      ["ARN", shown("arn")], ["control", control.title], ["fails when", control.fails_when],
      ["remediation", value("status") === "fail" ? control.remediation : null],
    ]));
    const at = value("row");
    if (at !== null && data.tables.users) {
      parts.push(make("h4", "Row of the report"), cells(tables.users, at));
    }
    return parts;
  }
  function ofUser(table, row) {
    const value = (name) => table.byName[name].shown(row);
    return [pairs([["report", `${value("source")}:${table.byName.line.raw(row)}`], ["captured", captured(table.byName.source.raw(row))], ["ARN", value("arn")]]), make("h4", "Row of the report"), cells(table, row)];
  }

  // A spreadsheet reads a pasted cell that begins with one of these characters as a formula. An apostrophe makes it text.
  document.addEventListener("copy", (event) => {
    const text = String(getSelection());
    const marked = text.replace(/(^|[\n\t])(?=\s*[=+\-@])/g, "$1'");
    if (marked === text) return;
    event.clipboardData.setData("text/plain", marked);
    event.preventDefault();
  });

  const tables = {};
  for (const section of document.querySelectorAll("[data-table]")) tables[section.dataset.table] = new Table(section);

  const go = () => {
    const [name, query] = decodeURI(location.hash.slice(1)).split("?");
    const table = tables[name];
    if (!table) return;
    table.apply(new URLSearchParams(query || ""));
    table.section.closest("section").scrollIntoView();
  };
  window.addEventListener("hashchange", go);
  for (const [event, printing] of [["beforeprint", true], ["afterprint", false]]) {
    window.addEventListener(event, () => { for (const table of Object.values(tables)) table.print(printing); });
  }
  if (location.hash) go();
  document.documentElement.classList.add("ready");
})();
