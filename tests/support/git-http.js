// git-http.js FOLDER: serves the repositories below FOLDER over http with
// git's own server; those below FOLDER/private want operator:secret.  Prints
// its port, and a line for each request to FOLDER/requests.
'use strict';
const { spawn, execFileSync } = require('child_process');
const fs = require('fs');
const http = require('http');
const path = require('path');

const root = path.resolve(process.argv[2]);
const backend = path.join(
    execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(),
    'git-http-backend');
const secret = 'Basic ' + Buffer.from('operator:secret').toString('base64');

function answer(res, bytes) {
	const end = bytes.indexOf('\r\n\r\n');
	const lines = bytes.subarray(0, end).toString('latin1').split('\r\n');
	let status = 200;

	for (const line of lines) {
		const colon = line.indexOf(':');
		const name = line.slice(0, colon), value = line.slice(colon + 2);

		if (name === 'Status')
			status = parseInt(value, 10);
		else
			res.setHeader(name, value);
	}
	res.statusCode = status;
	res.end(bytes.subarray(end + 4));
}

http.createServer((req, res) => {
	const url = new URL(req.url, 'http://localhost');

	fs.appendFileSync(path.join(root, 'requests'),
	    `${req.method} ${req.url}\n`);
	if (url.pathname.startsWith('/private/') &&
	    req.headers.authorization !== secret) {
		res.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' });
		res.end();
		return;
	}
	const cgi = spawn(backend, [], {
		env: {
			PATH: process.env.PATH,
			GIT_PROJECT_ROOT: root,
			GIT_HTTP_EXPORT_ALL: '1',
			GIT_CONFIG_COUNT: '1',
			GIT_CONFIG_KEY_0: 'safe.directory',
			GIT_CONFIG_VALUE_0: '*',
			PATH_INFO: url.pathname,
			QUERY_STRING: url.search.slice(1),
			REQUEST_METHOD: req.method,
			CONTENT_TYPE: req.headers['content-type'] || '',
			HTTP_CONTENT_ENCODING:
			    req.headers['content-encoding'] || '',
			GIT_PROTOCOL: req.headers['git-protocol'] || '',
		},
		stdio: ['pipe', 'pipe', 'inherit'],
	});
	const parts = [];

	req.pipe(cgi.stdin);
	cgi.stdin.on('error', () => {});
	cgi.stdout.on('data', (b) => parts.push(b));
	cgi.on('close', () => answer(res, Buffer.concat(parts)));
}).listen(0, '127.0.0.1', function () {
	console.log(this.address().port);
});
