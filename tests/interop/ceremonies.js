// After a ceremony: tuf-js and our own client refresh and download every target
// of every role, from the first root and from what they had kept of the
// previous release.
//   node ceremonies.js read LABEL TREE WORK AGENT   prints ok / not ok lines
//   node ceremonies.js forge TREE KEYS TO           what a thief of the timestamp
//       and snapshot keys publishes: the same tree under driven-up versions
'use strict';
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { Updater } = require('tuf-js');

const json = (file) => JSON.parse(fs.readFileSync(file));

// --- the thief ---------------------------------------------------------------
const sorted = (v) =>
  Array.isArray(v)
    ? v.map(sorted)
    : v && typeof v === 'object'
      ? Object.fromEntries(Object.keys(v).sort().map((k) => [k, sorted(v[k])]))
      : v;

function signed(part, keyFile, keyid) {
  const seed = fs.readFileSync(keyFile).subarray(-32);
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const key = crypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const bytes = Buffer.from(JSON.stringify(sorted(part)));
  const sig = crypto.sign(null, bytes, key).toString('hex');
  return Buffer.from(JSON.stringify({ signatures: [{ keyid, sig }], signed: part }));
}

function forge(tree, keys, to) {
  fs.cpSync(tree, to, { recursive: true });
  const md = path.join(to, 'metadata');
  const timestamp = json(path.join(md, 'timestamp.json'));
  const was = timestamp.signed.meta['snapshot.json'].version;
  const snapshot = json(path.join(md, `${was}.snapshot.json`));
  snapshot.signed.version = 1000000;
  const s = signed(snapshot.signed, path.join(keys, 'snapshot.key'), snapshot.signatures[0].keyid);
  fs.writeFileSync(path.join(md, '1000000.snapshot.json'), s);
  timestamp.signed.version = 2000000;
  timestamp.signed.meta['snapshot.json'] = {
    version: 1000000,
    length: s.length,
    hashes: { sha256: crypto.createHash('sha256').update(s).digest('hex') },
  };
  fs.writeFileSync(
    path.join(md, 'timestamp.json'),
    signed(timestamp.signed, path.join(keys, 'timestamp.key'), timestamp.signatures[0].keyid)
  );
}

// --- the readers -------------------------------------------------------------
function serve(tree) {
  const server = http.createServer((req, res) => {
    fs.readFile(path.join(tree, path.normalize(decodeURIComponent(req.url))), (err, data) => {
      res.writeHead(err ? 404 : 200);
      res.end(data);
    });
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}

function run(program, args) {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (d) => (text += d));
    child.on('close', (code) => (code === 0 ? done() : fail(new Error(`exit ${code}: ${text}`))));
  });
}

// What every role of the newest snapshot lists, targets and hash bins included.
function everyTarget(tree) {
  const md = path.join(tree, 'metadata');
  const { version } = json(path.join(md, 'timestamp.json')).signed.meta['snapshot.json'];
  const { meta } = json(path.join(md, `${version}.snapshot.json`)).signed;
  return Object.entries(meta).flatMap(([file, { version }]) =>
    Object.entries(json(path.join(md, `${version}.${file}`)).signed.targets).map(
      ([name, { hashes }]) => ({ role: path.basename(file, '.json'), name, ...hashes })
    )
  );
}

// "svc-ntp 1, sets-edge 1": how many of each role.
function counted(targets) {
  const n = {};
  for (const { role } of targets) n[role] = (n[role] ?? 0) + 1;
  return Object.entries(n).map(([role, many]) => `${role} ${many}`).join(', ');
}

const sha256 = (file) =>
  crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex');

async function read(label, tree, work, agent) {
  const server = await serve(tree);
  const base = `http://127.0.0.1:${server.address().port}`;
  const first = path.join(tree, 'metadata', '1.root.json');
  const targets = everyTarget(tree);
  for (const role of ['svc-ntp', 'svc-kernel', 'sets-edge'])
    assert.ok(targets.some((t) => t.role.startsWith(role)), role);
  let failed = 0;
  const folder = (name) => {
    const dir = path.join(work, name);
    const isNew = !fs.existsSync(dir);
    if (isNew) fs.mkdirSync(dir, { recursive: true });
    return { dir, isNew };
  };
  const check = async (what, fn) => {
    try {
      await fn();
      console.log(`ok ${label}: ${what}: all ${targets.length} targets`);
    } catch (e) {
      failed++;
      console.log(`not ok ${label}: ${what}\n    ${String(e.stack).replaceAll('\n', '\n    ')}`);
    }
  };
  const tufJs = async (name) => {
    const { dir, isNew } = folder(name);
    if (isNew) fs.copyFileSync(first, path.join(dir, 'root.json'));
    const updater = new Updater({
      metadataDir: dir,
      metadataBaseUrl: `${base}/metadata`,
      targetDir: work,
      targetBaseUrl: `${base}/targets`,
      config: { fetchRetries: 0 },
    });
    await updater.refresh();
    const file = path.join(work, 'target');
    for (const target of targets) {
      const info = await updater.getTargetInfo(target.name);
      assert.equal(info?.hashes.sha256, target.sha256, target.name);
      await updater.downloadTarget(info, file);
      assert.equal(sha256(file), target.sha256, target.name);
      fs.unlinkSync(file);
    }
  };
  const ours = async (name) => {
    const { dir, isNew } = folder(name);
    const md = path.join(dir, 'md');
    const got = path.join(dir, 'targets');
    const where = ['tuf-client', '--metadata-dir', md];
    if (isNew) {
      fs.mkdirSync(md);
      fs.mkdirSync(got);
      await run(agent, [...where, 'init', first]);
    }
    for (const { name, sha256: want } of targets) {
      await run(agent, [
        ...where, '--metadata-url', `${base}/metadata/`, '--target-name', name,
        '--target-dir', got, '--target-base-url', `${base}/targets/`, 'download',
      ]);
      const [file, ...more] = fs.readdirSync(got).map((f) => path.join(got, f));
      assert.equal(more.length, 0);
      assert.equal(sha256(file), want, name);
      fs.unlinkSync(file);
    }
  };
  console.log(`# ${label}: ${targets.length} targets: ${counted(targets)}`);
  const once = crypto.randomBytes(6).toString('hex');
  await check('tuf-js from the first root', () => tufJs(`js-${once}`));
  await check('tuf-js from the previous release', () => tufJs('js'));
  await check('kiln-agent tuf-client from the first root', () => ours(`agent-${once}`));
  await check('kiln-agent tuf-client from the previous release', () => ours('agent'));
  server.close();
  process.exitCode = failed ? 1 : 0;
}

const [what, ...args] = process.argv.slice(2);
if (what === 'forge') forge(...args);
else read(...args);
