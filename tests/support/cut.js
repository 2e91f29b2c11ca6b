// A relay before a server that spoils one upload: node cut.js PORT BYTES end|stall
// What goes to the server is passed on until BYTES of one connection have gone;
// then that connection is closed on both sides (end), or nothing more passes
// (stall).  Prints its port, and "cut" when that has happened.  Only the first
// connection that comes so far is spoilt, unless "end" is "always".
'use strict';
const net = require('node:net');

const [port, bytes, how] = process.argv.slice(2);
let spoilt = false;

net
  .createServer((client) => {
    const server = net.connect(Number(port), '127.0.0.1');
    let gone = 0;
    const both = () => {
      client.destroy();
      server.destroy();
    };
    for (const s of [client, server]) s.on('error', both).on('close', both);
    server.pipe(client);
    client.on('data', (d) => {
      if (gone < 0) return;
      const left = Number(bytes) - gone;
      if (d.length < left || (spoilt && how !== 'always')) {
        gone += d.length;
        server.write(d);
        return;
      }
      spoilt = true;
      gone = -1;
      server.write(d.subarray(0, left), () => {
        console.log('cut');
        if (how !== 'stall') both();
      });
    });
  })
  .listen(0, '127.0.0.1', function () {
    console.log(this.address().port);
  });
