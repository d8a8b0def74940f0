// Times in the zone of whoever looks, charts, and small comforts. Every page works without it.
"use strict";

(() => {
  const root = document.documentElement;
  const language = root.lang === "zh-Hans" ? "zh-CN" : "en-GB";
  const chosen = root.dataset.zone;
  const zone = chosen && chosen !== "browser" ? chosen : Intl.DateTimeFormat().resolvedOptions().timeZone;
  const FORMS = {
    day: { year: "numeric", month: language === "zh-CN" ? "long" : "short", day: "numeric" },
    minute: {
      year: "numeric", month: language === "zh-CN" ? "long" : "short", day: "numeric",
      hour: "2-digit", minute: "2-digit", hourCycle: "h23",
    },
  };

  function written(date, form) {
    return new Intl.DateTimeFormat(language, { ...FORMS[form], timeZone: zone }).format(date);
  }

  function setTimes(within) {
    for (const time of within.querySelectorAll("time[data-form]")) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      if (time.dataset.form === "title") time.title = written(date, "minute");
      else {
        time.title = time.dateTime;
        time.textContent = written(date, time.dataset.form);
      }
    }
    for (const place of within.querySelectorAll("[data-zone-name]")) place.textContent = zone;
  }

  // ------------------------------------------------------------------------------------------------------ charts

  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

  /** A colour of the style as a plain one: what `light-dark()` means right now. */
  function plain(name, within) {
    const probe = document.createElement("i");
    probe.className = `tone-${name}`;
    within.append(probe);
    const seen = getComputedStyle(probe).color;
    probe.remove();
    return seen;
  }

  const rem = () => parseFloat(getComputedStyle(root).fontSize);

  const faded = (seen, part) => seen.replace(/^rgb\((.*)\)$/, `rgba($1, ${part})`);

  function markers(list, ink, sheet) {
    return (chart) => {
      const { ctx, bbox } = chart;
      ctx.save();
      ctx.strokeStyle = ink;
      ctx.fillStyle = ink;
      const size = 0.72 * rem() * devicePixelRatio;
      ctx.font = `${size}px Inter, sans-serif`;
      ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
      list.forEach((marker, number) => {
        const x = chart.valToPos(marker.at, "x", true);
        if (x < bbox.left || x > bbox.left + bbox.width) return;
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        const wide = ctx.measureText(marker.label).width;
        const left = x + wide + 12 > bbox.left + bbox.width;
        const at = x + (left ? -6 : 6) * devicePixelRatio, y = bbox.top + size * (1.1 + 1.5 * (number % 3));
        ctx.textAlign = left ? "right" : "left";
        ctx.fillStyle = sheet;
        ctx.fillRect(left ? at - wide - 3 : at - 3, y - size, wide + 6, size * 1.35);
        ctx.fillStyle = ink;
        ctx.fillText(marker.label, at, y);
      });
      ctx.restore();
    };
  }

  function stacked(data, series) {
    const below = data[0].map(() => 0);
    return [data[0], ...series.map((_, place) => data[place + 1].map((value, at) => (below[at] += value ?? 0)))];
  }

  function draw(figure) {
    const told = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    const place = figure.querySelector(".plot");
    const ink = plain("quiet", figure), grid = plain("line", figure), sheet = plain("sheet", figure);
    const data = told.stacked ? stacked(told.data, told.series) : told.data;
    const tones = told.series.map((one) => plain(one.tone, figure));
    const size = () => ({ width: Math.max(200, place.clientWidth), height: Math.round((told.height || 240) * rem() / 15) });
    const head = told.markers?.length ? 1.4 : 1.12;
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font: `${0.8 * rem()}px Inter, sans-serif` };
    const series = told.series.map((one, number) => ({
      label: one.label,
      stroke: tones[number],
      width: one.kind === "bars" ? 0 : 2,
      dash: one.dash ? [6, 5] : undefined,
      points: { show: told.data[0].length < 3 },
      fill: one.kind === "line" ? undefined : faded(tones[number], one.kind === "bars" ? 0.85 : told.stacked ? 0.75 : 0.13),
      paths: one.kind === "bars" ? uPlot.paths.bars({ size: [0.62, 46], radius: 0.12 }) : undefined,
      value: (chart, value, index, at) => (at === null || at === undefined ? "–" : String(told.data[number + 1][at] ?? "–")),
    }));
    const bands = told.stacked ? told.series.slice(1).map((_, number) => ({ series: [number + 2, number + 1] })) : [];
    const last = told.data[0].findLastIndex((at, index) => told.data[1][index] !== null);
    // Where nobody points, the legend tells the newest figures.
    const newest = (chart) => {
      const tell = () => setTimeout(() => chart.setLegend({ idx: last }), 0);
      chart.over.addEventListener("mouseleave", tell);
      tell();
    };
    place.replaceChildren();
    return new uPlot({
      ...size(),
      tzDate: (stamp) => uPlot.tzDate(new Date(stamp * 1e3), zone),
      scales: { x: { time: true }, y: { range: (chart, low, high) => [0, Math.max(4, Math.ceil((high || 1) * head))] } },
      axes: [
        { ...axis, values: (chart, stamps) => stamps.map((at) => new Intl.DateTimeFormat(language, { month: "short", day: "numeric", timeZone: zone }).format(new Date(at * 1e3))), space: 4.6 * rem(), incrs: [86400, 2 * 86400, 7 * 86400, 14 * 86400, 28 * 86400, 91 * 86400] },
        { ...axis, size: 3.2 * rem(), incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5] },
      ],
      series: [{ label: told.when, value: (chart, at) => (at === null ? "–" : written(new Date(at * 1e3), "day")) }, ...series],
      bands,
      cursor: { drag: { x: false, y: false }, points: { size: 7 } },
      legend: { live: true },
      hooks: { draw: [markers(told.markers || [], ink, sheet)], ready: [newest] },
    }, data, place);
  }

  const drawn = new Map();

  function drawAll() {
    for (const figure of document.querySelectorAll("figure.chart")) {
      drawn.get(figure)?.destroy();
      drawn.set(figure, draw(figure));
    }
  }

  function resize() {
    for (const [figure, chart] of drawn) {
      const wide = figure.querySelector(".plot").clientWidth;
      if (wide > 0) chart.setSize({ width: wide, height: chart.height });
    }
  }

  // --------------------------------------------------------------------------------------------------- comforts

  function ticks(within) {
    for (const box of within.querySelectorAll("input[data-tick-all]")) {
      box.hidden = false;
      box.addEventListener("change", () => {
        for (const one of box.closest("form").querySelectorAll(`input[name="${box.dataset.tickAll}"]`)) one.checked = box.checked;
      });
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    root.classList.add("scripted");
    setTimes(document);
    ticks(document);
    document.querySelector("nav.main [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
    for (const choice of document.querySelectorAll("select[data-go]")) choice.addEventListener("change", () => choice.form.requestSubmit());
    if (typeof uPlot !== "undefined") {
      drawAll();
      addEventListener("resize", resize);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
    }
  });
  document.addEventListener("htmx:load", (event) => { setTimes(event.target); ticks(event.target); });
})();
