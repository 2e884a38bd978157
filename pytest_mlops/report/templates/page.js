(() => {
  "use strict";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Set();

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }

  // Colours come from the style sheet, so that a figure is in the scheme of the page around it.
  function themed(figure, narrow) {
    for (const trace of figure.data) {
      const tone = colour(trace.meta);
      trace.marker = { ...trace.marker, color: tone };
      if (trace.line) trace.line = { ...trace.line, color: tone };
      for (const error of ["error_x", "error_y"]) if (trace[error]) trace[error].color = tone;
    }
    const layout = figure.layout;
    for (const axis of Object.keys(layout).filter((key) => /^[xy]axis/.test(key))) {
      Object.assign(layout[axis], { gridcolor: colour("line"), linecolor: colour("line"), fixedrange: true });
    }
    return Object.assign(layout, {
      autosize: true,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: narrow ? 11 : 13, color: colour("ink") },
      margin: { l: narrow ? 44 : 60, r: 16, t: 36, b: 50 },
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom" },
      hoverlabel: { bgcolor: colour("panel"), bordercolor: colour("line"), font: { color: colour("ink") } },
      hovermode: "closest",
    });
  }

  function draw(holder) {
    const figure = JSON.parse(document.getElementById(holder.dataset.figure).textContent);
    const layout = themed(figure, holder.clientWidth < 560);
    Plotly.react(holder, figure.data, layout, { displayModeBar: false, responsive: true });
    drawn.add(holder);
  }

  // Plotly measures what it draws in, so a closed part is drawn when it opens.
  for (const holder of document.querySelectorAll("[data-figure]")) {
    const closed = holder.closest("details:not([open])");
    if (closed) {
      closed.addEventListener("toggle", () => draw(holder), { once: true });
    } else {
      draw(holder);
    }
  }
  dark.addEventListener("change", () => drawn.forEach(draw));

  for (const input of document.querySelectorAll("[data-filter]")) {
    const rows = [...document.querySelectorAll("#" + input.dataset.filter + " tbody tr")];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const output = input.parentElement.querySelector("output");
    input.parentElement.hidden = false;
    input.addEventListener("input", () => {
      const query = input.value.trim().toLowerCase();
      let shown = 0;
      rows.forEach((row, index) => {
        row.hidden = !texts[index].includes(query);
        shown += row.hidden ? 0 : 1;
      });
      output.textContent = query ? shown + " of " + rows.length : "";
    });
  }
})();
