// walk.js URL FOLDER [NAME PASSWORD]: follows the dashboard's own links through every kind of
// page, in headless Chromium.  Each must be free of console errors and of axe
// violations, by day and by night, and fit a phone; pictures go to FOLDER.
"use strict";
const fs = require("fs");
const path = require("path");
const puppeteer = require("puppeteer-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [base, folder, name, password] = process.argv.slice(2);
const PER_KIND = 2; // pages of each kind
const kinds = ["/", "/recipes", "/proofs", "/recipe/*", "/builds", "/build/*", "/build/*/log", "/compare/*/*", "/image/*", "/releases",
	"/fleet", "/devices", "/flaw", "/router/*", "/exposure", "/trust", "/find", "/login", "/operate"];
const not_pages = /^\/(blob|tuf|static|api|feed|hash|job|events)|\.json$/;

let passed = 0, failed = 0;
const check = (what, problems) => {
	if (problems.length === 0) {
		passed++;
		console.log(`ok ${what}`);
		return;
	}
	failed++;
	console.log(`not ok ${what}`);
	for (const p of problems.slice(0, 12))
		console.log(`    ${p}`);
};

// "/build/12/log" is a page like "/build/*/log".
const kind_of = (p) => p.replace(/[0-9a-f]{64}/g, "*").replace(/^\/(recipe|router)\/[^/]+$/, "/$1/*").replace(/\/\d+(?=\/|$)/g, "/*");

const open = async (browser, complaints) => {
	const page = await browser.newPage();
	page.on("console", (m) => m.type() === "error" && complaints.push(`console: ${m.text()}`));
	page.on("pageerror", (e) => complaints.push(`script: ${e.message}`));
	page.on("response", (r) => r.status() >= 400 && complaints.push(`${r.status()} ${r.url()}`));
	return page;
};

const night = (page, on) => page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: on ? "dark" : "light" },
	{ name: "prefers-reduced-motion", value: "reduce" }]);

const violations = async (page, when) => {
	await page.evaluate(axe);
	const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
	return found.violations.flatMap((v) => v.nodes.slice(0, 4).map((n) => `${when}: ${v.id}: ${n.html.slice(0, 140)} ${n.failureSummary.split("\n")[1] || ""}`));
};

const overflow = (page) => page.evaluate(() => {
	const wide = document.documentElement.scrollWidth - innerWidth;
	return wide > 1 ? [`${wide} pixels wider than a phone`] : [];
});

(async () => {
	fs.mkdirSync(folder, { recursive: true });
	const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
		args: ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"] });
	const seen = new Map(), waiting = ["/", "/find?q=lib", "/login"], queued = new Set(waiting);
	const complaints = [];
	const page = await open(browser, complaints);

	while (waiting.length) {
		const where = waiting.shift(), kind = kind_of(where.split("?")[0]);
		const n = seen.get(kind) || 0;
		if (n >= PER_KIND)
			continue;
		seen.set(kind, n + 1);
		// What is not HTML (an attestation, a list of contents) is
		// linked to be taken away: it has to be there, not to be seen.
		const answer = await fetch(base + where, { headers: { Accept: "text/html" } });
		const type = answer.headers.get("content-type") || "";
		await answer.body.cancel();
		if (!type.startsWith("text/html")) {
			check(`${where} is there (${type})`, answer.status === 200 ? [] : [`it answers ${answer.status}`]);
			continue;
		}
		complaints.length = 0;
		await page.setViewport({ width: 1280, height: 900 });
		await night(page, false);
		await page.goto(base + where, { waitUntil: "load" });
		const problems = await violations(page, "day");
		const links = await page.$$eval("a[href^='/']", (all) => all.map((a) => a.getAttribute("href").split("#")[0]));
		const name = (kind === "/" ? "now" : kind.slice(1).replace(/[/*]+/g, "-").replace(/-$/, "")) + (n ? `-${n + 1}` : "");
		await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
		if (n === 0) {
			await night(page, true);
			problems.push(...await violations(page, "night"));
			await page.screenshot({ path: path.join(folder, `${name}-night.png`), fullPage: true });
			await night(page, false);
		}
		await page.setViewport({ width: 390, height: 844 });
		problems.push(...await overflow(page));
		if (n === 0)
			await page.screenshot({ path: path.join(folder, `${name}-phone.png`), fullPage: true });
		check(`${where} has no violation, no error and fits a phone`, problems.concat(complaints));
		for (const l of links) {
			if (not_pages.test(l) || queued.has(l))
				continue;
			queued.add(l);
			waiting.push(l);
		}
	}
	check("the walk came to every kind of page", kinds.filter((k) => !seen.has(k)).map((k) => `never at ${k}`));

	// The keyboard: first the way to the content, then "/" to the search.
	await page.setViewport({ width: 1280, height: 900 });
	await page.goto(base + "/", { waitUntil: "load" });
	await page.keyboard.press("Tab");
	const first = await page.evaluate(() => document.activeElement.className);
	await page.keyboard.press("/");
	const second = await page.evaluate(() => document.activeElement.id);
	check("the keyboard reaches content and search", [first, second].join() === "skip,find" ? [] : [`${first}, ${second}`]);

	// A live page hears that it is heard.
	const live = await page.evaluate(() => new Promise((done) => {
		const source = new EventSource("/events");
		source.onopen = () => { source.close(); done(true); };
		source.onerror = () => { source.close(); done(false); };
	}));
	check("a live page is connected", live ? [] : ["/events did not open"]);

	// A log is searched without leaving it.
	const runs = await (await fetch(`${base}/api/v1/builds?state=succeeded&limit=1`)).json();
	await page.goto(`${base}/build/${runs.items[0].id}/log`, { waitUntil: "load" });
	await page.type(".logfind", "kiln: ");
	const hits = await page.$eval(".loghits", (e) => e.textContent);
	check("a log can be searched", /^[1-9]\d* found$/.test(hits) ? [] : [`"${hits}"`]);

	// An operator signs in, sees forms, and uses some.
	if (name && password) {
		const go = async (where) => {
			complaints.length = 0;
			await page.setViewport({ width: 1280, height: 900 });
			await page.goto(base + where, { waitUntil: "load" });
		};
		const send = async (form, fields) => {
			for (const [field, text] of Object.entries(fields))
				await page.type(`${form} [name=${field}]`, text);
			await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.click(`${form} button`)]);
		};

		await go("/login");
		await send("form[action='/login']", { name, password });
		check("an operator signs in", new URL(page.url()).pathname === "/operate" ? complaints.slice() : [page.url()]);
		const routers = (await (await fetch(`${base}/api/v1/routers`)).json()).items.map((r) => `/router/${r.id}`);
		for (const where of ["/operate", "/releases", "/devices", "/build/1", ...routers.slice(0, 1)]) {
			await go(where);
			const problems = await violations(page, "signed in");
			await page.screenshot({ path: path.join(folder, `operator${where.replace(/[/0-9a-f]{20,}/, "").replace(/\//g, "-")}.png`), fullPage: true });
			await page.setViewport({ width: 390, height: 844 });
			problems.push(...await overflow(page));
			check(`${where.slice(0, 20)} is as good for an operator`, problems.concat(complaints));
		}
		await go("/devices");
		await send("form:has([value=token])", { group: "attic", lifetime: "2h" });
		const token = await page.$eval("pre", (e) => e.textContent);
		check("a token is made and shown", /^[0-9a-f]{64}$/.test(token) ? await violations(page, "token") : [token]);
		if (routers.length) {
			await go(routers[0]);
			await send("form:has([value=accepted])", { why: "seen <here>" });
			const text = await page.$eval("main", (e) => e.textContent);
			check("a device is accepted, with a reason", text.includes(`by ${name}`) && text.includes("seen <here>") ? complaints.slice() : [text.slice(0, 300)]);
		}
	}

	// Without script everything is there.
	await page.setJavaScriptEnabled(false);
	const plain = [];
	for (const where of ["/", "/build/1", "/fleet"]) {
		await page.goto(base + where, { waitUntil: "load" });
		if (!(await page.$("h1")) || !(await page.$("section")))
			plain.push(where);
	}
	check("pages say all without script", plain);
	await browser.close();
	console.log(`${passed} passed, ${failed} failed`);
	process.exit(failed ? 1 : 0);
})().catch((e) => {
	console.log(`not ok the walk: ${e.stack}`);
	console.log(`${passed} passed, ${failed + 1} failed`);
	process.exit(1);
});
