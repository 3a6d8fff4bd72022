"use strict";

const model = window.kganModel;
const byId = (id) => document.getElementById(id);

// Bytes of base64, unpacked if they are gzip.
async function bytes(text, packed) {
  const raw = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  if (!packed) return raw;
  const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Draws numbers of the data's range, `(height, width, channels)` one after the other.
function paintImage(canvas, sample, [height, width, channels]) {
  const [low, high] = model.range;
  canvas.width = width;
  canvas.height = height;
  canvas.classList.toggle("pixels", width < 200);
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const at = (channel) => Math.round(255 * (sample[i * channels + channel] - low) / (high - low));
    const grey = channels === 1;
    image.data.set([at(0), at(grey ? 0 : 1), at(grey ? 0 : 2), channels === 4 ? at(3) : 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
}

async function opened() {
  const code = new Blob([await bytes(window.kganRuntime.script)], { type: "text/javascript" });
  const address = URL.createObjectURL(code);
  const ort = await import(address);
  URL.revokeObjectURL(address);
  // Several threads take headers that a file has not.
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = (await bytes(window.kganRuntime.wasm, true)).buffer;
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(await bytes(model.network, true));
  // The runtime computes one at a time.
  let last = Promise.resolve();
  const run = (feeds) => {
    const made = last.catch(() => {}).then(async () => (await session.run(feeds)).samples);
    last = made;
    return made;
  };
  return { run, tensor: (kind, values, shape) => new ort.Tensor(kind, values, shape) };
}

function saveAs(name, canvas) {
  const link = document.createElement("a");
  link.download = `${name}.png`;
  link.href = canvas.toDataURL("image/png");
  link.click();
}

// Opens the network and hands it to a page; what fails is said where "loading" stood.
async function start(page) {
  const state = byId("state");
  byId("notices").addEventListener("click", async () => {
    byId("noticed").textContent = new TextDecoder().decode(await bytes(window.kganRuntime.notices, true));
    byId("noticed").hidden = false;
  });
  try {
    await page(await opened());
    state.hidden = true;
    document.documentElement.dataset.ready = "yes";
  } catch (error) {
    state.textContent = `The model cannot run in this browser: ${error.message ?? error}`;
    state.setAttribute("role", "alert");
    document.documentElement.dataset.ready = "failed";
    throw error;
  }
}
