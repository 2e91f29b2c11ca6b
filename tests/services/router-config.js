// router-config.js URL PASSWORD first|second: the router's page in headless
// Chromium on a phone's screen, as a person uses it; prints a line "ok …" or
// "not ok …" for each thing that was seen.  SHOTS=FOLDER: pictures.
"use strict";
const path = require("path");
const modules = path.join(__dirname, "..", "browser", "node_modules");
const puppeteer = require(path.join(modules, "puppeteer-core"));
const axe = require("fs").readFileSync(path.join(modules, "axe-core", "axe.min.js"), "utf8");

const [base, password, part] = process.argv.slice(2);
const WIDTH = 360;
const FORM = "form[action='/change']:not(:has(textarea))";
const TEXT = "form[action='/change']:has(textarea)";
let failed = 0;
const check = (what, good, why) => {
	console.log(`${good ? "ok" : "not ok"} ${what}`);
	if (!good) {
		failed++;
		console.log(`    ${String(why).replace(/\n/g, "\n    ")}`);
	}
};

const noise = [];
const listen = (page) => {
	// What is refused here on purpose is an error to a browser, too.
	const wanted = /the server responded with a status of (400|403|404|409) /;
	page.on("console", (m) => {
		if (["error", "warn"].includes(m.type()) && !wanted.test(m.text()))
			noise.push(`${m.type()}: ${m.text()}`);
	});
	page.on("pageerror", (e) => noise.push(String(e)));
	page.on("requestfailed", (r) => noise.push(`${r.url()}: ${r.failure().errorText}`));
};

const run = async (page) => {
	// The page loads itself anew while a change is tried out: once more.
	const look = async (what) => {
		for (let i = 0; ; i++) {
			try {
				return await what();
			} catch (e) {
				if (i === 20)
					throw e;
				await new Promise((r) => setTimeout(r, 200));
			}
		}
	};
	const text = () => look(() => page.evaluate(() => document.body.innerText));
	const has = async (what, words) => {
		const all = await text();
		check(what, all.includes(words), all.slice(0, 600));
	};
	const submit = async (form) => {
		const button = await page.$(`${form} button`);
		if (!button)
			throw new Error(`no ${form}: ${await text()}`);
		await Promise.all([page.waitForNavigation(), button.evaluate((b) => b.click())]);
	};
	const send = async (form, fields) => {
		for (const [name, value] of Object.entries(fields)) {
			const field = await page.$(`${form} [name="${name}"]`);
			await field.evaluate((e, v) => { e.value = v; }, name === "text" ? value : "");
			if (name !== "text")
				await field.type(value);
		}
		await submit(form);
	};
	const settled = async () => {
		for (let i = 0; i < 300; i++) {
			if (!(await text()).includes("being tried out"))
				return;
			await new Promise((r) => setTimeout(r, 1000));
		}
		throw new Error("the trial does not end");
	};
	const config = () => look(() => page.$eval("textarea[name=text]", (e) => JSON.parse(e.value)));
	const looks = async (where) => {
		for (const d of await page.$$("details"))
			await d.evaluate((e) => { e.open = true; });
		await page.evaluate(axe);
		const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
		check(`${where} has no axe violations`, found.violations.length === 0,
			JSON.stringify(found.violations.map((v) => v.id)));
		const wide = await page.evaluate(() => document.documentElement.scrollWidth);
		check(`${where} is no wider than a phone`, wide <= WIDTH, wide);
		if (process.env.SHOTS)
			await page.screenshot({ path: `${process.env.SHOTS}/${where}.png`, fullPage: true });
	};
	// A form of the page that its page never made.
	const forge = async (action, service) => {
		await page.$eval(TEXT, (form, to, name) => {
			form.action = to;
			form.querySelector("[name=service]").value = name;
			form.querySelector("textarea").value = '{"min_keys":0}';
		}, action, service);
		await submit("form:has(textarea)");
	};

	await page.goto(base);
	if (part === "first") {
		await has("who comes first is asked for a password", "Choose a password");
		await looks("the first page");
		await send("form[action='/first']", { password: "short", again: "short" });
		await has("a short one is refused", "10 to 200");
		await send("form[action='/first']", { password, again: password + "x" });
		await has("two that differ are refused", "not the same");
		await send("form[action='/first']", { password, again: password });
		await has("then the settings are shown", "dns-dhcp");
		await looks("the page of settings");
		const was = await config();
		check("as agent.yaml has them", was.domain === "lan" && was.hosts.length === 1, JSON.stringify(was));
		await send(FORM, { "/hosts/1/name": "nas", "/hosts/1/address": "192.0.2.7" });
		await has("one more host is tried out", "being tried out");
		await settled();
		const now = await config();
		check("and kept", now.hosts.length === 2 && now.hosts[1].name === "nas" &&
			!(await text()).includes("undone"), await text());
		return;
	}
	await has("who comes later is asked for the password", "Password");
	await looks("the login");
	await send("form[action='/login']", { password: "not the password" });
	await has("a wrong one is refused", "not the password");
	await send("form[action='/login']", { password });
	await has("the right one opens", "dns-dhcp");
	const now = await config();
	check("and shows what was kept", now.hosts.length === 2, JSON.stringify(now));
	for (const name of ["trust", "router-config"]) {
		await forge("/change", name);
		await has(`the agent gives it no ${name}`, "none of the settings of this page");
	}
	await page.goto(base);
	await forge("/pin", "dns-dhcp");
	await has("there is no other verb", "not here");
	await page.goto(base);
	await send(TEXT, { text: JSON.stringify({ ...now, colour: "green" }) });
	await has("an option that the service does not know is refused", 'unknown option "colour"');
	await send(TEXT, { text: JSON.stringify({ ...now,
		dhcp: { start: "192.0.2.200", end: "192.0.2.100", lease: 3600 } }) });
	await settled();
	await has("what it does not start with is undone by itself", "The last change was undone");
	check("and the settings are as before", (await config()).dhcp === undefined, await text());
	await send("form[action='/back']", {});
	await settled();
	check("what was before comes back", (await config()).hosts.length === 1, await text());
	await looks("the page after it all");
	await send("form[action='/logout']", {});
	await has("who leaves is asked again", "Password");
};

(async () => {
	const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
		args: ["--no-sandbox", "--disable-gpu"] });
	try {
		const page = await browser.newPage();
		await page.setViewport({ width: WIDTH, height: 740, isMobile: true, hasTouch: true });
		page.setDefaultTimeout(90000);
		listen(page);
		await run(page);
	} catch (e) {
		check("the browser came to the end", false, e.stack);
	}
	check("the console is quiet", noise.length === 0, noise.join("\n"));
	await browser.close();
	process.exit(failed ? 1 : 0);
})();
