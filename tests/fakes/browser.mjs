// Opens pages in a headless Chromium and says what a test wants to know. Asked by tests/fakes/browser.py: one JSON
// document on stdin ({chromium, modules, pages: [{file, width, height, scale, scheme, media, shot}]}), one on stdout.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const asked = JSON.parse(readFileSync(0, "utf8"));
const require = createRequire(asked.modules + "/");
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

// In the page: everything folded is open, so that what is folded is looked at too.
const unfold = () => document.querySelectorAll("details").forEach((one) => (one.open = true));

// In the page: what sticks out to the side, and texts that are cut off where nobody could scroll to them.
const cutOff = () => {
  const wide = document.documentElement.clientWidth;
  const said = (one) => `${one.tagName.toLowerCase()}.${one.className}: ${one.textContent.slice(0, 60)}`;
  const scrolls = (one) => one && (["auto", "scroll"].includes(getComputedStyle(one).overflowX) || scrolls(one.parentElement));
  const found = [];
  for (const one of document.querySelectorAll("body *")) {
    const box = one.getBoundingClientRect();
    const shown = box.width > 0 && box.height > 0 && box.right > 0;
    if (shown && box.right > wide + 1 && !scrolls(one)) found.push(said(one));
    if (shown && getComputedStyle(one).overflowX === "hidden" && one.scrollWidth > one.clientWidth + 1) found.push(said(one));
  }
  return found;
};

// In the page: whether each link leads to a place that is there.
const deadLinks = () =>
  [...document.querySelectorAll('a[href^="#"]')].map((one) => one.getAttribute("href")).filter((to) => !document.querySelector(to));

async function look(browser, job) {
  const context = await browser.newContext({
    viewport: { width: job.width, height: job.height },
    deviceScaleFactor: job.scale ?? 1,
    colorScheme: job.scheme ?? "light",
    bypassCSP: true, // for axe-core alone: a test reads the page's own policy
  });
  const page = await context.newPage();
  const address = pathToFileURL(job.file).href;
  const requests = [];
  const complaints = [];
  await context.route("**/*", (route) => {
    if (route.request().url() === address) return route.continue();
    requests.push(route.request().url());
    return route.abort();
  });
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => (complaints.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
  await page.emulateMedia({ media: job.media ?? "screen", colorScheme: job.scheme ?? "light" });
  await page.goto(address);
  if (job.shot) await page.screenshot({ path: job.shot, fullPage: job.width < 2000 });
  const reached = [];
  for (let press = 0; press < 3; press++) {
    await page.keyboard.press("Tab");
    reached.push(await page.evaluate(() => document.activeElement.getAttribute("href") ?? document.activeElement.tagName));
  }
  await page.evaluate(unfold);
  await page.evaluate(axe);
  const judged = await page.evaluate((rules) => window.axe.run(document, { runOnly: rules }), RULES);
  const violations = judged.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(" ").slice(0, 400)}`);
  const answer = {
    file: job.file,
    violations,
    passes: judged.passes.length,
    requests,
    complaints,
    reached,
    cut_off: await page.evaluate(cutOff),
    dead_links: await page.evaluate(deadLinks),
    scripts: await page.evaluate(() => document.scripts.length),
    text: await page.evaluate(() => document.body.innerText),
  };
  await context.close();
  return answer;
}

const browser = await chromium.launch({
  executablePath: asked.chromium,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
try {
  const answers = new Array(asked.pages.length);
  const left = asked.pages.map((job, number) => [job, number]);
  const work = async () => {
    for (let next = left.shift(); next; next = left.shift()) answers[next[1]] = await look(browser, next[0]);
  };
  await Promise.all([work(), work()]);
  process.stdout.write(JSON.stringify(answers));
} finally {
  await browser.close();
}
