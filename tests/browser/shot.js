// shot.js URL FILE [WIDTH HEIGHT [dark]]: a look at one page.
"use strict";
const puppeteer = require("puppeteer-core");
(async () => {
	const [url, file, width = "1280", height = "0", dark] = process.argv.slice(2);
	const browser = await puppeteer.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
	const page = await browser.newPage();
	page.on("console", (m) => console.log(m.type(), m.text()));
	page.on("pageerror", (e) => console.log("error", e.message));
	await page.setViewport({ width: +width, height: +height || 900 });
	if (dark)
		await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
	await page.goto(url, { waitUntil: "load", timeout: 10000 });
	await page.screenshot({ path: file, fullPage: !+height });
	await browser.close();
})().catch((e) => { console.error(e.message); process.exit(1); });
