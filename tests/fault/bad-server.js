// bad-server.js ADDRESS PORT GOOD MODEFILE LOG [CERT...]: stands between a router and its
// server and does what the one word in MODEFILE says, read anew for each
// request; "targets WORD" does it to images only.  A line for each request goes
// to LOG.  With CERT, a file with a certificate and its key, PORT + 1 speaks TLS,
// and with another one PORT + 2 does.
'use strict';
const fs = require('fs');
const http = require('http');
const https = require('https');

const [, , address, port, good, modefile, log, ...certs] = process.argv;
const page = '<html><title>Welcome</title>Please log in.</html>';

function fetch(req, headers, use) {
	const h = Object.assign({}, headers);
	if (req.method === 'POST')
		h['content-type'] = req.headers['content-type'];
	const on = http.request(good + req.url, { method: req.method, headers: h }, (res) => {
		const parts = [];
		res.on('data', (d) => parts.push(d));
		res.on('end', () => use(res, Buffer.concat(parts)));
	});
	req.pipe(on);
}
function other(body) {
	const b = Buffer.from(body);
	for (let i = 1; i < b.length; i += 97)
		b[i] ^= 1;
	return b;
}
// The first part of a body, then nothing more.
function part(res, head, body) {
	res.writeHead(head.statusCode, head.headers);
	res.write(body.subarray(0, body.length >> 1));
}
const range = (req) => req.headers.range ? { range: req.headers.range } : {};
const modes = {
	good: (req, res) => fetch(req, range(req), (head, body) => {
		res.writeHead(head.statusCode, head.headers);
		res.end(body);
	}),
	portal: (req, res) => {
		res.writeHead(200, { 'Content-Type': 'text/html' });
		res.end(page);
	},
	gone: (req, res) => { res.writeHead(404); res.end(); },
	busy: (req, res) => {
		res.writeHead(503, { 'Retry-After': '7200' });
		res.end();
	},
	many: (req, res) => { res.writeHead(429); res.end(); },
	proxy: (req, res) => { res.writeHead(407); res.end(page); },
	reset: (req) => req.socket.resetAndDestroy(),
	silent: () => {},
	redirect: (req, res) => {
		res.writeHead(302, { Location: req.url + 'x' });
		res.end();
	},
	file: (req, res) => {
		res.writeHead(302, { Location: 'file:///etc/passwd' });
		res.end();
	},
	headers: (req, res) => {
		req.socket.write('HTTP/1.1 200 OK\r\n');
		const more = () => req.socket.write(
		    'X-More: ' + 'm'.repeat(1000) + '\r\n', (e) => e || more());
		more();
	},
	endless: (req, res) => {
		res.writeHead(200);
		const more = () => res.write('m'.repeat(65536), (e) => e || more());
		more();
	},
	other: (req, res) => fetch(req, range(req), (head, body) => {
		res.writeHead(head.statusCode, head.headers);
		res.end(other(body));
	}),
	// Metadata that is refused, and nobody who takes the report of it.
	refused: (req, res) =>
		modes[req.method === 'POST' ? 'portal' : 'other'](req, res),
	longer: (req, res) => fetch(req, range(req), (head, body) => {
		res.writeHead(head.statusCode);
		res.write(body);
		res.end('more');
	}),
	cut: (req, res) => fetch(req, range(req), (head, body) => {
		part(res, head, body);
		setTimeout(() => res.socket.destroy(), 50);
	}),
	stall: (req, res) => fetch(req, range(req), (head, body) =>
	    part(res, head, body)),
	// The first part of other bytes; what follows is right.
	changed: (req, res) => fetch(req, range(req), (head, body) => {
		if (req.headers.range) {
			res.writeHead(head.statusCode, head.headers);
			res.end(body);
			return;
		}
		part(res, head, other(body));
		setTimeout(() => res.socket.destroy(), 50);
	}),
	// A range is answered from its beginning, and from elsewhere.
	whole: (req, res) => fetch(req, {}, (head, body) => {
		res.writeHead(200);
		res.end(body);
	}),
	elsewhere: (req, res) => fetch(req, {}, (head, body) => {
		if (!req.headers.range) {
			res.writeHead(200);
			res.end(body);
			return;
		}
		res.writeHead(206, { 'Content-Range':
		    `bytes 7-${body.length - 1}/${body.length}` });
		res.end(body.subarray(7));
	}),
};

function answer(req, res) {
	const words = fs.readFileSync(modefile, 'utf8').trim().split(' ');
	const images = words[0] === 'targets';
	const word = images ? words[1] : words[0];
	const here = !images || req.url.includes('/targets/images') ||
	    req.url.includes('/targets/transport');

	fs.appendFileSync(log, `${req.url} ${req.headers.range || '-'}\n`);
	modes[here ? word : 'good'](req, res);
}
http.createServer(answer).listen(Number(port), address);
certs.forEach((cert, i) => {
	const pem = fs.readFileSync(cert);

	https.createServer({ cert: pem, key: pem }, answer)
	    .listen(Number(port) + 1 + i, address);
});
