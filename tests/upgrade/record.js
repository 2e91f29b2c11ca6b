/*
 * record.js PORT FILE: stands before a farm at PORT, passes each request on and
 * appends to FILE what was asked and answered, a line each:
 * {"method", "path", "body", "status"}.  Prints its own port.
 */
"use strict";
const http = require("http");
const fs = require("fs");
const [port, file] = process.argv.slice(2);

http.createServer((req, res) => {
	const parts = [];
	req.on("data", (d) => parts.push(d));
	req.on("end", () => {
		const body = Buffer.concat(parts);
		const on = http.request({ host: "127.0.0.1", port, path: req.url,
			method: req.method, headers: req.headers }, (answer) => {
			fs.appendFileSync(file, JSON.stringify({ method: req.method,
				path: req.url, body: body.toString(),
				status: answer.statusCode }) + "\n");
			res.writeHead(answer.statusCode, answer.headers);
			answer.pipe(res);
		});
		on.on("error", () => res.destroy());
		on.end(body);
	});
}).listen(0, "127.0.0.1", function () {
	console.log(this.address().port);
});
