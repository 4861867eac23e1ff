// Opens pages of reports and of loadgen in Chromium, on a desk and on a phone, in light and in dark. They
// are those of the folder PAGES, one file each; `scripts/test-pages` makes them.
import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const folder = resolve(process.env.PAGES ?? "pages");
const pages = readdirSync(folder).filter((name) => name.endsWith(".html"));
const shots = process.env.SHOTS;
const MOST_BYTES = 2 * 1024 * 1024;

let browser;
before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
});
after(() => browser?.close());

// A page with what went wrong on it.
async function open(name, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) wrong.push(`${message.type()}: ${message.text()}`);
  });
  const url = pathToFileURL(join(folder, name)).href;
  page.on("request", (request) => {
    if (request.url() !== url) wrong.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return { page, wrong, close: () => context.close() };
}

assert.ok(pages.length > 0, `there are no pages in ${folder}`);
for (const name of pages) {
  test(`${name} is small`, () => {
    assert.ok(statSync(join(folder, name)).size < MOST_BYTES);
  });
  for (const width of [1280, 400]) {
    for (const colorScheme of ["light", "dark"]) {
      test(`${name} at ${width} px, ${colorScheme}`, async () => {
        const { page, wrong, close } = await open(name, { viewport: { width, height: 900 }, colorScheme });
        await page.evaluate(() => document.querySelectorAll("details").forEach((box) => (box.open = true)));
        await fits(page, width);
        await hovers(page);
        await obeysKeys(page);
        await switches(page);
        if (shots) await page.screenshot({ path: join(shots, `${name}-${width}-${colorScheme}.png`), fullPage: true });
        assert.deepEqual(wrong, []);
        await close();
      });
    }
  }
  test(`${name} without a script`, async () => {
    const { page, close } = await open(name, { javaScriptEnabled: false, viewport: { width: 400, height: 900 } });
    assert.ok(await page.locator("h1").isVisible());
    assert.equal(await page.locator("nav .tools").isVisible(), false);
    for (const table of await page.locator("main > section > table.checks").all()) assert.ok(await table.isVisible());
    await close();
  });
  test(`${name} in print`, async () => {
    const { page, wrong, close } = await open(name, { viewport: { width: 780, height: 1100 } });
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.locator("nav").isVisible(), false);
    await fits(page, 780);
    const pdf = await page.pdf({ format: "A4" });
    assert.ok(pdf.length > 1000);
    assert.deepEqual(wrong, []);
    await close();
  });
}

// Nothing is wider than the page, and nothing has to be scrolled sideways within it.
async function fits(page, width) {
  const wide = await page.evaluate((width) => {
    const found = [];
    if (document.documentElement.scrollWidth > width) found.push(`page ${document.documentElement.scrollWidth}`);
    for (const element of document.querySelectorAll("main *, header *, nav *")) {
      if (element.closest("svg, .area, .xs, caption, thead") || !element.getClientRects().length) continue;
      const box = element.getBoundingClientRect();
      if (box.right > width + 1 || box.left < -1) found.push(`${element.tagName}.${element.className}`);
      const scrolls = ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
      if (scrolls && element.scrollWidth > element.clientWidth + 1) found.push(`scrolls ${element.className}`);
    }
    return found.slice(0, 5);
  }, width);
  assert.deepEqual(wide, []);
}

// The pointer on one chart shows the time there, and values of all charts.
async function hovers(page) {
  const area = page.locator(".area").first();
  await area.scrollIntoViewIfNeeded();
  const box = await area.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height - 4);
  assert.match(await page.locator(".tools output").textContent(), /^at -?\d/);
  const charts = await page.locator("figure.chart").count();
  assert.equal(await page.locator("figure.chart .cursor").count(), charts);
  const keys = page.locator(".key output");
  if ((await keys.count()) > 0) {
    const told = (await keys.allTextContents()).filter((text) => text.trim() !== "");
    assert.ok(told.length > 0, "values at the pointer");
  }
}

// The keyboard moves the cursor, zooms and goes back.
async function obeysKeys(page) {
  const plot = page.locator(".plot").first();
  await plot.focus();
  const output = page.locator(".tools output");
  await page.keyboard.press("ArrowLeft");
  const before = await output.textContent();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  assert.notEqual(await output.textContent(), before);
  const drawn = () => page.locator("figure.chart svg").evaluateAll((all) => all.map((svg) => svg.getAttribute("viewBox")));
  const whole = await drawn();
  await page.keyboard.press("+");
  const near = await drawn();
  assert.notDeepEqual(near, whole);
  assert.equal(new Set(near).size, 1, "all charts show the same time");
  assert.ok(await page.locator(".tools .reset").isVisible());
  await page.keyboard.press("0");
  assert.equal(new Set(await drawn()).size, 1);
  assert.equal(await page.locator(".tools .reset").isVisible(), false);
}

// A key of the legend takes its line away and brings it back.
async function switches(page) {
  const key = page.locator("button[data-key]").first();
  if ((await key.count()) === 0) return;
  const line = page.locator("figure.chart:has(button[data-key]) path[data-line='0']").first();
  await key.click();
  assert.equal(await key.getAttribute("aria-pressed"), "false");
  assert.ok(await line.evaluate((path) => path.classList.contains("off")));
  await key.click();
  assert.equal(await line.evaluate((path) => path.classList.contains("off")), false);
}
