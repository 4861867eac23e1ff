"use strict";
// Values at the pointer on all charts together, zoom, and a legend that switches. The page
// tells everything without it.
(() => {
  const $ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const tools = document.querySelector(".tools");
  const whole = { low: +tools.dataset.low, high: +tools.dataset.high };
  let view = { ...whole };
  const charts = $("figure.chart").map((figure) => ({
    figure,
    plot: figure.querySelector(".plot"),
    area: figure.querySelector(".plot > .area"),
    svg: figure.querySelector("svg"),
    xs: figure.querySelector(".xs"),
    lines: $("path[data-line]", figure).map((path) => ({
      path,
      output: figure.querySelector(`[data-key="${path.dataset.line}"] output`),
    })),
  }));

  // Words of figures, as the rest of the page has them.
  const group = (text) => text.replace(/^(-?\d+)/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));
  const round = (value) => {
    const text = value.toFixed(Math.abs(value) >= 100 ? 0 : 2);
    return group(text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  };
  const bytes = (value) => {
    for (const [scale, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
      if (Math.abs(value) >= scale) return round(value / scale) + unit;
    }
    return round(value) + "B";
  };
  const units = {
    count: round,
    bytes,
    seconds: (value) => {
      const size = Math.abs(value);
      return size < 1e-3 ? round(value * 1e6) + "µs" : size < 1 ? round(value * 1e3) + "ms" : round(value) + "s";
    },
    share: (value) => round(value * 100) + "%",
    per_second: (value) => round(value) + "/s",
    bytes_per_second: (value) => bytes(value) + "/s",
  };
  const moment = (seconds, places) => {
    const sign = seconds < 0 ? "-" : "";
    let rest = Math.abs(+seconds.toFixed(places));
    if (rest < 60) return sign + +rest.toFixed(places) + "s";
    const hours = Math.floor(rest / 3600);
    const minutes = Math.floor((rest % 3600) / 60);
    rest = +(rest % 60).toFixed(places);
    const tail = rest > 0 ? String(rest).padStart(2, "0") + "s" : "";
    return hours > 0 ? `${sign}${hours}h${String(minutes).padStart(2, "0")}m${places > 0 || tail ? tail : ""}` : `${sign}${minutes}m${tail}`;
  };

  // The values of a line: read from its path when they are first asked for.
  const values = (line) => {
    if (line.runs) return line;
    const { v, width } = line.path.dataset;
    line.stairs = v ? { width: +width, v: v.split(" ").map(Number) } : null;
    line.runs = [];
    if (!v) {
      for (const run of line.path.getAttribute("d").split("M").slice(1)) {
        line.runs.push(run.replace("h0", "").split("L").map((pair) => pair.split(" ").map(Number)));
      }
    }
    return line;
  };
  const valueAt = (line, at) => {
    const { stairs, runs } = values(line);
    if (stairs) return stairs.v[Math.floor(at / stairs.width)];
    for (const run of runs) {
      const [first, last] = [run[0][0], run[run.length - 1][0]];
      if (at < first - 1 || at > last + 1) continue;
      let [low, high] = [0, run.length - 1];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (run[middle][0] < at) low = middle + 1;
        else high = middle;
      }
      const near = low > 0 && at - run[low - 1][0] < run[low][0] - at ? low - 1 : low;
      // Nobody knows what was long before a stretch or behind it.
      if (at >= first && at <= last) return run[near][1];
      if (Math.abs(run[near][0] - at) <= (view.high - view.low) / 100) return run[near][1];
    }
    return undefined;
  };

  let cursor = null;
  const show = (at, source) => {
    cursor = at;
    for (const chart of charts) {
      if (!chart.line) {
        chart.line = document.createElement("i");
        chart.line.className = "cursor";
        chart.area.append(chart.line);
      }
      const hidden = at === null || at < view.low || at > view.high;
      chart.line.hidden = hidden;
      if (!hidden) chart.line.style.left = `${((at - view.low) / (view.high - view.low)) * 100}%`;
      const unit = units[chart.figure.dataset.unit] ?? round;
      for (const line of chart.lines) {
        if (!line.output) continue;
        let value = at === null ? undefined : valueAt(line, at);
        if (value !== undefined && chart.figure.hasAttribute("data-log") && !line.path.dataset.v) value = 10 ** value;
        line.output.textContent = at === null ? "" : !Number.isFinite(value) ? " –" : " " + unit(value);
      }
    }
    const places = view.high - view.low > 60 ? 1 : view.high - view.low > 2 ? 2 : 3;
    const output = tools.querySelector("output");
    output.textContent = at === null ? window_() : `at ${moment(at, places)}`;
    if (source && at !== null) {
      const told = source.lines.filter((line) => line.output).map((line) => line.output.parentElement.textContent);
      output.title = told.join("; ");
    }
  };
  const isZoomed = () => view.low !== whole.low || view.high !== whole.high;
  const window_ = () => (isZoomed() ? `${moment(view.low, 2)} to ${moment(view.high, 2)}` : "");

  // Ticks at round moments.
  const steps = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
    7200, 14400, 21600, 43200, 86400,
  ];
  const draw = () => {
    const length = view.high - view.low;
    const percent = (at) => ((at - view.low) / length) * 100;
    const step = steps.find((step) => length / step <= 6) ?? length / 6;
    const places = step < 0.01 ? 3 : step < 0.1 ? 2 : step < 1 ? 1 : 0;
    const ticks = [];
    for (let n = Math.ceil(view.low / step - 1e-9); n * step <= view.high + step * 1e-9; n += 1) ticks.push(n * step);
    for (const chart of charts) {
      chart.svg.setAttribute("viewBox", `${view.low} 0 ${length} 1000`);
      chart.xs.replaceChildren(
        ...ticks.map((tick) => {
          const span = document.createElement("span");
          span.style.left = `${percent(tick)}%`;
          span.textContent = moment(tick, places);
          return span;
        }),
      );
    }
    for (const placed of $("[data-from]")) {
      const [from, to] = [+placed.dataset.from, +placed.dataset.to];
      const [left, right] = [Math.max(0, percent(from)), Math.min(100, percent(to))];
      placed.hidden = to < view.low || from > view.high;
      placed.style.left = `${left}%`;
      placed.style.width = `${Math.max(0, right - left)}%`;
    }
    tools.querySelector(".reset").hidden = !isZoomed();
    show(cursor);
  };
  const zoom = (low, high) => {
    const least = Math.max(0.02, (whole.high - whole.low) / 20000);
    if (high - low < least) {
      const middle = (low + high) / 2;
      [low, high] = [middle - least / 2, middle + least / 2];
    }
    view = { low: Math.max(whole.low, low), high: Math.min(whole.high, high) };
    draw();
  };
  const by = (factor, around) => {
    const middle = around ?? (view.low + view.high) / 2;
    zoom(middle - (middle - view.low) * factor, middle + (view.high - middle) * factor);
  };
  const pan = (share) => {
    const length = view.high - view.low;
    const low = Math.min(Math.max(whole.low, view.low + length * share), whole.high - length);
    zoom(low, low + length);
  };
  const all = () => zoom(whole.low, whole.high);

  for (const chart of charts) {
    const timeAt = (event) => {
      const box = chart.area.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      return view.low + Math.min(1, Math.max(0, share)) * (view.high - view.low);
    };
    let begun = null;
    let brush = null;
    chart.area.addEventListener("pointermove", (event) => {
      const at = timeAt(event);
      show(at, chart);
      if (begun === null || event.pointerType === "touch") return;
      if (!brush) {
        brush = document.createElement("i");
        brush.className = "brush";
        chart.area.append(brush);
      }
      const [from, to] = [Math.min(begun, at), Math.max(begun, at)];
      const percent = (at) => ((at - view.low) / (view.high - view.low)) * 100;
      brush.style.left = `${percent(from)}%`;
      brush.style.width = `${percent(to) - percent(from)}%`;
    });
    chart.area.addEventListener("pointerleave", () => {
      if (begun === null && document.activeElement !== chart.plot) show(null);
    });
    chart.area.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.target.closest("button")) return;
      begun = timeAt(event);
      if (event.pointerType !== "touch") chart.area.setPointerCapture(event.pointerId);
    });
    const end = (event) => {
      const from = begun;
      begun = null;
      if (!brush) return;
      brush.remove();
      brush = null;
      const to = timeAt(event);
      if (from !== null && Math.abs(to - from) > (view.high - view.low) / 100) {
        zoom(Math.min(from, to), Math.max(from, to));
      }
    };
    chart.area.addEventListener("pointerup", end);
    chart.area.addEventListener("pointercancel", end);
    chart.area.addEventListener("dblclick", all);
    chart.plot.addEventListener("keydown", (event) => {
      if (event.target !== chart.plot || event.ctrlKey || event.metaKey || event.altKey) return;
      const step = ((view.high - view.low) / 100) * (event.shiftKey ? 10 : 1);
      const at = cursor ?? (view.low + view.high) / 2;
      const keys = {
        ArrowLeft: () => show(Math.max(view.low, at - step), chart),
        ArrowRight: () => show(Math.min(view.high, at + step), chart),
        Home: () => show(view.low, chart),
        End: () => show(view.high, chart),
        "+": () => by(0.5, at),
        "=": () => by(0.5, at),
        "-": () => by(2, at),
        "[": () => pan(-0.25),
        "]": () => pan(0.25),
        0: all,
        Escape: () => (isZoomed() ? all() : show(null)),
      };
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
    chart.plot.addEventListener("blur", (event) => {
      if (!event.relatedTarget?.closest("figure.chart")) show(null);
    });
    chart.plot.title = "Drag to zoom, double-click for all. Keys: ← → move, + - zoom, [ ] pan, 0 all.";
    for (const key of $("button[data-key]", chart.figure)) {
      key.addEventListener("click", (event) => {
        const paths = chart.lines.map((line) => line.path);
        const own = paths.filter((path) => path.dataset.line === key.dataset.key);
        const keys = $("button[data-key]", chart.figure);
        if (event.shiftKey) {
          // Only this one, or all again.
          const alone = keys.every((other) => (other === key) === (other.getAttribute("aria-pressed") === "true"));
          keys.forEach((other) => other.setAttribute("aria-pressed", String(alone || other === key)));
          paths.forEach((path) => path.classList.toggle("off", !alone && !own.includes(path)));
          return;
        }
        const on = key.getAttribute("aria-pressed") !== "true";
        key.setAttribute("aria-pressed", String(on));
        own.forEach((path) => path.classList.toggle("off", !on));
      });
    }
  }
  for (const phase of $(".phases button")) {
    phase.addEventListener("click", () => {
      const [from, to] = [+phase.dataset.from, +phase.dataset.to];
      if (view.low === from && view.high === to) all();
      else zoom(from, to);
    });
  }
  tools.querySelector(".reset").addEventListener("click", all);
  for (const button of $("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
      }
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
  }
  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    for (let box = target && target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  };
  addEventListener("hashchange", open);
  open();
  document.documentElement.classList.add("scripted");
  tools.hidden = false;
  draw();
})();
