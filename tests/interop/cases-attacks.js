// Servers and stolen keys at work: what no honest repository does.
'use strict';
const assert = require('node:assert/strict');
const zlib = require('node:zlib');
const { test } = require('./case');
const { inDays, sha } = require('./sim');

// A client that has seen version 2 of everything, with a role below targets.
async function seen(c) {
  c.sim.hashes = true;
  c.sim.delegate('targets', 'a', { paths: ['a/*'] });
  c.sim.target('a', 'a/x', 'first');
  c.sim.putRole('a');
  c.sim.publish('a', 'targets');
  assert.equal(await c.download('a/x'), 0, c.said);
  assert.deepEqual(c.targets(), ['first']);
}

function endless(c, file) {
  c.sim.answer = (kind, name, req, res) => {
    if (!name.endsWith(file)) return false;
    res.writeHead(200);
    const more = () => {
      while (!res.destroyed && res.write(Buffer.alloc(65536, 32)));
    };
    res.on('drain', more);
    more();
    return true;
  };
}
for (const [id, file, listed] of [
  ['5.3.3', '2.root.json'], ['5.4.1', 'timestamp.json'],
  ['5.5.1', '.snapshot.json', false], ['5.5.1', '.snapshot.json', true],
  ['5.6.2', '.targets.json', false], ['5.6.2', '.targets.json', true],
  ['5.6.2', '.a.json', false], ['5.6.2', '.a.json', true], ['5.7.1', '.x', true]])
  test(`${id}: N2 ${file} without end is cut at its limit (listed: ${listed})`, async (c) => {
    c.sim.hashes = listed;
    c.sim.delegate('targets', 'a', { paths: ['a/*'] });
    c.sim.target('a', 'a/x', 'first');
    c.sim.putRole('a');
    c.sim.publish('a', 'targets');
    endless(c, file);
    assert.equal(await c.download('a/x'), 1);
    assert.match(c.said, /more than/);
    assert.deepEqual(c.targets(), []);
    c.sim.answer = null;
    assert.equal(await c.download('a/x'), 0, c.said);
  });

test('5.5.5.2: T1 an older delegated role is refused', async (c) => {
  await seen(c);
  c.sim.roles.a.version = 1;
  c.sim.target('a', 'a/x', 'older');
  c.sim.putRole('a');
  c.sim.publish();
  assert.equal(await c.download('a/x'), 1);
  assert.match(c.said, /rollback/);
  assert.deepEqual(c.targets(), ['first']);
});
test('5.3.5: T1 an older root is refused', async (c) => {
  const old = c.sim.files.get('1.root.json');
  c.sim.nextRoot();
  await c.both(0);
  c.sim.files.set('3.root.json', old);
  assert.equal(await c.refresh(), 1);
  assert.match(c.said, /rollback/);
  assert.equal(c.version('root'), 2);
});
test('5.6.1 5.6.2: T3 a role of one snapshot with targets of another is refused', async (c) => {
  await seen(c);
  const old = c.sim.files.get('2.a.json');
  c.sim.target('a', 'a/x', 'second');
  c.sim.publish('a');
  c.sim.files.set('3.a.json', old);
  assert.equal(await c.download('a/x'), 1);
  assert.deepEqual(c.targets(), ['first']);
});

// One key has signed all roles: only `_type` tells them apart.
for (const [as, what] of [['timestamp', 'snapshot'], ['timestamp', 'root'],
  ['snapshot', 'timestamp'], ['snapshot', 'targets'], ['targets', 'snapshot'],
  ['targets', 'root']])
  test(`4.4: T3 a ${what} in the place of ${as} is refused`, async (c) => {
    const one = c.sim.signers.root[0];
    for (const r of ['timestamp', 'snapshot', 'targets']) {
      c.sim.signers[r] = [one];
      c.sim.root.roles[r] = { keyids: [one.id], threshold: 1 };
    }
    c.sim.nextRoot();
    c.sim.putAll();
    const bytes = { root: '2.root.json', timestamp: 'timestamp.json',
      snapshot: '1.snapshot.json', targets: '1.targets.json' };
    const honest = c.sim.files.get(bytes[as]);
    c.sim.files.set(bytes[as], c.sim.files.get(bytes[what]));
    assert.equal(await c.refresh(), 1);
    assert.match(c.said, /_type is/);
    assert.equal(c.stored(as), null);
    c.sim.files.set(bytes[as], honest);
    await c.both(0);
  });

for (const role of ['timestamp', 'snapshot', 'targets'])
  test(`6.8.2: T2 ${role} driven up by a stolen key comes down again with new keys`, async (c) => {
    const top = 2 ** 53 - 2;
    await c.both(0);
    if (role === 'timestamp') c.sim.timestamp.version = top;
    if (role === 'snapshot') c.sim.snapshot.version = top;
    if (role === 'targets') c.sim.roles.targets.version = top;
    c.sim.publish(...(role === 'targets' ? ['targets'] : []));
    await c.both(0);
    assert.ok(c.version(role) >= top);
    // The farm's next files, honest and low again: refused …
    c.sim.timestamp.version = 3;
    c.sim.snapshot.version = 3;
    c.sim.roles.targets.version = 3;
    c.sim.putAll();
    await c.both(1, { word: 'rollback' });
    // … until a new root takes the online keys away.
    c.sim.rotate('timestamp');
    c.sim.rotate('snapshot');
    c.sim.nextRoot();
    c.sim.putAll();
    await c.both(0);
    assert.equal(c.version(role), 3);
  });

test('N3 redirects in a circle come to an end', async (c) => {
  let asked = 0;
  c.sim.answer = (kind, name, req, res) => {
    if (name !== 'timestamp.json') return false;
    asked++;
    res.writeHead(302, { Location: req.url }).end();
    return true;
  };
  assert.equal(await c.refresh(), 1);
  assert.ok(asked <= 6, `${asked} requests`);
  assert.deepEqual(c.names(), ['root.json']);
});
test('N3 a body that would unpack to gigabytes is not unpacked', async (c) => {
  const bomb = zlib.gzipSync(Buffer.alloc(64 << 20, 32));
  c.sim.answer = (kind, name, req, res) => {
    if (name !== 'timestamp.json') return false;
    res.writeHead(200, { 'Content-Encoding': 'gzip', 'Content-Length': bomb.length });
    res.end(bomb);
    return true;
  };
  assert.equal(await c.refresh(), 1);
  assert.deepEqual(c.names(), ['root.json']);
});
test('N3 a part of a file where the whole was asked for is not taken', async (c) => {
  await seen(c);
  c.sim.target('a', 'a/x', 'second');
  c.sim.publish('a');
  c.sim.answer = (kind, name, req, res) => {
    if (!name.endsWith('.x')) return false;
    res.writeHead(206, { 'Content-Range': 'bytes 0-2/6', 'Content-Length': 3 });
    res.end('sec');
    return true;
  };
  assert.equal(await c.download('a/x'), 1);
  assert.deepEqual(c.targets(), ['first']);
});
test('5.10 5.8.2: T4 one key under many names does not reach a threshold', async (c) => {
  // A thief of one of two keys lists it twice where a root lets him: the
  // signed root names it under two keyids, with a threshold of two.
  const [key] = c.sim.rotate('targets', 1, 2);
  const again = { id: sha('sha256', 'another name'), meta: key.meta, sign: key.sign };
  c.sim.root.keys[again.id] = again.meta;
  c.sim.root.roles.targets = { keyids: [key.id, again.id], threshold: 2 };
  c.sim.signers.targets = [key, again];
  c.sim.nextRoot();
  c.sim.publish('targets');
  assert.equal(await c.refresh(), 1);
  assert.match(c.said, /1 of 2/);
});
test('5.4.4 5.5.6 5.6.5: T5 an old tree is served as if time stood still', async (c) => {
  await seen(c);
  for (const role of ['timestamp', 'snapshot']) {
    const was = c.sim[role].expires;
    c.sim[role].expires = inDays(-1);
    c.sim.publish();
    assert.equal(await c.download('a/x'), 1);
    assert.match(c.said, /freeze/);
    c.sim[role].expires = was;
    c.sim.publish();
  }
  c.sim.roles.a.expires = inDays(-1);
  c.sim.publish('a');
  assert.equal(await c.download('a/x'), 1);
  assert.match(c.said, /freeze/);
});
