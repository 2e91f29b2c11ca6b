// listen.js PROGRAM ARGUMENT...: runs it with --listen-fd 3, a socket of
// 127.0.0.1 whose port the kernel chose, and prints that port.
'use strict';
const net = require('net');
const { spawn } = require('child_process');

const server = net.createServer().listen(0, '127.0.0.1', () => {
	const child = spawn(process.argv[2],
	    [...process.argv.slice(3), '--listen-fd', '3'],
	    { stdio: ['ignore', 'inherit', 'inherit', server._handle.fd] });

	console.log(server.address().port);
	server.close(); // the program's copy stays, and it alone accepts
	for (const s of ['SIGTERM', 'SIGINT'])
		process.on(s, () => child.kill(s));
	child.on('exit', (code) => process.exit(code === null ? 1 : code));
});
