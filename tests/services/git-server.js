// A forge for web-git's proof: git's own http-backend behind HTTPS.
//	node git-server.js ROOT ADDRESS PORT KEY CERTIFICATE
const { spawn } = require("child_process");
const fs = require("fs");
const https = require("https");
const [root, address, port, key, cert] = process.argv.slice(2);

https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) },
	(req, res) => {
		const url = new URL(req.url, "https://x");
		const git = spawn("git", ["http-backend"], { env: {
			PATH: process.env.PATH,
			GIT_PROJECT_ROOT: root,
			GIT_HTTP_EXPORT_ALL: "1",
			GIT_CONFIG_COUNT: "1",
			GIT_CONFIG_KEY_0: "safe.directory",
			GIT_CONFIG_VALUE_0: "*",
			PATH_INFO: url.pathname,
			QUERY_STRING: url.search.slice(1),
			REQUEST_METHOD: req.method,
			CONTENT_TYPE: req.headers["content-type"] || "",
			HTTP_CONTENT_ENCODING: req.headers["content-encoding"] || "",
			GIT_PROTOCOL: req.headers["git-protocol"] || "",
		}, stdio: ["pipe", "pipe", "inherit"] });
		const said = [];
		req.pipe(git.stdin);
		git.stdin.on("error", () => {});
		git.stdout.on("data", (d) => said.push(d));
		git.on("close", () => {
			const all = Buffer.concat(said);
			const end = all.indexOf("\r\n\r\n");
			let status = 200;
			for (const line of all.subarray(0, end).toString().split("\r\n")) {
				const [name, value] = line.split(": ");
				if (name === "Status") status = parseInt(value, 10);
				else res.setHeader(name, value);
			}
			res.writeHead(status);
			res.end(all.subarray(end + 4));
		});
	}).listen(Number(port), address);
