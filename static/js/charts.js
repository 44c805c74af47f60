// charts.js: draws each <figure class="chart"> with uPlot (a classic script loaded before this one) from its JSON block:
//   { zone, unit, currency, group, times: [s…], series: [{ label, look, draw, values }], marks: [{ at, label }], room, bare }
// unit is count | ms | tokens | money (values are nano of the currency); draw is area | line | dash | bars; areas and bars are stacked in the order given. look is a class of components.css (c1, c-warn…),
// so that colours come from custom properties. The legend's <output>s become a readout under the pointer.
const { uPlot } = window;
const charts = new Set();

const probe = document.createElement("i");
probe.hidden = true;
document.body.append(probe);
const colour = (look, tint) => {
  probe.className = tint ? `${look} tint` : look;
  const style = getComputedStyle(probe);
  return tint ? style.backgroundColor : style.color;
};

const lang = document.documentElement.lang || "en", dates = lang.replace(/^en$/, "en-GB");
const short = new Intl.NumberFormat(lang, { notation: "compact", maximumFractionDigits: 1 });
const exact = new Intl.NumberFormat(lang, { maximumFractionDigits: 2 });
const units = {
  ms: (v, brief) => `${exact.format(v)}${brief ? "" : " ms"}`,
  money: (v, _brief, currency) => new Intl.NumberFormat(lang, { style: "currency", currency, maximumFractionDigits: v && v < 1e8 ? 6 : 2 }).format(v / 1e9),
  tokens: (v) => short.format(v),
  count: (v, brief) => (brief ? short : exact).format(v),
};
const stacked = (series) => series.draw === "area" || series.draw === "bars";

function draw(figure) {
  const data = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
  const plot = figure.querySelector(".plot");
  const outputs = [...figure.querySelectorAll(".legend output[data-series]")];
  const when = figure.querySelector(".legend .when");
  const resting = outputs.map((o) => o.textContent), restingWhen = when?.textContent;
  const unit = units[data.unit] ?? units.count, format = (v, brief) => unit(v, brief, data.currency);
  const font = getComputedStyle(plot).font;
  const at = (options) => { const f = new Intl.DateTimeFormat(dates, { timeZone: data.zone, ...options }); return (s) => f.format(s * 1000); };
  const weekday = at({ weekday: "short" }), date = at({ day: "numeric" }), hour = at({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const stamp = at({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

  // Sums for stacking; a band is filled between a sum and the one below it.
  const sums = [], bands = [];
  let below = null;
  data.series.forEach((s, i) => {
    if (!stacked(s)) return sums.push(s.values);
    sums.push(below === null ? s.values : s.values.map((v, k) => v + sums[below][k]));
    if (below !== null && s.draw === "area") bands.push({ series: [i + 1, below + 1] });
    below = i;
  });

  // Bars without a group stand alone: a line of paper lies between their parts. They, and charts that say room, get half a step at each end.
  const step = data.times[1] - data.times[0], apart = data.series.some((s) => s.draw === "bars") && !data.group, room = apart || data.room;

  // Sums are drawn from the highest down, so that each bar covers the one behind it.
  const order = data.series.map((_, i) => i).sort((a, b) => (stacked(data.series[b]) - stacked(data.series[a])) || (stacked(data.series[a]) ? b - a : a - b));
  const place = new Map(order.map((i, k) => [i + 1, k + 1]));
  const bars = uPlot.paths.bars({ size: [0.72, 28, 1] });
  const looks = order.map((i) => {
    const { look, draw: kind, width } = data.series[i];
    return {
      stroke: () => colour(kind === "bars" ? "c-paper" : look), width: kind === "bars" ? Number(apart) : width ?? 1.5, points: { show: false },
      fill: kind === "area" ? () => colour(look, true) : kind === "bars" ? () => colour(look) : undefined,
      dash: kind === "dash" ? [4, 4] : undefined, paths: kind === "bars" ? bars : undefined,
    };
  });

  const line = (u) => {
    const { ctx, bbox } = u, dpr = devicePixelRatio;
    ctx.save();
    for (const mark of data.marks ?? []) {
      const x = Math.round(u.valToPos(mark.at, "x", true));
      ctx.strokeStyle = colour("c-warn"); ctx.lineWidth = 1.5 * dpr; ctx.setLineDash([3 * dpr, 3 * dpr]);
      ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
      if (!mark.label) continue;
      ctx.setLineDash([]); ctx.fillStyle = ctx.strokeStyle;
      ctx.beginPath(); ctx.arc(x, bbox.top + 1 * dpr, 8 * dpr, 0, 7); ctx.fill();
      ctx.fillStyle = "#1d1608"; ctx.font = `650 ${11 * dpr}px ${getComputedStyle(plot).fontFamily}`; ctx.textAlign = "center"; ctx.textBaseline = "middle";
      ctx.fillText(mark.label, x, bbox.top + 1.5 * dpr);
    }
    ctx.restore();
  };

  const readout = (u) => {
    const k = u.cursor.idx, live = k != null && u.cursor.left >= 0;
    outputs.forEach((o, i) => { o.textContent = live ? format(data.series[o.dataset.series].values[k] ?? 0) : resting[i]; });
    if (when) when.textContent = live ? stamp(data.times[k]) : restingWhen;
  };

  const axis = { stroke: () => colour("quiet"), font, ticks: { show: false }, border: { show: false } };
  const u = new uPlot({
    width: plot.clientWidth, height: plot.clientHeight, padding: [data.marks?.some((m) => m.label) ? 10 : 6, 6, data.bare ? 7 : 0, 0], legend: { show: false },
    tzDate: (s) => uPlot.tzDate(new Date(s * 1000), data.zone),
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false }, sync: data.group ? { key: data.group } : undefined },
    scales: { x: { range: (_, low, high) => (room ? [low - step / 2, high + step / 2] : [low, high]) }, y: { range: (_, _low, high) => [0, Math.max(high * 1.06, 1)] } },
    axes: [
      { ...axis, gap: 6, size: data.bare ? 0 : 26, space: 90, show: !data.bare, grid: { show: false },
        values: (_, splits, _a, _s, step) => splits.map((s) => (step >= 86400 ? `${weekday(s)} ${date(s)}` : hour(s))) },
      { ...axis, gap: 8, size: 46, space: Math.min(36, plot.clientHeight / 3), grid: { stroke: () => colour("c-grid"), width: 1 },
        values: (_, splits) => splits.map((v) => format(v, true)) },
    ],
    series: [{}, ...looks],
    bands: bands.map((b) => ({ series: b.series.map((i) => place.get(i)) })),
    hooks: { draw: [line], setCursor: [readout] },
  }, [data.times, ...order.map((i) => sums[i])], plot);

  new ResizeObserver(() => u.setSize({ width: plot.clientWidth, height: plot.clientHeight })).observe(plot);
  charts.add(u);
}

const scan = (scope) => {
  for (const figure of scope.querySelectorAll("figure.chart")) if (!figure.querySelector(".uplot")) draw(figure);
  for (const u of charts) if (!u.root.isConnected) { u.destroy(); charts.delete(u); }
};
const redraw = () => { for (const u of charts) u.redraw(false, true); };
document.fonts.ready.then(() => { scan(document); });
document.addEventListener("htmx:load", (event) => scan(event.target));
document.addEventListener("themechange", redraw);
