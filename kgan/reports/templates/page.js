"use strict";

function strip(root) {
  const frames = JSON.parse(root.querySelector("script").textContent);
  const image = root.querySelector("img"), slider = root.querySelector("input");
  const output = root.querySelector("output"), button = root.querySelector("button");
  let timer = 0;
  function show() {
    const frame = frames[slider.value];
    image.src = frame.source;
    image.alt = frame.alt;
    output.textContent = "step " + frame.step;
    slider.setAttribute("aria-valuetext", "step " + frame.step);
  }
  function stop() {
    clearInterval(timer);
    timer = 0;
    button.textContent = "Play";
  }
  slider.addEventListener("input", () => { stop(); show(); });
  button.addEventListener("click", () => {
    if (timer) { stop(); return; }
    if (+slider.value === frames.length - 1) slider.value = 0;
    button.textContent = "Pause";
    timer = setInterval(() => {
      slider.value = +slider.value + 1;
      show();
      if (+slider.value === frames.length - 1) stop();
    }, 250);
  });
  root.querySelector(".controls").hidden = false;
}

// Bokeh draws on a canvas, which no style sheet reaches.
function paint(plot) {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--soft").trim(), line = style.getPropertyValue("--line").trim();
  for (const side of ["above", "below", "left", "right", "center"]) {
    for (const part of [].concat(plot[side] ?? [])) {
      const kind = part.type ?? "";
      if (kind.endsWith("Axis")) {
        part.axis_label_text_color = ink;
        part.major_label_text_color = ink;
        part.axis_line_color = part.major_tick_line_color = line;
        part.minor_tick_line_color = null;
      } else if (kind === "Grid") part.grid_line_color = line;
      else if (kind === "Legend") part.label_text_color = ink;
    }
  }
}

document.querySelectorAll(".strip").forEach(strip);

function paintAll() {
  for (const each of Bokeh.documents) each.roots().forEach(paint);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  if (window.Bokeh) paintAll();
});
Promise.all([...document.querySelectorAll(".plot")].map((place) =>
  Bokeh.embed.embed_item(JSON.parse(place.nextElementSibling.textContent), place)
)).then((drawn) => {
  if (drawn.length) paintAll();
  document.documentElement.dataset.ready = "yes";
});
