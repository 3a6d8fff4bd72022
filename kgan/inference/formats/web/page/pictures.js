start(async ({ run, tensor }) => {
const channels = model.channels;

// Pillow's "L": ITU-R 601-2 luma in whole numbers.
const luma = (r, g, b) => (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16;

// The network's picture of RGBA values `(height, width, 4)`: its numbers and its shape.
async function convert(pixels, height, width) {
  const [low, high] = model.range, numbers = new Float32Array(height * width * channels);
  for (let i = 0; i < height * width; i++) {
    const [r, g, b, a] = pixels.subarray(4 * i, 4 * i + 4);
    const values = channels === 1 ? [luma(r, g, b)] : [r, g, b, a];
    for (let c = 0; c < channels; c++) numbers[i * channels + c] = values[c] / 255 * (high - low) + low;
  }
  const made = await run({ images: tensor("float32", numbers, [1, height, width, channels]) });
  return { data: made.data, shape: made.dims.slice(1).map(Number) };
}

// The pixels of a picture, no longer than is wanted. Transparent parts lie on white, as in kgan.
function drawn(picture) {
  const share = Math.min(1, +byId("most").value / Math.max(picture.width, picture.height));
  const canvas = byId("before");
  canvas.width = Math.max(1, Math.round(picture.width * share));
  canvas.height = Math.max(1, Math.round(picture.height * share));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (channels < 4) {
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  canvas.classList.toggle("pixels", canvas.width < 200);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

// The browser paints what it is told before the network holds it up.
const painted = () => new Promise((go) => requestAnimationFrame(() => setTimeout(go, 0)));

// Whether what was asked for is still what the visitor wants: the last picture, the last size.
let wanted = 0, given = null;

async function show(asked) {
  const { picture, name } = given, page = document.documentElement.dataset;
  page.drawn = "no";
  byId("told").setAttribute("role", "status");
  byId("told").textContent = "Working ...";
  byId("both").hidden = false;
  byId("save").disabled = true;
  const { data, width, height } = drawn(picture);
  byId("after").width = 0;
  await painted();
  if (asked !== wanted) return;
  const begun = performance.now(), found = await convert(data, height, width);
  const seconds = (performance.now() - begun) / 1000;
  if (asked !== wanted) return;
  paintImage(byId("after"), found.data, found.shape);
  byId("save").disabled = false;
  const before = `${width} x ${height}`, after = `${found.shape[1]} x ${found.shape[0]}`;
  byId("told").textContent = `${name}: ${before} pixels. The result has ${after}, made in ${seconds.toFixed(1)} s.`;
  byId("before").setAttribute("aria-label", `${name}, ${before} pixels`);
  byId("after").setAttribute("aria-label", `${name} after the model, ${after} pixels`);
  page.drawn = "yes";
}

function failed(text) {
  byId("told").setAttribute("role", "alert");
  byId("told").textContent = text;
  document.documentElement.dataset.drawn = "failed";
}

// The network takes one picture at a time; of those that wait, the last alone is drawn.
let last = Promise.resolve();
function soon() {
  const asked = ++wanted;
  last = last.then(() => asked === wanted ? show(asked) : null).catch((error) => {
    if (asked === wanted) failed(`The model failed: ${error.message ?? error}. A smaller picture may do.`);
  });
}

async function take(file) {
  if (!file) return;
  const asked = ++wanted;
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    if (asked === wanted) failed(`${file.name} is no picture that this browser can read. PNG, JPEG and WebP are.`);
    return;
  }
  if (asked !== wanted) {
    picture.close();
    return;
  }
  given?.picture.close();
  given = { picture, name: file.name || "the picture" };
  soon();
}

byId("file").addEventListener("change", () => {
  take(byId("file").files[0]);
  // The same file may be chosen again after another was dropped.
  byId("file").value = "";
});
byId("most").addEventListener("change", () => { if (given) soon(); });
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => take(event.clipboardData.files[0]));
byId("save").addEventListener("click", () => saveAs(model.name, byId("after")));

// For scripts: what the page itself converts with.
window.kgan = { convert };
byId("controls").hidden = false;
});
