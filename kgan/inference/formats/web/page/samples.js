start(async ({ run, tensor }) => {
const shape = model.shape, size = shape.reduce((a, b) => a * b, 1);
const COUNT = 16, POINTS = 256;
const setting = { seed: 0, picked: 0, other: 1 };

function floats(raw) { return new Float32Array(raw.buffer, raw.byteOffset, raw.byteLength / 4); }

// kgan/random.py: pcg4d of a counter, a seed and a constant. The same seed, the same numbers.
function words(count, seed) {
  const each = (count + 3) >> 2, out = new Uint32Array(4 * each);
  const start = (word) => (Math.imul(word, 1664525) + 1013904223) >>> 0;
  for (let i = 0; i < each; i++) {
    let a = start(i), b = start(seed[0]), c = start(seed[1]), d = start(0x9e3779b9);
    for (const mixed of [true, true, false]) {
      a = (a + Math.imul(b, d)) >>> 0;
      b = (b + Math.imul(c, a)) >>> 0;
      c = (c + Math.imul(a, b)) >>> 0;
      d = (d + Math.imul(b, c)) >>> 0;
      if (mixed) { a ^= a >>> 16; b ^= b >>> 16; c ^= c >>> 16; d ^= d >>> 16; }
    }
    out.set([a, b, c, d], 4 * i);
  }
  return out;
}

function uniform(count, seed) {
  return Array.from(words(count, seed).subarray(0, count), (word) => (word >>> 8) / 2 ** 24);
}

function normal(count, seed) {
  const found = [], drawn = words(count, seed), fraction = (word) => (word >>> 8) / 2 ** 24;
  for (let i = 0; i < drawn.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(fraction(drawn[i]) + 2 ** -24));
    const angle = 2 * Math.PI * fraction(drawn[i + 1]);
    found.push(radius * Math.cos(angle), radius * Math.sin(angle));
  }
  return found.slice(0, count);
}

// The distribution function of the normal distribution between -x and x: Abramowitz and Stegun
// 1964, 7.1.5 (a series), and its inverse by Newton's method.
function erf(x) {
  let term = x, sum = x;
  for (let n = 1; n < 80 && Math.abs(term) > 1e-17; n++) {
    term *= -x * x / n;
    sum += term / (2 * n + 1);
  }
  return 2 / Math.sqrt(Math.PI) * sum;
}

function inverseErf(y) {
  const edge = Math.log(1 - y * y), half = 2 / (Math.PI * 0.147) + edge / 2;
  // Winitzki 2008, a start that is right to 0.002.
  let x = Math.sign(y) * Math.sqrt(Math.sqrt(half * half - edge / 0.147) - half);
  for (let i = 0; i < 4; i++) x -= (erf(x) - y) * Math.sqrt(Math.PI) / 2 * Math.exp(x * x);
  return x;
}

function latents(seed, truncation) {
  const pair = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0], of = model.latents;
  if (of.kind === "normal") {
    if (!truncation) return Float32Array.from(normal(of.size, pair));
    const edge = erf(truncation / Math.SQRT2), bound = truncation;
    return Float32Array.from(uniform(of.size, pair), (u) =>
      Math.max(-bound, Math.min(bound, Math.SQRT2 * inverseErf((2 * u - 1) * edge))));
  }
  const width = truncation || 1;
  if (of.kind === "uniform") {
    const middle = (of.low + of.high) / 2, half = (of.high - of.low) / 2 * width;
    return Float32Array.from(uniform(of.size, pair), (u) => middle - half + 2 * half * u);
  }
  const drawn = uniform(of.noise + of.categorical.length + of.continuous, pair);
  const range = (u) => width * (2 * u - 1), found = drawn.slice(0, of.noise).map(range);
  of.categorical.forEach((kinds, i) => {
    const chosen = Math.floor(drawn[of.noise + i] * kinds);
    for (let k = 0; k < kinds; k++) found.push(k === chosen ? 1 : 0);
  });
  return Float32Array.from([...found, ...drawn.slice(drawn.length - of.continuous).map(range)]);
}

// The class that `generate(1, seed=seed)` draws.
function drawnClass(seed) {
  const pair = [seed >>> 0, (Math.floor(seed / 2 ** 32) ^ 0x1abe1) >>> 0];
  return Math.floor(uniform(1, pair)[0] * model.classes.length);
}

const vectors = model.directions ? floats(await bytes(model.directions.vectors)) : null;

// Samples `(n, ...shape)` of latents `(n, size)`, and of classes where there are any.
async function generate(given, labels) {
  const count = given.length / model.latents.size;
  const feeds = { latents: tensor("float32", Float32Array.from(given), [count, model.latents.size]) };
  if (model.classes.length) feeds.labels = tensor("int32", Int32Array.from(labels), [count]);
  return (await run(feeds)).data;
}

function paintPoints(canvas, samples, marked) {
  const [low, high] = model.range, side = 400;
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
  const place = (value) => side * (value - low) / (high - low);
  context.clearRect(0, 0, side, side);
  for (let i = 0; i < samples.length; i += 2) {
    const own = i / 2 === marked;
    context.fillStyle = style.getPropertyValue(own ? "--accent" : "--soft");
    context.beginPath();
    context.arc(place(samples[i]), side - place(samples[i + 1]), own ? 9 : 2.5, 0, 7);
    context.fill();
  }
}

const isPoints = shape.length === 1;

function truncation() {
  const slider = byId("truncation");
  return slider && +slider.value < +slider.max ? +slider.value : 0;
}

function classOf(seed) {
  if (!model.classes.length) return 0;
  return byId("class").value === "" ? drawnClass(seed) : +byId("class").value;
}

function named(seed, label) {
  return `sample ${seed}` + (model.classes.length ? `, class ${model.classes[label]}` : "");
}

function joined(parts) {
  const all = new Float32Array(parts.length * model.latents.size);
  parts.forEach((part, i) => all.set(part, i * model.latents.size));
  return all;
}

function between(one, other, share) {
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const lengths = Math.sqrt(dot(one, one) * dot(other, other));
  const angle = Math.acos(Math.max(-1, Math.min(1, dot(one, other) / lengths)));
  let weights = [1 - share, share];
  // On a great circle normal latents keep the length that they have.
  if (model.latents.kind === "normal" && Math.sin(angle) > 1e-4) {
    weights = [Math.sin((1 - share) * angle), Math.sin(share * angle)].map((w) => w / Math.sin(angle));
  }
  return one.map((value, i) => weights[0] * value + weights[1] * other[i]);
}

let cloud = null;

async function drawSheet() {
  const seeds = Array.from({ length: COUNT }, (_, i) => setting.seed + i), labels = seeds.map(classOf);
  const made = await generate(joined(seeds.map((seed) => latents(seed, truncation()))), labels);
  if (isPoints) {
    const many = Array.from({ length: POINTS }, (_, i) => setting.seed + i);
    cloud = await generate(joined(many.map((seed) => latents(seed, truncation()))), many.map(classOf));
  }
  seeds.forEach((seed, i) => {
    byId("other").options[i].text = seed;
    const button = byId("samples").children[i], canvas = button.firstChild;
    const sample = made.slice(i * size, (i + 1) * size);
    if (isPoints) paintPoints(canvas, sample, 0); else paintImage(canvas, sample, shape);
    canvas.setAttribute("aria-label", named(seed, labels[i]));
    button.setAttribute("aria-pressed", String(i === setting.picked));
  });
  await drawPicked();
}

async function drawPicked() {
  const seeds = [setting.seed + setting.picked, setting.seed + setting.other];
  const share = +byId("blend").value, label = classOf(seeds[0]);
  let point = latents(seeds[0], truncation());
  if (share) point = between(point, latents(seeds[1], truncation()), share);
  const sliders = [...document.querySelectorAll(".direction")];
  sliders.forEach((slider, d) => {
    const amount = +slider.value;
    slider.nextElementSibling.value = amount.toFixed(1);
    if (amount) point = point.map((value, i) => value + amount * vectors[d * point.length + i]);
  });
  byId("blend").nextElementSibling.value = `${Math.round(100 * share)} %`;
  const made = await generate(point, [label]), canvas = byId("moved");
  if (isPoints) paintPoints(canvas, Float32Array.from([...made, ...cloud]), 0); else paintImage(canvas, made, shape);
  const parts = [named(seeds[0], label)];
  if (share) parts.push(`${Math.round(100 * share)} % of sample ${seeds[1]}`);
  const moved = sliders.filter((slider) => +slider.value).length;
  if (moved) parts.push(`moved along ${moved} direction${moved > 1 ? "s" : ""}`);
  byId("caption").textContent = parts.join(", ");
  canvas.setAttribute("aria-label", parts.join(", "));
}

function pick(place) {
  setting.picked = place;
  [...byId("samples").children].forEach((each, i) => each.setAttribute("aria-pressed", String(i === place)));
}

// Drawing follows the last change; what came in between is left out.
let wanted = null, busy = false;
async function soon(draw) {
  wanted = wanted === drawSheet ? drawSheet : draw;
  if (busy) return;
  busy = true;
  document.documentElement.dataset.drawn = "no";
  try {
    while (wanted) {
      const now = wanted;
      wanted = null;
      await now();
    }
  } finally { busy = false; }
  document.documentElement.dataset.drawn = "yes";
}

for (let i = 0; i < COUNT; i++) {
  const button = document.createElement("button"), canvas = document.createElement("canvas");
  button.type = "button";
  canvas.setAttribute("role", "img");
  button.append(canvas);
  button.addEventListener("click", () => { pick(i); soon(drawPicked); });
  byId("samples").append(button);
  byId("other").append(new Option(i + 1, i, false, i === 1));
}
byId("new").addEventListener("click", () => {
  setting.seed = Math.floor(Math.random() * 2147483600);
  byId("seed").value = setting.seed;
  soon(drawSheet);
});
byId("seed").addEventListener("change", () => {
  const seed = Math.floor(+byId("seed").value);
  setting.seed = seed >= 0 && seed <= 2147483600 ? seed : 0;
  byId("seed").value = setting.seed;
  soon(drawSheet);
});
byId("other").addEventListener("change", () => { setting.other = +byId("other").value; soon(drawPicked); });
byId("blend").addEventListener("input", () => soon(drawPicked));
byId("class")?.addEventListener("change", () => soon(drawSheet));
byId("truncation")?.addEventListener("input", () => {
  byId("truncation").nextElementSibling.value = truncation() ? truncation().toFixed(2) : "off";
  soon(drawSheet);
});
document.querySelectorAll(".direction").forEach((each) => each.addEventListener("input", () => soon(drawPicked)));
byId("reset")?.addEventListener("click", () => {
  document.querySelectorAll(".direction").forEach((each) => { each.value = 0; });
  byId("blend").value = 0;
  soon(drawPicked);
});
byId("save").addEventListener("click", () => {
  saveAs(`${model.name}-${setting.seed + setting.picked}`, byId("moved"));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (isPoints) soon(drawSheet); });

// For scripts: what the page itself draws with.
window.kgan = { generate, latents, drawnClass, setting };
byId("controls").hidden = false;
await soon(drawSheet);
});
