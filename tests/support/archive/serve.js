// serve.js ROOT PORTFILE: the folder over HTTP on a free port of 127.0.0.1,
// whose number is written to PORTFILE.
'use strict';
const fs = require('fs');
const http = require('http');
const path = require('path');
const [root, portfile] = process.argv.slice(2);

const server = http.createServer((req, res) => {
	const file = path.join(root, path.normalize('/' + req.url.split('?')[0]));
	fs.readFile(file, (err, bytes) => {
		res.writeHead(err ? 404 : 200,
			{ 'Content-Length': err ? 0 : bytes.length });
		res.end(err ? undefined : bytes);
	});
});
server.listen(0, '127.0.0.1', () => {
	fs.writeFileSync(portfile + '.new', String(server.address().port));
	fs.renameSync(portfile + '.new', portfile);
});
