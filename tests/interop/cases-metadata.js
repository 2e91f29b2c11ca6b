// From the trusted root to targets: TUF 5.1 to 5.6, and how signatures count.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { Case, test, started, CHAIN, TOP } = require('./case');
const { Sim, newKey, inDays, sha } = require('./sim');

test('init asks for nothing and stores the root byte for byte', async (c) => {
  assert.deepEqual(c.requests, []);
  assert.deepEqual(c.stored('root'), c.sim.trustedRoot);
  assert.deepEqual(c.names(), ['root.json']);
});
test('5.4.5 5.5.7 5.6.6: refresh makes the four requests and stores what came', async (c) => {
  await c.both(0);
  assert.deepEqual(c.requests, TOP);
  assert.deepEqual(c.names(), ['root.json', 'snapshot.json', 'targets.json', 'timestamp.json']);
  assert.deepEqual(c.stored('snapshot'), c.sim.files.get('1.snapshot.json'));
  assert.deepEqual(c.stored('timestamp'), c.sim.files.get('timestamp.json'));
});
test('5.5.8 5.6.8: a second refresh asks only for root and timestamp', async (c) => {
  await c.both(0);
  await c.both(0);
  assert.deepEqual(c.requests, ['2.root.json', 'timestamp.json']);
});
test('a client without its root asks for nothing', async (c) => {
  fs.rmSync(path.join(c.dir, 'md', 'root.json'));
  assert.equal(await c.refresh(), 1);
  assert.deepEqual(c.requests, []);
});
test('an invalid root at init leads to no request', async (c) => {
  const root = JSON.parse(c.sim.trustedRoot);
  delete root.signed.version;
  c.sim.trustedRoot = Buffer.from(JSON.stringify(root));
  fs.rmSync(path.join(c.dir, 'md', 'root.json'));
  await c.init();
  assert.equal(await c.refresh(), 1);
  assert.deepEqual(c.requests, []);
});
test('usage errors end with 1', async (c) => {
  for (const args of [[], ['refresh'], ['--nonsense', 'refresh'], ['dance'],
    ['--metadata-dir', '/nonexistent', 'init', '/nonexistent']])
    assert.equal(await c.run(args), 1);
});
for (const type of ['ecdsa', 'rsa-pss', 'rsa-pkcs1']) {
  test(`5.8.7: keys of type ${type} never count and spoil nothing`, async (c) => {
    const [ours] = c.sim.signers.timestamp;
    const other = c.sim.addKey('timestamp', newKey(type));
    c.sim.nextRoot();
    c.sim.timestamp.version++;
    c.sim.putTimestamp([other, ours]);
    assert.equal(await c.refresh(), 0, c.said);
    assert.equal(c.version('timestamp'), 2);
    c.sim.timestamp.version++;
    c.sim.putTimestamp([other]);
    assert.equal(await c.refresh(), 1);
    assert.match(c.said, /0 of 1 signatures valid/);
    c.sim.root.roles.timestamp.threshold = 2;
    c.sim.nextRoot();
    c.sim.putTimestamp([other, ours]);
    assert.equal(await c.refresh(), 1);
    assert.match(c.said, /1 of 2 signatures valid/);
    assert.equal(c.version('timestamp'), 2);
  });
  test(`5.2 5.8.7: a root with keys of type ${type} alone is not trusted`, async () => {
    const c = new Case(new Sim({ keytype: type }));
    assert.equal(await c.init(), 1);
    assert.match(c.said, /0 of 1 signatures valid/);
    assert.deepEqual(c.names(), []);
    return c;
  }, { own: true });
}
test('5.10: one Ed25519 key under two keyids counts once', async (c) => {
  const k = c.sim.signers.timestamp[0];
  c.sim.addKey('timestamp', { ...k, id: sha('sha256', 'twin') });
  c.sim.root.roles.timestamp.threshold = 2;
  c.sim.nextRoot();
  c.sim.timestamp.version++;
  c.sim.putTimestamp();
  await c.both(1, { word: 'threshold', js: 'tuf-js counts keyids' });
});
test('5.8.7: unused keys of unknown type do not spoil root', async (c) => {
  c.sim.root.keys['00ff'] = { keytype: 'new', scheme: 'new', keyval: { public: 'x' } };
  c.sim.nextRoot();
  await c.both(0);
  assert.equal(c.version('root'), 2);
});
test('4.5 5.8.1 8.1.1 8.5.1: unknown members are covered by the signature', async (c) => {
  c.sim.root['custom-field'] = { a: [1, null, true], b: 'line\n"\\ \u2028 \u{1f600}' };
  c.sim.root.keys[c.sim.signers.root[0].id]['extra-field'] = { a: 1 };
  c.sim.nextRoot();
  await c.both(0);
  assert.equal(c.version('root'), 2);
  assert.deepEqual(c.stored('root'), c.sim.files.get('2.root.json'));
});
test('5.3.3: the chain of roots is walked to its end', async (c) => {
  for (let i = 0; i < 4; i++) {
    const old = c.sim.signers.root;
    c.sim.rotate('root', 2);
    c.sim.nextRoot(old);
  }
  await c.both(0);
  assert.deepEqual(c.requests.slice(0, 5), ['2.root.json', '3.root.json', '4.root.json', '5.root.json', '6.root.json']);
  assert.equal(c.version('root'), 5);
});
test('5.3.3: 403 ends the chain of roots as 404 does', async (c) => {
  c.sim.answer = (kind, name, req, res) => {
    if (name !== '2.root.json') return false;
    res.writeHead(403).end();
    return true;
  };
  await c.both(0);
});
test('5.3.3: 500 for a root is not the end of the chain', async (c) => {
  c.sim.answer = (kind, name, req, res) => {
    if (name !== '2.root.json') return false;
    res.writeHead(500).end();
    return true;
  };
  await c.both(1, { js: CHAIN });
  assert.deepEqual(c.requests, ['2.root.json']);
});
test('5.3.5: T7 a root that skips a version is refused', async (c) => {
  c.sim.root.version = 3;
  c.sim.files.set('2.root.json', c.sim.sign(c.sim.root, c.sim.signers.root));
  await c.both(1, { word: 'root chain', js: CHAIN });
  assert.equal(c.version('root'), 1);
});
test('5.3.4: T7 a root not signed by the old keys is refused', async (c) => {
  c.sim.rotate('root');
  c.sim.nextRoot();
  await c.both(1, { word: 'threshold', js: CHAIN });
  assert.equal(c.version('root'), 1);
});
test('5.3.4: T7 a root not signed by its own keys is refused', async (c) => {
  const old = c.sim.signers.root;
  c.sim.rotate('root');
  c.sim.root.version++;
  c.sim.putRoot(old);
  await c.both(1, { word: 'threshold', js: CHAIN });
});
test('5.3.8 5.3.10: T5 an expired last root is stored, then ends the run', async (c) => {
  await c.both(0);
  c.sim.root.expires = inDays(-1);
  c.sim.nextRoot();
  c.sim.publish();
  await c.both(1, { word: 'freeze' });
  assert.equal(c.version('root'), 2);
  assert.equal(c.version('timestamp'), 1);
});
test('5.3.6: T5 an expired root inside the chain is fine', async (c) => {
  c.sim.root.expires = inDays(-1);
  c.sim.nextRoot();
  c.sim.root.expires = inDays(30);
  c.sim.nextRoot();
  await c.both(0);
});
for (const role of ['timestamp', 'snapshot', 'targets'])
  test(`5.4.4 5.5.6 5.6.5: T5 expired ${role} is refused and the old one stays`, async (c) => {
    await c.both(0);
    const f = role === 'targets' ? c.sim.roles.targets : c.sim[role];
    f.expires = inDays(-5);
    c.sim.publish('targets');
    await c.both(1, { word: 'freeze' });
    assert.equal(c.version(role), 1);
    f.expires = inDays(5);
    c.sim.publish('targets');
    await c.both(0);
  });
test('4.2: T5 expires in any other form is refused', async (c) => {
  for (const bad of ['never', '2999-01-01', '2999-01-01T00:00:00.000Z', 7]) {
    c.sim.timestamp.expires = bad;
    c.sim.timestamp.version++;
    c.sim.putTimestamp();
    assert.equal(await c.refresh(), 1);
    assert.match(c.said, /expires/);
  }
  assert.equal(c.version('timestamp'), null);
});
test('5.4.3.1: T1 an older timestamp is refused', async (c) => {
  c.sim.publish();
  const old = c.sim.files.get('timestamp.json');
  c.sim.publish();
  await c.both(0);
  c.sim.files.set('timestamp.json', old);
  await c.both(1, { word: 'rollback' });
  assert.equal(c.version('timestamp'), 3);
  assert.deepEqual(c.requests, ['2.root.json', 'timestamp.json']);
});
test('5.4.3.2: T1 the same timestamp version with other bytes keeps the old one', async (c) => {
  await c.both(0);
  const was = c.stored('timestamp');
  c.sim.timestamp.meta['snapshot.json'].version = 100;
  c.sim.putTimestamp();
  await c.both(0);
  assert.deepEqual(c.stored('timestamp'), was);
  assert.deepEqual(c.requests, ['2.root.json', 'timestamp.json']);
});
for (const hashes of [false, true]) {
  test(`5.4.3.3: T1 an older snapshot is refused (hashes: ${hashes})`, async (c) => {
    c.sim.hashes = hashes;
    c.sim.publish();
    await c.both(0);
    c.sim.snapshot.version = 1;
    c.sim.putSnapshot();
    c.sim.timestamp.version++;
    c.sim.putTimestamp();
    await c.both(1, { word: 'rollback' });
    assert.equal(c.version('timestamp'), 2);
    assert.equal(c.version('snapshot'), 2);
  });
  test(`5.5.5.2: T1 older targets are refused (hashes: ${hashes})`, async (c) => {
    c.sim.hashes = hashes;
    c.sim.publish('targets');
    await c.both(0);
    c.sim.roles.targets.version = 1;
    c.sim.putRole('targets');
    c.sim.publish();
    await c.both(1, { word: 'rollback' });
    assert.equal(c.version('targets'), 2);
  });
}
test('5.5.5.1: T1 a snapshot that drops a role is refused', async (c) => {
  c.sim.delegate('targets', 'a', {});
  c.sim.putRole('a');
  c.sim.publish('targets');
  await c.both(0);
  delete c.sim.snapshot.meta['a.json'];
  c.sim.publish();
  await c.both(1, { word: 'rollback' });
});
test('5.5.4: T3 a snapshot of another version than listed is refused', async (c) => {
  c.sim.snapshot.version = 2;
  c.sim.files.set('1.snapshot.json', c.sim.sign(c.sim.snapshot, c.sim.signers.snapshot));
  await c.both(1, { word: 'mix-and-match' });
  assert.deepEqual(c.names(), ['root.json', 'timestamp.json']);
});
test('5.6.2: T3 targets of other bytes than listed are refused', async (c) => {
  c.sim.hashes = true;
  c.sim.publish('targets');
  c.sim.roles.targets.x = 'same version, other bytes';
  c.sim.put('targets', 2, c.sim.sign(c.sim.roles.targets, c.sim.signers.targets));
  await c.both(1, { word: 'wrong bytes|more than' });
  assert.equal(c.version('targets'), null);
});
test('5.9.3: T3 metadata is there, its file not yet: the next run goes on', async (c) => {
  c.sim.publish('targets');
  const b = c.sim.files.get('2.targets.json');
  c.sim.files.delete('2.targets.json');
  await c.both(1);
  c.sim.files.set('2.targets.json', b);
  await c.both(0);
  assert.deepEqual(c.requests, ['2.root.json', 'timestamp.json', '2.targets.json']);
});
test('5.8.3: T4 a repeated keyid in signatures refuses the file', async (c) => {
  const k = c.sim.signers.timestamp[0];
  c.sim.timestamp.version++;
  c.sim.putTimestamp([k, k]);
  await c.both(1, { word: 'two signatures', js: 'tuf-js keeps one of the two' });
});
test('5.8.2 5.8.4: T4 too few signatures of the right keys', async (c) => {
  const old = c.sim.signers.snapshot;
  c.sim.rotate('snapshot', 3, 2);
  c.sim.nextRoot();
  const [a, b] = c.sim.signers.snapshot;
  c.sim.snapshot.version++;
  c.sim.putSnapshot([a, ...old, newKey()]);
  c.sim.timestamp.version++;
  c.sim.putTimestamp();
  await c.both(1, { word: '1 of 2' });
  c.sim.putSnapshot([a, b]);
  await c.both(0);
});
test('5.8.6: T4 threshold zero refuses root', async (c) => {
  c.sim.root.roles.timestamp.threshold = 0;
  c.sim.nextRoot();
  await c.both(1, { word: 'threshold', js: CHAIN });
});
for (const role of ['timestamp', 'snapshot'])
  test(`5.3.11 6.8.2: T2 fast-forward of ${role} is undone by new keys`, async (c) => {
    c.sim[role].version = 99999;
    c.sim.publish();
    await c.both(0);
    assert.equal(c.version(role), 100000);
    for (const r of ['timestamp', 'snapshot']) c.sim.rotate(r);
    c.sim.nextRoot();
    c.sim[role].version = 1;
    c.sim.putSnapshot();
    c.sim.timestamp.version = role === 'timestamp' ? 1 : c.sim.timestamp.version + 1;
    c.sim.putTimestamp();
    await c.both(0);
    assert.equal(c.version(role), 1);
  });
test('5.3.11 6.8.2: T2 fast-forward of targets is undone by new snapshot keys', async (c) => {
  c.sim.roles.targets.version = 99999;
  c.sim.publish('targets');
  await c.both(0);
  c.sim.rotate('snapshot');
  c.sim.nextRoot();
  c.sim.roles.targets.version = 1;
  c.sim.putRole('targets');
  c.sim.publish();
  await c.both(0);
  assert.equal(c.version('targets'), 1);
});
test('5.3.11: T2 fast-forward is undone when one of two keys is taken away', async (c) => {
  c.sim.addKey('timestamp');
  c.sim.nextRoot();
  c.sim.timestamp.version = 99999;
  c.sim.putTimestamp();
  await c.both(0);
  const [gone, stays] = c.sim.signers.timestamp;
  c.sim.signers.timestamp = [stays];
  c.sim.root.roles.timestamp.keyids = [stays.id];
  delete c.sim.root.keys[gone.id];
  c.sim.nextRoot();
  c.sim.timestamp.version = 2;
  c.sim.putTimestamp();
  await c.both(0, { js: 'tuf-js keeps a floor that a remaining key signed' });
  assert.equal(c.version('timestamp'), 2);
});
test('8.4.2: T2 versions beyond 2^53 are refused', async (c) => {
  const bytes = c.sim.files.get('timestamp.json').toString();
  c.sim.files.set('timestamp.json', Buffer.from(bytes.replace('"version": 1,', '"version": 9223372036854775807,')));
  await c.both(1);
});
test('5.3.11: adding a key keeps protection from rollback', async (c) => {
  c.sim.publish();
  const old = c.sim.files.get('timestamp.json');
  c.sim.publish();
  await c.both(0);
  c.sim.addKey('timestamp');
  c.sim.nextRoot();
  c.sim.files.set('timestamp.json', old);
  await c.both(1, { word: 'rollback' });
});
for (const role of ['timestamp', 'snapshot', 'targets'])
  test(`5.9.2: a damaged stored ${role} is fetched again`, async (c) => {
    await c.both(0);
    for (const bad of ['', '{', '{}', '[]', 'null', '{"signed":{},"signatures":[]}']) {
      fs.writeFileSync(path.join(c.dir, 'md', `${role}.json`), bad);
      assert.equal(await c.refresh(), 0, c.said);
      assert.equal(c.version(role), 1);
    }
  });
test('4.7: well-formed JSON of the wrong shape never crashes', async (c) => {
  for (const bad of ['null', '[]', '{}', '"x"', '{"signed":[],"signatures":{}}',
    '{"signed":{"_type":"timestamp","version":1,"spec_version":"1.0","expires":"2999-01-01T00:00:00Z","meta":[]},"signatures":[]}',
    '{"signed":{"_type":"timestamp","version":1,"spec_version":"1.0","expires":"2999-01-01T00:00:00Z","meta":{"snapshot.json":null}},"signatures":[{}]}']) {
    c.sim.files.set('timestamp.json', Buffer.from(bad));
    assert.equal(await c.refresh(), 1, c.said);
  }
  assert.deepEqual(c.names(), ['root.json']);
});
test('5.4.1: N2 endless data is cut at the limit', async (c) => {
  c.sim.answer = (kind, name, req, res) => {
    if (name !== 'timestamp.json') return false;
    res.writeHead(200);
    const more = () => {
      while (!res.destroyed && res.write(Buffer.alloc(65536, 32)));
    };
    res.on('drain', more);
    more();
    return true;
  };
  assert.equal(await c.refresh(), 1);
  assert.match(c.said, /more than/);
});
test('N1 a body that is cut off is not taken', async (c) => {
  c.sim.answer = (kind, name, req, res) => {
    if (name !== 'timestamp.json') return false;
    res.writeHead(200, { 'Content-Length': 5000 });
    res.write('{"signed":');
    setTimeout(() => res.destroy(), 50);
    return true;
  };
  assert.equal(await c.refresh(), 1);
  assert.deepEqual(c.names(), ['root.json']);
});
test('5.3.12: no consistent snapshots: names without versions and hashes', async () => {
  const c = await started({ consistent: false });
  c.sim.target('targets', 'a', 'text');
  c.sim.publish('targets');
  await c.both(0);
  assert.deepEqual(c.requests, ['2.root.json', 'timestamp.json', 'snapshot.json', 'targets.json']);
  await c.bothDownload('a', 0);
  assert.deepEqual(c.requests.slice(2), ['targets/a']);
  return c;
}, { own: true });

// The client has taken the time before its first request: what ends two
// seconds after that is good for the whole run, which lasts longer.
test('5.1: the time is taken once, whatever a run lasts', async (c) => {
  let ends = 0;
  c.sim.answer = (kind, name, req, res) => {
    if (name === '2.root.json' && !ends) {
      ends = Math.floor(Date.now() / 1000 + 2) * 1000;
      c.sim.snapshot.expires = c.sim.timestamp.expires =
        new Date(ends).toISOString().replace(/\.\d+Z$/, 'Z');
      c.sim.publish();
    }
    if (name !== '2.snapshot.json') return false;
    const body = c.sim.files.get(name);
    setTimeout(() => res.writeHead(200, { 'Content-Length': body.length }).end(body),
      ends + 1000 - Date.now());
    return true;
  };
  assert.equal(await c.refresh(), 0, c.said);
  assert.ok(Date.now() > ends);
  c.sim.answer = null;
  assert.equal(await c.refresh(), 1);
  assert.match(c.said, /freeze/);
});
test('5.2: the shipped root may have expired long ago', async () => {
  const sim = new Sim();
  sim.root.expires = inDays(-2000);
  sim.putRoot();
  sim.trustedRoot = sim.files.get('1.root.json');
  sim.root.expires = inDays(30);
  sim.nextRoot();
  const c = new Case(sim);
  assert.equal(await c.init(), 0, c.said);
  await c.both(0);
  return c;
}, { own: true });
for (const role of ['timestamp', 'snapshot', 'targets'])
  test(`5.4.2 5.5.3 5.6.3: a ${role} that its own keys do not sign is refused`, async (c) => {
    const keys = c.sim.signers[role];
    c.sim.signers[role] = c.sim.signers.root;
    c.sim.publish('targets');
    await c.both(1, { word: '0 of 1' });
    c.sim.signers[role] = keys;
    c.sim.publish('targets');
    await c.both(0);
  });
test('5.5.2: a snapshot of other bytes than listed is refused before it is parsed', async (c) => {
  c.sim.hashes = true;
  c.sim.publish();
  const good = c.sim.files.get('2.snapshot.json');
  const name = '2.snapshot.json';
  c.sim.files.set(name, Buffer.alloc(good.length, '{'));
  await c.both(1, { word: 'SHA-256 is not the listed one' });
  c.sim.files.set(name, good);
  await c.both(0);
});
test('5.5.1 5.6.2: more bytes than listed are not read', async (c) => {
  c.sim.hashes = true;
  c.sim.publish('targets');
  for (const name of ['2.snapshot.json', '2.targets.json']) {
    const good = c.sim.files.get(name);
    c.sim.files.set(name, Buffer.concat([good, Buffer.from(' ')]));
    assert.equal(await c.refresh(), 1);
    assert.match(c.said, /more than/);
    c.sim.files.set(name, good);
  }
  await c.both(0);
});
test('5.8.4: bad signatures and unknown keyids neither count nor spoil', async (c) => {
  const [good] = c.sim.signers.timestamp;
  const bad = c.sim.addKey('timestamp');
  c.sim.root.roles.timestamp.threshold = 1;
  c.sim.nextRoot();
  c.sim.timestamp.version++;
  const forged = { ...bad, sign: () => '00'.repeat(64) };
  const garbage = { id: sha('sha256', 'nobody'), sign: () => 'zz' };
  c.sim.putTimestamp([forged, garbage, good]);
  await c.both(0);
  c.sim.timestamp.version++;
  c.sim.putTimestamp([forged, garbage]);
  await c.both(1, { word: '0 of 1' });
});
test('5.8.5: a keyid without its key is passed over', async (c) => {
  c.sim.root.roles.timestamp.keyids.unshift(sha('sha256', 'no such key'));
  c.sim.nextRoot();
  await c.both(0);
  assert.equal(c.version('root'), 2);
});
