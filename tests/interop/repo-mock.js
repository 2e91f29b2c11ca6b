// Drives `kiln-agent tuf-client` against good and attacked repositories, and
// tuf-js beside it against the same ones: where the two differ, the case says
// why.   node repo-mock.js OUT/kiln-agent [word]
'use strict';
const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Updater } = require('tuf-js');
const { initializeTUFRepo, tufHandlers } = require('@tufjs/repo-mock');
const { Sim, Server, newKey, inDays, sha, canonicalize } = require('./sim');

const program = path.resolve(process.argv[2] ?? 'out/dev/kiln-agent');
const only = process.argv[3] ?? '';
const haveFaketime = spawnSync('faketime', ['--version']).status === 0;
const server = new Server();
let passed = 0,
  failed = 0,
  skipped = 0;

// tuf-js takes every failure to load a root for the end of the chain, and goes
// on with the old one.
const CHAIN = 'tuf-js swallows it';
const TOP = ['2.root.json', 'timestamp.json', '1.snapshot.json', '1.targets.json'];

// Our client and tuf-js, each with a folder and a log of its own.
class Case {
  constructor(sim) {
    this.sim = sim;
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'kiln-interop-'));
    for (const d of ['md', 'targets', 'js-md', 'js-targets'])
      fs.mkdirSync(path.join(this.dir, d));
    this.ours = `t%5B${Case.n++}%2Fx%5D`;
    this.theirs = `js${Case.n}`;
    for (const who of [this.ours, this.theirs]) {
      server.sims.set(who, sim);
      server.log.set(who, []);
    }
  }

  get requests() {
    return server.log.get(this.ours);
  }

  url(kind, who = this.ours) {
    return `${server.base}/${who}/${kind}/`;
  }

  run(args, { faketime } = {}) {
    const argv = [program, 'tuf-client', ...args];
    if (faketime) argv.unshift('faketime', '-f', faketime);
    return new Promise((done) => {
      const child = spawn(argv[0], argv.slice(1));
      this.said = '';
      child.stderr.on('data', (d) => (this.said += d));
      child.on('close', (code, signal) => {
        if (code !== 0 && code !== 1) this.said += ` [${code} ${signal}]`;
        done(code ?? signal);
      });
    });
  }

  async init() {
    const root = path.join(this.dir, 'initial_root.json');
    fs.writeFileSync(root, this.sim.trustedRoot);
    fs.writeFileSync(path.join(this.dir, 'js-md', 'root.json'), this.sim.trustedRoot);
    return this.run(['--metadata-dir', path.join(this.dir, 'md'), 'init', root]);
  }

  refresh(opts) {
    this.requests.length = 0;
    return this.run(
      ['--metadata-url', this.url('metadata'), '--metadata-dir',
        path.join(this.dir, 'md'), 'refresh'], opts);
  }

  download(...names) {
    this.requests.length = 0;
    return this.run([
      '--metadata-dir', path.join(this.dir, 'md'),
      ...names.flatMap((n) => ['--target-name', n]),
      '--target-base-url', this.url('targets'),
      '--target-dir', path.join(this.dir, 'targets'),
      '--metadata-url', this.url('metadata'), 'download']);
  }

  // 0 or 1, as tuf-js sees it.
  async js(target) {
    const u = new Updater({
      metadataDir: path.join(this.dir, 'js-md'),
      metadataBaseUrl: this.url('metadata', this.theirs).slice(0, -1),
      targetDir: path.join(this.dir, 'js-targets'),
      targetBaseUrl: this.url('targets', this.theirs).slice(0, -1),
      config: { fetchRetries: 0, fetchTimeout: 5000 },
    });
    try {
      await u.refresh();
      if (target === undefined) return 0;
      const info = await u.getTargetInfo(target);
      if (!info) return 1;
      await u.downloadTarget(info, path.join(this.dir, 'js-targets', 'x'));
      return 0;
    } catch (e) {
      this.jsSaid = String(e);
      return 1;
    }
  }

  // Both clients refresh; `js` names the difference when there is one.
  async both(wanted, { word, js } = {}) {
    const ours = await this.refresh();
    assert.equal(ours, wanted, this.said);
    if (word) assert.match(this.said, new RegExp(word));
    const theirs = await this.js();
    assert.equal(theirs, js ? 1 - wanted : wanted, `tuf-js: ${this.jsSaid}`);
  }

  async bothDownload(target, wanted, { word, js } = {}) {
    const ours = await this.download(target);
    assert.equal(ours, wanted, this.said);
    if (word) assert.match(this.said, new RegExp(word));
    const theirs = await this.js(target);
    assert.equal(theirs, js ? 1 - wanted : wanted, `tuf-js: ${this.jsSaid}`);
  }

  stored(role) {
    const p = path.join(this.dir, 'md', `${role}.json`);
    return fs.existsSync(p) ? fs.readFileSync(p) : null;
  }

  version(role) {
    const b = this.stored(role);
    return b && JSON.parse(b).signed.version;
  }

  names() {
    return fs.readdirSync(path.join(this.dir, 'md')).sort();
  }

  targets() {
    const d = path.join(this.dir, 'targets');
    return fs
      .readdirSync(d)
      .map((n) => path.join(d, n))
      .sort((a, b) => Number(fs.statSync(a, { bigint: true }).mtimeNs -
        fs.statSync(b, { bigint: true }).mtimeNs))
      .map((p) => fs.readFileSync(p, 'utf8'));
  }

  cleanup() {
    fs.rmSync(this.dir, { recursive: true });
    for (const who of [this.ours, this.theirs]) {
      server.sims.delete(who);
      server.log.delete(who);
    }
  }
}
Case.n = 1;

const cases = [];
const test = (name, fn, opts) => cases.push({ name, fn, opts });
// Most cases: a fresh repository, a client that has its root.
async function started(opts) {
  const c = new Case(new Sim(opts));
  assert.equal(await c.init(), 0, c.said);
  return c;
}

test('init asks for nothing and stores the root byte for byte', async (c) => {
  assert.deepEqual(c.requests, []);
  assert.deepEqual(c.stored('root'), c.sim.trustedRoot);
  assert.deepEqual(c.names(), ['root.json']);
});
test('refresh makes the four requests and stores what came', async (c) => {
  await c.both(0);
  assert.deepEqual(c.requests, TOP);
  assert.deepEqual(c.names(), ['root.json', 'snapshot.json', 'targets.json', 'timestamp.json']);
  assert.deepEqual(c.stored('snapshot'), c.sim.files.get('1.snapshot.json'));
  assert.deepEqual(c.stored('timestamp'), c.sim.files.get('timestamp.json'));
});
test('a second refresh asks only for root and timestamp', async (c) => {
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
  test(`keys of type ${type} never count and spoil nothing`, async (c) => {
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
  test(`a root with keys of type ${type} alone is not trusted`, async () => {
    const c = new Case(new Sim({ keytype: type }));
    assert.equal(await c.init(), 1);
    assert.match(c.said, /0 of 1 signatures valid/);
    assert.deepEqual(c.names(), []);
    return c;
  }, { own: true });
}
test('one Ed25519 key under two keyids counts once', async (c) => {
  const k = c.sim.signers.timestamp[0];
  c.sim.addKey('timestamp', { ...k, id: sha('sha256', 'twin') });
  c.sim.root.roles.timestamp.threshold = 2;
  c.sim.nextRoot();
  c.sim.timestamp.version++;
  c.sim.putTimestamp();
  await c.both(1, { word: 'threshold', js: 'tuf-js counts keyids' });
});
test('unused keys of unknown type do not spoil root', async (c) => {
  c.sim.root.keys['00ff'] = { keytype: 'new', scheme: 'new', keyval: { public: 'x' } };
  c.sim.nextRoot();
  await c.both(0);
  assert.equal(c.version('root'), 2);
});
test('unknown members are covered by the signature', async (c) => {
  c.sim.root['custom-field'] = { a: [1, null, true], b: 'line\n"\\ \u2028 \u{1f600}' };
  c.sim.root.keys[c.sim.signers.root[0].id]['extra-field'] = { a: 1 };
  c.sim.nextRoot();
  await c.both(0);
  assert.equal(c.version('root'), 2);
  assert.deepEqual(c.stored('root'), c.sim.files.get('2.root.json'));
});
test('the chain of roots is walked to its end', async (c) => {
  for (let i = 0; i < 4; i++) {
    const old = c.sim.signers.root;
    c.sim.rotate('root', 2);
    c.sim.nextRoot(old);
  }
  await c.both(0);
  assert.deepEqual(c.requests.slice(0, 5), ['2.root.json', '3.root.json', '4.root.json', '5.root.json', '6.root.json']);
  assert.equal(c.version('root'), 5);
});
test('403 ends the chain of roots as 404 does', async (c) => {
  c.sim.answer = (kind, name, req, res) => {
    if (name !== '2.root.json') return false;
    res.writeHead(403).end();
    return true;
  };
  await c.both(0);
});
test('500 for a root is not the end of the chain', async (c) => {
  c.sim.answer = (kind, name, req, res) => {
    if (name !== '2.root.json') return false;
    res.writeHead(500).end();
    return true;
  };
  await c.both(1, { js: CHAIN });
  assert.deepEqual(c.requests, ['2.root.json']);
});
test('T7 a root that skips a version is refused', async (c) => {
  c.sim.root.version = 3;
  c.sim.files.set('2.root.json', c.sim.sign(c.sim.root, c.sim.signers.root));
  await c.both(1, { word: 'root chain', js: CHAIN });
  assert.equal(c.version('root'), 1);
});
test('T7 a root not signed by the old keys is refused', async (c) => {
  c.sim.rotate('root');
  c.sim.nextRoot();
  await c.both(1, { word: 'threshold', js: CHAIN });
  assert.equal(c.version('root'), 1);
});
test('T7 a root not signed by its own keys is refused', async (c) => {
  const old = c.sim.signers.root;
  c.sim.rotate('root');
  c.sim.root.version++;
  c.sim.putRoot(old);
  await c.both(1, { word: 'threshold', js: CHAIN });
});
test('T5 an expired last root is stored, then ends the run', async (c) => {
  await c.both(0);
  c.sim.root.expires = inDays(-1);
  c.sim.nextRoot();
  c.sim.publish();
  await c.both(1, { word: 'freeze' });
  assert.equal(c.version('root'), 2);
  assert.equal(c.version('timestamp'), 1);
});
test('T5 an expired root inside the chain is fine', async (c) => {
  c.sim.root.expires = inDays(-1);
  c.sim.nextRoot();
  c.sim.root.expires = inDays(30);
  c.sim.nextRoot();
  await c.both(0);
});
for (const role of ['timestamp', 'snapshot', 'targets'])
  test(`T5 expired ${role} is refused and the old one stays`, async (c) => {
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
test('T5 expires in any other form is refused', async (c) => {
  for (const bad of ['never', '2999-01-01', '2999-01-01T00:00:00.000Z', 7]) {
    c.sim.timestamp.expires = bad;
    c.sim.timestamp.version++;
    c.sim.putTimestamp();
    assert.equal(await c.refresh(), 1);
    assert.match(c.said, /expires/);
  }
  assert.equal(c.version('timestamp'), null);
});
test('T1 an older timestamp is refused', async (c) => {
  c.sim.publish();
  const old = c.sim.files.get('timestamp.json');
  c.sim.publish();
  await c.both(0);
  c.sim.files.set('timestamp.json', old);
  await c.both(1, { word: 'rollback' });
  assert.equal(c.version('timestamp'), 3);
  assert.deepEqual(c.requests, ['2.root.json', 'timestamp.json']);
});
test('T1 the same timestamp version with other bytes keeps the old one', async (c) => {
  await c.both(0);
  const was = c.stored('timestamp');
  c.sim.timestamp.meta['snapshot.json'].version = 100;
  c.sim.putTimestamp();
  await c.both(0);
  assert.deepEqual(c.stored('timestamp'), was);
  assert.deepEqual(c.requests, ['2.root.json', 'timestamp.json']);
});
for (const hashes of [false, true]) {
  test(`T1 an older snapshot is refused (hashes: ${hashes})`, async (c) => {
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
  test(`T1 older targets are refused (hashes: ${hashes})`, async (c) => {
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
test('T1 a snapshot that drops a role is refused', async (c) => {
  c.sim.delegate('targets', 'a', {});
  c.sim.putRole('a');
  c.sim.publish('targets');
  await c.both(0);
  delete c.sim.snapshot.meta['a.json'];
  c.sim.publish();
  await c.both(1, { word: 'rollback' });
});
test('T3 a snapshot of another version than listed is refused', async (c) => {
  c.sim.snapshot.version = 2;
  c.sim.files.set('1.snapshot.json', c.sim.sign(c.sim.snapshot, c.sim.signers.snapshot));
  await c.both(1, { word: 'mix-and-match' });
  assert.deepEqual(c.names(), ['root.json', 'timestamp.json']);
});
test('T3 targets of other bytes than listed are refused', async (c) => {
  c.sim.hashes = true;
  c.sim.publish('targets');
  c.sim.roles.targets.x = 'same version, other bytes';
  c.sim.put('targets', 2, c.sim.sign(c.sim.roles.targets, c.sim.signers.targets));
  await c.both(1, { word: 'wrong bytes|more than' });
  assert.equal(c.version('targets'), null);
});
test('T3 metadata is there, its file not yet: the next run goes on', async (c) => {
  c.sim.publish('targets');
  const b = c.sim.files.get('2.targets.json');
  c.sim.files.delete('2.targets.json');
  await c.both(1);
  c.sim.files.set('2.targets.json', b);
  await c.both(0);
  assert.deepEqual(c.requests, ['2.root.json', 'timestamp.json', '2.targets.json']);
});
test('T4 a repeated keyid in signatures refuses the file', async (c) => {
  const k = c.sim.signers.timestamp[0];
  c.sim.timestamp.version++;
  c.sim.putTimestamp([k, k]);
  await c.both(1, { word: 'two signatures', js: 'tuf-js keeps one of the two' });
});
test('T4 too few signatures of the right keys', async (c) => {
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
test('T4 threshold zero refuses root', async (c) => {
  c.sim.root.roles.timestamp.threshold = 0;
  c.sim.nextRoot();
  await c.both(1, { word: 'threshold', js: CHAIN });
});
for (const role of ['timestamp', 'snapshot'])
  test(`T2 fast-forward of ${role} is undone by new keys`, async (c) => {
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
test('T2 fast-forward of targets is undone by new snapshot keys', async (c) => {
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
test('T2 fast-forward is undone when one of two keys is taken away', async (c) => {
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
test('T2 versions beyond 2^53 are refused', async (c) => {
  const bytes = c.sim.files.get('timestamp.json').toString();
  c.sim.files.set('timestamp.json', Buffer.from(bytes.replace('"version": 1,', '"version": 9223372036854775807,')));
  await c.both(1);
});
test('adding a key keeps protection from rollback', async (c) => {
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
  test(`a damaged stored ${role} is fetched again`, async (c) => {
    await c.both(0);
    for (const bad of ['', '{', '{}', '[]', 'null', '{"signed":{},"signatures":[]}']) {
      fs.writeFileSync(path.join(c.dir, 'md', `${role}.json`), bad);
      assert.equal(await c.refresh(), 0, c.said);
      assert.equal(c.version(role), 1);
    }
  });
test('well-formed JSON of the wrong shape never crashes', async (c) => {
  for (const bad of ['null', '[]', '{}', '"x"', '{"signed":[],"signatures":{}}',
    '{"signed":{"_type":"timestamp","version":1,"spec_version":"1.0","expires":"2999-01-01T00:00:00Z","meta":[]},"signatures":[]}',
    '{"signed":{"_type":"timestamp","version":1,"spec_version":"1.0","expires":"2999-01-01T00:00:00Z","meta":{"snapshot.json":null}},"signatures":[{}]}']) {
    c.sim.files.set('timestamp.json', Buffer.from(bad));
    assert.equal(await c.refresh(), 1, c.said);
  }
  assert.deepEqual(c.names(), ['root.json']);
});
test('N2 endless data is cut at the limit', async (c) => {
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
test('no consistent snapshots: names without versions and hashes', async () => {
  const c = await started({ consistent: false });
  c.sim.target('targets', 'a', 'text');
  c.sim.publish('targets');
  await c.both(0);
  assert.deepEqual(c.requests, ['2.root.json', 'timestamp.json', 'snapshot.json', 'targets.json']);
  await c.bothDownload('a', 0);
  assert.deepEqual(c.requests.slice(2), ['targets/a']);
  return c;
}, { own: true });

// Delegations: who is asked for, in which order.
const graphs = {
  'one': { d: [['targets', 'A']], asked: ['A'] },
  'siblings': { d: [['targets', 'A'], ['targets', 'B']], asked: ['A', 'B'] },
  'depth first': { d: [['targets', 'A'], ['targets', 'B'], ['A', 'C'], ['A', 'D']], asked: ['A', 'C', 'D', 'B'] },
  'three levels': { d: [['targets', 'A'], ['targets', 'B'], ['A', 'C'], ['C', 'D']], asked: ['A', 'C', 'D', 'B'] },
  'terminating': { d: [['targets', 'A'], ['targets', 'B'], ['A', 'C', { terminating: true }], ['A', 'D']], asked: ['A', 'C'] },
  'terminating has children': { d: [['targets', 'A'], ['targets', 'B'], ['A', 'C', { terminating: true }], ['C', 'D']], asked: ['A', 'C', 'D'] },
  'paths that do not match': { d: [['targets', 'A', { paths: ['*.py'] }], ['targets', 'B'], ['A', 'C']], asked: ['B'] },
  'a cycle': { d: [['targets', 'A'], ['targets', 'B'], ['B', 'C'], ['C', 'D'], ['D', 'B']], asked: ['A', 'B', 'C', 'D'] },
  'hash prefixes': { d: [['targets', 'A', { prefixes: [sha('sha256', 'missing').slice(0, 3)] }], ['targets', 'B', { prefixes: ['0123456789'] }]], asked: ['A'] },
};
for (const [name, g] of Object.entries(graphs))
  test(`search order: ${name}`, async (c) => {
    for (const [from, to, opts] of g.d) {
      const twice = to in c.sim.roles;
      const keys = c.sim.delegate(from, to, opts ?? {});
      if (twice) c.sim.signers[to].push(...keys);
    }
    for (const r of Object.keys(c.sim.roles)) if (r !== 'targets') c.sim.putRole(r);
    c.sim.publish('targets');
    await c.both(0);
    await c.bothDownload('missing', 1);
    assert.deepEqual(c.requests.slice(2), g.asked.map((r) => `1.${r}.json`));
    assert.deepEqual(c.names(), [...g.asked, 'root', 'snapshot', 'targets', 'timestamp'].map((r) => `${r}.json`).sort());
    assert.equal(await c.download('missing'), 1);
    assert.deepEqual(c.requests.slice(2), []);
  });
for (const role of ['?', '#', '/delegatedrole', '../delegatedrole', '..', 'ä b', '1'])
  test(`role named "${role}" is safe in URL and file name`, async (c) => {
    c.sim.delegate('targets', role, {});
    c.sim.target(role, 'x', 'by an odd name');
    c.sim.putRole(role);
    c.sim.publish('targets');
    assert.equal(await c.download('x'), 0, c.said);
    assert.ok(c.requests.includes(`1.${encodeURIComponent(role)}.json`));
    assert.ok(c.names().includes(`${encodeURIComponent(role)}.json`));
    assert.equal(c.names().length, 5);
  });
test('a delegated role below its threshold supplies nothing', async (c) => {
  const [a, b] = c.sim.delegate('targets', 'svc', { n: 3, k: 2, terminating: true, paths: ['images/*/*'] });
  c.sim.target('svc', 'images/x/y', 'an image');
  c.sim.putRole('svc', [a]);
  c.sim.publish('targets');
  await c.bothDownload('images/x/y', 1, { word: '1 of 2' });
  c.sim.putRole('svc', [a, b]);
  await c.bothDownload('images/x/y', 0);
  assert.deepEqual(c.targets(), ['an image']);
});
test('a role stored under two keys is refused when one is taken away', async (c) => {
  const [a, b] = c.sim.delegate('targets', 'svc', { n: 2, k: 2 });
  c.sim.target('svc', 'x', 'content');
  c.sim.putRole('svc', [a, b]);
  c.sim.publish('targets');
  await c.bothDownload('x', 0);
  const d = c.sim.roles.targets.delegations.roles[0];
  const fresh = newKey();
  d.keyids = [a.id, fresh.id];
  c.sim.roles.targets.delegations.keys[fresh.id] = fresh.meta;
  c.sim.publish('targets');
  assert.equal(await c.download('x'), 1);
  assert.match(c.said, /1 of 2/);
});
test('both paths and path_hash_prefixes, or neither: refused', async (c) => {
  c.sim.delegate('targets', 'A', {});
  c.sim.putRole('A');
  const d = c.sim.roles.targets.delegations.roles[0];
  d.path_hash_prefixes = ['00'];
  c.sim.publish('targets');
  await c.both(1, { word: 'exactly one' });
  delete d.path_hash_prefixes;
  delete d.paths;
  c.sim.publish('targets');
  await c.both(1, { word: 'exactly one', js: 'tuf-js takes neither for a role of no paths' });
});

// Targets.
test('targets are fetched by hash, checked, kept, and not fetched again', async (c) => {
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
test('sha512 alone, and both hashes', async (c) => {
  c.sim.target('targets', 'a', 'by sha512', ['sha512']);
  c.sim.target('targets', 'b', 'by both', ['sha256', 'sha512']);
  c.sim.publish('targets');
  await c.bothDownload('a', 0);
  await c.bothDownload('b', 0);
  c.sim.roles.targets.targets.b.hashes.sha512 = sha('sha512', 'other');
  c.sim.publish('targets');
  await c.bothDownload('b', 1, { word: 'SHA-512' });
});
test('a target with unknown hashes alone is refused', async (c) => {
  c.sim.target('targets', 'a', 'text');
  c.sim.roles.targets.targets.a.hashes = { blake3: 'aa' };
  c.sim.publish('targets');
  assert.equal(await c.download('a'), 1);
  assert.deepEqual(c.targets(), []);
});
test('N1 wrong bytes, too many and too few leave no file', async (c) => {
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
test('T5 stored metadata that has expired since can still be updated', async (c) => {
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
test('T6 1,024 roots are walked in one run', async (c) => {
  for (let i = 0; i < 1024; i++) {
    c.sim.root.expires = inDays(i === 1023 ? 30 : -1000 + i * 0.9);
    const old = c.sim.signers.root;
    c.sim.rotate('root');
    for (const k of old) delete c.sim.root.keys[k.id];
    c.sim.nextRoot(old);
  }
  const start = Date.now();
  assert.equal(await c.refresh(), 0, c.said);
  assert.equal(c.version('root'), 1025);
  assert.ok(Date.now() - start < 120000);
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

async function main() {
  await server.start();
  for (const { name, fn, opts } of cases.filter((t) => t.name.includes(only))) {
    if (opts?.faketime && !haveFaketime) {
      skipped++;
      console.log(`SKIP ${name}: faketime is not installed`);
      continue;
    }
    let c;
    try {
      if (opts?.own) c = await fn();
      else {
        c = await started();
        await fn(c);
      }
      passed++;
      console.log(`ok ${name}`);
    } catch (e) {
      failed++;
      console.log(`not ok ${name}\n    ${String(e.stack ?? e).split('\n').slice(0, 14).join('\n    ')}`);
    }
    c?.cleanup();
  }
  server.stop();
  console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
  process.exitCode = failed || !passed ? 1 : 0;
}
main();
