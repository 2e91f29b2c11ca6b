// Targets, and repositories as others make them.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { Case, test, TOP } = require('./case');
const { newKey, inDays, sha, canonicalize } = require('./sim');
const { initializeTUFRepo, tufHandlers } = require('@tufjs/repo-mock');

test('5.7.3: targets are fetched by hash, checked, kept, and not fetched again', async (c) => {
  c.sim.target('targets', 'dir/sub/a.txt', 'first');
  c.sim.target('targets', 'b', 'second');
  c.sim.publish('targets');
  assert.equal(await c.download('dir/sub/a.txt', 'b'), 0, c.said);
  assert.deepEqual(c.targets(), ['first', 'second']);
  assert.ok(c.requests.includes(`targets/dir/sub/${sha('sha256', 'first')}.a.txt`));
  assert.equal(await c.download('dir/sub/a.txt', 'b'), 0);
  assert.deepEqual(c.requests, ['2.root.json', 'timestamp.json']);
  c.sim.target('targets', 'dir/sub/a.txt', 'changed');
  c.sim.publish('targets');
  assert.equal(await c.download('dir/sub/a.txt'), 0);
  assert.deepEqual(c.targets(), ['second', 'changed']);
});
test('a target path keeps its slashes and dot segments', async (c) => {
  c.sim.target('targets', '../../escape', 'stays inside');
  c.sim.publish('targets');
  assert.equal(await c.download('../../escape'), 0, c.said);
  assert.ok(c.requests.includes(`targets/../../${sha('sha256', 'stays inside')}.escape`));
  assert.deepEqual(c.targets(), ['stays inside']);
  assert.ok(!fs.existsSync(path.join(c.dir, 'escape')));
});
test('5.7.2: sha512 alone, and both hashes', async (c) => {
  c.sim.target('targets', 'a', 'by sha512', ['sha512']);
  c.sim.target('targets', 'b', 'by both', ['sha256', 'sha512']);
  c.sim.publish('targets');
  await c.bothDownload('a', 0);
  await c.bothDownload('b', 0);
  c.sim.roles.targets.targets.b.hashes.sha512 = sha('sha512', 'other');
  c.sim.publish('targets');
  await c.bothDownload('b', 1, { word: 'SHA-512' });
});
test('5.7.2: a target with unknown hashes alone is refused', async (c) => {
  c.sim.target('targets', 'a', 'text');
  c.sim.roles.targets.targets.a.hashes = { blake3: 'aa' };
  c.sim.publish('targets');
  assert.equal(await c.download('a'), 1);
  assert.deepEqual(c.targets(), []);
});
test('5.7.1 5.7.4: N1 wrong bytes, too many and too few leave no file', async (c) => {
  c.sim.target('targets', 'a', 'expected');
  c.sim.publish('targets');
  const name = `${sha('sha256', 'expected')}.a`;
  for (const bad of ['Expected', 'expected and more', 'expec', '']) {
    c.sim.content.set(name, Buffer.from(bad));
    assert.equal(await c.download('a'), 1);
    assert.deepEqual(c.targets(), []);
  }
  c.sim.content.set(name, Buffer.from('expected'));
  await c.bothDownload('a', 0);
});
test('download stops at the first failure and keeps what was good', async (c) => {
  for (const n of ['a', 'c']) c.sim.target('targets', n, n);
  c.sim.publish('targets');
  assert.equal(await c.download('a', 'missing', 'c'), 1);
  assert.deepEqual(c.targets(), ['a']);
});
test('download refreshes even when the target is unknown', async (c) => {
  await c.bothDownload('nonexistent artifact', 1);
  assert.deepEqual(c.requests, TOP);
  assert.equal(c.names().length, 4);
});
test('an empty target is a target', async (c) => {
  c.sim.target('targets', 'empty', '');
  c.sim.publish('targets');
  assert.equal(await c.download('empty'), 0, c.said);
  assert.deepEqual(c.targets(), ['']);
});
test('5.9.3: T5 stored metadata that has expired since can still be updated', async (c) => {
  c.sim.timestamp.expires = inDays(7);
  c.sim.publish();
  await c.both(0);
  c.sim.timestamp.expires = inDays(21);
  c.sim.publish('targets');
  assert.equal(await c.refresh({ faketime: '+18d' }), 0, c.said);
  assert.equal(c.version('targets'), 2);
  assert.equal(await c.refresh({ faketime: '+22d' }), 1);
  assert.match(c.said, /freeze/);
}, { faketime: true });
test('5.3.2 6.1.1: T6 1,024 roots are walked in one run', async (c) => {
  for (let i = 0; i < 1024; i++) {
    c.sim.root.expires = inDays(i === 1023 ? 30 : -1000 + i * 0.9);
    const old = c.sim.signers.root;
    c.sim.rotate('root');
    for (const k of old) delete c.sim.root.keys[k.id];
    c.sim.nextRoot(old);
  }
  assert.equal(await c.refresh(), 0, c.said);
  assert.equal(c.version('root'), 1025);
});
test('repo-mock: a repository as it makes them, by the letter of the format', async () => {
  // Its own "expires" carries milliseconds, which TUF 4 does not allow, and
  // its keys are ECDSA, which never count here.
  const stock = initializeTUFRepo([{ name: 'x', content: Buffer.from('mock') }]);
  const sim = { files: new Map(), content: new Map(), trustedRoot: null };
  for (const h of tufHandlers(stock, {})) {
    const [, kind, name] = h.path.split('/');
    const { statusCode, response } = h.fn();
    if (statusCode === 200)
      (kind === 'metadata' ? sim.files : sim.content).set(name, Buffer.from(response));
  }
  sim.trustedRoot = sim.files.get('1.root.json');
  const c = new Case(sim);
  assert.equal(await c.init(), 1);
  assert.match(c.said, /expires/);
  const key = newKey();
  const fixed = (md) => {
    const s = structuredClone(md.toJSON().signed);
    s.expires = s.expires.replace(/\.\d+Z$/, 'Z');
    if (s.keys) {
      s.keys = { [key.id]: key.meta };
      for (const r of Object.values(s.roles)) r.keyids = [key.id];
    }
    for (const m of Object.values(s.meta ?? {})) { delete m.length; delete m.hashes; }
    const sig = key.sign(Buffer.from(canonicalize(s)));
    return Buffer.from(JSON.stringify({ signed: s, signatures: [{ keyid: key.id, sig }] }));
  };
  sim.files.set('timestamp.json', fixed(stock.timestampMeta));
  sim.files.set('snapshot.json', fixed(stock.snapshotMeta));
  sim.files.set('targets.json', fixed(stock.targetsMeta));
  sim.trustedRoot = fixed(stock.rootMeta);
  assert.equal(await c.init(), 0, c.said);
  await c.bothDownload('x', 0);
  assert.deepEqual(c.targets(), ['mock']);
  return c;
}, { own: true });
