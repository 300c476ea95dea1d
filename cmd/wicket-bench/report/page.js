"use strict";
(() => {
  const colours = ["#1769aa", "#c96a1b", "#2e7d4f", "#8e3b8a", "#b3261e", "#5b6573"];
  const charts = JSON.parse(document.getElementById("data").textContent) || [];
  const home = document.getElementById("charts");
  const short = (v) => {
    if (v == null) return "";
    for (const [n, s] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (Math.abs(v) >= n) return +(v / n).toPrecision(3) + s;
    }
    return String(+v.toPrecision(3));
  };
  // uPlot wants one list of x for all lines: merge them, with gaps that it spans.
  const joined = (series) => uPlot.join(series.map((s) => {
    const order = s.x.map((_, i) => i).sort((a, b) => s.x[a] - s.x[b] || s.y[a] - s.y[b]);
    const xs = [], ys = [];
    for (const i of order) {
      if (xs.length && xs[xs.length - 1] === s.x[i]) ys[ys.length - 1] = s.y[i];
      else { xs.push(s.x[i]); ys.push(s.y[i]); }
    }
    return [xs, ys];
  }));
  for (const c of charts) {
    const figure = home.appendChild(document.createElement("figure"));
    figure.style.margin = "0";
    const share = c.y.startsWith("share");
    new uPlot({
      title: c.title, width: Math.min(480, home.clientWidth), height: 300,
      scales: { x: { time: false, distr: c.log ? 3 : 1 }, y: { range: (_, min, max) => share ? [0, 1] : [0, max * 1.1 || 1] } },
      axes: [
        { label: c.x, values: (_, v) => v.map(short) },
        { label: c.y, size: 64, values: (_, v) => v.map((n) => share ? Math.round(n * 100) + " %" : short(n)) },
      ],
      series: [
        { label: c.x, value: (_, v) => short(v) },
        ...c.series.map((s, i) => ({
          label: s.name, stroke: colours[i % colours.length], width: 2, spanGaps: true, points: { size: 5 },
          value: (_, v) => v == null ? "" : share ? (v * 100).toFixed(2) + " %" : short(v),
        })),
      ],
    }, joined(c.series), figure);
  }
})();
