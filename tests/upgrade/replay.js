/*
 * replay.js PORT FILE: asks a farm at PORT what an agent of a former release
 * asked for (record.js); 1 when one answer has another status than then.
 */
"use strict";
const http = require("http");
const fs = require("fs");
const [port, file] = process.argv.slice(2);
const lines = fs.readFileSync(file, "utf8").trim().split("\n").map(JSON.parse);
let other = 0, asked = 0;

function next() {
	const one = lines.shift();

	if (!one) {
		console.log(`${asked} requests, ${other} answered otherwise`);
		process.exit(other || !asked ? 1 : 0);
	}
	asked++;
	const on = http.request({ host: "127.0.0.1", port, path: one.path,
		method: one.method }, (answer) => {
		answer.resume();
		answer.on("end", () => {
			if (answer.statusCode !== one.status) {
				console.log(`${one.method} ${one.path}: ${answer.statusCode}, then ${one.status}`);
				other++;
			}
			next();
		});
	});
	on.on("error", (e) => {
		console.log(`${one.path}: ${e.message}`);
		process.exit(1);
	});
	on.end(one.body);
}
next();
