// Drives a proxy by the npm package toxiproxy-node-client, as its users do.
// usage: NODE_PATH=… node proxy_client.js HOST:PORT

const assert = require("node:assert/strict");
const net = require("node:net");
const { Toxiproxy } = require("toxiproxy-node-client");

const TOXICS = {
  latency: { latency: 300, jitter: 0 },
  bandwidth: { rate: 100 },
  slow_close: { delay: 10 },
  timeout: { timeout: 0 },
  reset_peer: { timeout: 60000 },
  slicer: { average_size: 10, size_variation: 2, delay: 10 },
  limit_data: { bytes: 100000 },
  half_open: { delay: 60000, graceful: false },
  partition: {},
};

function listen(server) {
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server.address().port)));
}

// Sends a word through the proxy and waits for it; how many ms that took.
function ping(address) {
  const [host, port] = address.split(":");
  return new Promise((done, fail) => {
    const begun = performance.now();
    const socket = net.connect({ host, port: Number(port) }, () => socket.write("ping"));
    socket.on("data", () => {
      socket.destroy();
      done(performance.now() - begun);
    });
    socket.on("error", fail);
    socket.on("close", () => fail(new Error("closed without an answer")));
  });
}

async function main() {
  const echo = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  const upstream = `127.0.0.1:${await listen(echo)}`;
  const client = new Toxiproxy(`http://${process.argv[2]}`);
  assert.match(JSON.parse(await client.getVersion()).version, /^2\./);

  const proxy = await client.createProxy({ name: "js", listen: "127.0.0.1:0", upstream });
  assert.equal(proxy.enabled, true);
  await ping(proxy.listen);
  await assert.rejects(
    client.createProxy({ name: "js", listen: "127.0.0.1:0", upstream }), /status code 409/);
  await assert.rejects(client.get("nobody"), /status code 404/);

  for (const [type, attributes] of Object.entries(TOXICS)) {
    const asked = { name: `js ${type}`, type, stream: "downstream", toxicity: 1, attributes };
    asked.name = asked.name.replace(" ", "-");
    const toxic = await proxy.addToxic(asked);
    assert.deepEqual(toxic.toJson(), asked);
    const shown = await proxy.getToxic(asked.name);
    assert.deepEqual(shown.toJson(), asked);
    if (type === "latency") {
      assert.ok((await ping(proxy.listen)) >= 299);
      const changed = await toxic.update({ attributes: { latency: 600, jitter: 0 } });
      assert.equal(changed.attributes.latency, 600);
      assert.ok((await ping(proxy.listen)) >= 599);
    }
    const half = await toxic.update({ toxicity: 0.5, attributes });
    assert.equal(half.toxicity, 0.5);
    await toxic.remove();
    await assert.rejects(proxy.getToxic(asked.name), /status code 404/);
  }
  await assert.rejects(
    proxy.addToxic({ name: "x", type: "nonsense", stream: "upstream", toxicity: 1,
      attributes: {} }), /status code 400/);

  await proxy.addToxic({ name: "gone", type: "timeout", stream: "upstream", toxicity: 1,
    attributes: { timeout: 0 } });
  const off = await proxy.update({ enabled: false, listen: proxy.listen, upstream });
  assert.equal(off.enabled, false);
  await assert.rejects(ping(proxy.listen));
  await client.reset();
  const on = await client.get("js");
  assert.deepEqual([on.enabled, on.listen], [true, proxy.listen]);
  await ping(proxy.listen);

  const made = await client.populate([
    { name: "js", listen: proxy.listen, upstream },
    { name: "js2", listen: "127.0.0.1:0", upstream },
  ]);
  assert.deepEqual(Object.keys(made), ["js", "js2"]);
  await ping(made.js2.listen);
  assert.deepEqual(Object.keys(await client.getAll()), ["js", "js2"]);
  await proxy.remove();
  await made.js2.remove();
  assert.deepEqual(await client.getAll(), {});
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
