// The peer of `kiln-tuf serve --once`: a repository of the same size by the
// classes that tuf-js itself reads metadata with (@tufjs/models).
//   node tuf-js-publish.js first TARGETS-DIR OUT BINS
//   node tuf-js-publish.js add   TARGETS-DIR OUT BINS
// `first` lists every file HASH.NAME below TARGETS-DIR in hash bins, signs and
// writes all metadata; `add` reads that again and publishes one target more.
// It keeps no journal, syncs nothing and checks nothing before it publishes.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { canonicalize } = require('../interop/node_modules/@tufjs/canonical-json');
const { Key, Metadata, MetaFile, Root, Signature, Snapshot, TargetFile, Targets,
  Timestamp } = require('../interop/node_modules/@tufjs/models');

const [what, dir, out, count] = process.argv.slice(2);
const bins = Number(count);
const BASE = 'transport/many/amd64';
const specVersion = '1.0.34';
const expires = new Date(Date.now() + 365 * 86400000).toISOString().replace(/\.\d+Z$/, 'Z');
const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');

function newKey() {
  const pair = crypto.generateKeyPairSync('ed25519');
  const raw = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x, 'base64url').toString('hex');
  const plain = { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: raw } };
  const keyID = sha256(canonicalize(plain));
  const key = new Key({ keyID, keyType: 'ed25519', scheme: 'ed25519', keyVal: { public: raw } });
  const signer = (data) =>
    new Signature({ keyID, sig: crypto.sign(null, data, pair.privateKey).toString('hex') });
  return { key, signer, pem: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }) };
}

function oldKey(pem) {
  const privateKey = crypto.createPrivateKey(pem);
  const x = crypto.createPublicKey(privateKey).export({ format: 'jwk' }).x;
  const raw = Buffer.from(x, 'base64url').toString('hex');
  const keyID = sha256(canonicalize({ keytype: 'ed25519', scheme: 'ed25519', keyval: { public: raw } }));
  return (data) => new Signature({ keyID, sig: crypto.sign(null, data, privateKey).toString('hex') });
}

// Replaced in one step, as a published file must be.
function write(name, text) {
  const at = path.join(out, name);
  fs.writeFileSync(`${at}.new`, text);
  fs.renameSync(`${at}.new`, at);
}

function publish(name, signed, signer) {
  const md = new Metadata(signed);
  md.sign((data) => signer(data));
  const text = JSON.stringify(md.toJSON());
  write(name === 'timestamp' ? 'timestamp.json' : `${signed.version}.${name}.json`, text);
  return new MetaFile({ version: signed.version, length: text.length,
    hashes: { sha256: sha256(text) } });
}

const width = 4096 / bins;
const binName = (i) => `transport-${(i * width).toString(16).padStart(3, '0')}`;
const binOf = (target) => Math.floor(parseInt(sha256(target).slice(0, 3), 16) / width);

function target(file) {
  const data = fs.readFileSync(path.join(dir, BASE, file));
  const hash = sha256(data);
  if (!file.startsWith(`${hash}.`)) throw new Error(`${file}: other content`);
  const name = `${BASE}/${file.slice(65)}`;
  return [name, new TargetFile({ path: name, length: data.length, hashes: { sha256: hash },
    unrecognizedFields: { custom: { head: hash, head_size: 148 } } })];
}

function first() {
  const k = {};
  for (const role of ['root', 'targets', 'snapshot', 'timestamp', 'transport']) k[role] = newKey();
  const lists = Array.from({ length: bins }, () => ({}));
  for (const file of fs.readdirSync(path.join(dir, BASE))) {
    const [name, info] = target(file);
    lists[binOf(name)][name] = info;
  }
  const meta = {};
  const keyid = k.transport.key.keyID;
  const roles = [];
  for (let i = 0; i < bins; i++) {
    meta[`${binName(i)}.json`] = publish(binName(i),
      new Targets({ version: 1, specVersion, expires, targets: lists[i] }), k.transport.signer);
    const prefixes = Array.from({ length: width }, (_, n) =>
      (i * width + n).toString(16).padStart(3, '0'));
    roles.push({ name: binName(i), keyids: [keyid], threshold: 1, terminating: true,
      path_hash_prefixes: prefixes });
  }
  const delegating = (list) => Targets.fromJSON({ _type: 'targets', version: 1,
    spec_version: specVersion, expires, targets: {},
    delegations: { keys: { [keyid]: k.transport.key.toJSON() }, roles: list } });
  meta['transport.json'] = publish('transport', delegating(roles), k.transport.signer);
  meta['targets.json'] = publish('targets', delegating([{ name: 'transport', keyids: [keyid],
    threshold: 1, terminating: false, paths: ['transport/*/*/*'] }]), k.targets.signer);
  const root = new Root({ version: 1, specVersion, expires, consistentSnapshot: true });
  for (const role of ['root', 'targets', 'snapshot', 'timestamp']) root.addKey(k[role].key, role);
  publish('root', root, k.root.signer);
  const snapshot = publish('snapshot', new Snapshot({ version: 1, specVersion, expires, meta }),
    k.snapshot.signer);
  publish('timestamp', new Timestamp({ version: 1, specVersion, expires, snapshotMeta: snapshot }),
    k.timestamp.signer);
  fs.writeFileSync(path.join(out, 'keys'), JSON.stringify(Object.fromEntries(
    Object.entries(k).map(([role, v]) => [role, v.pem]))));
}

function add() {
  const keys = JSON.parse(fs.readFileSync(path.join(out, 'keys'), 'utf8'));
  const json = (name) => JSON.parse(fs.readFileSync(path.join(out, name), 'utf8'));
  const timestamp = Metadata.fromJSON('timestamp', json('timestamp.json')).signed;
  const last = timestamp.snapshotMeta.version;
  const snapshot = Metadata.fromJSON('snapshot', json(`${last}.snapshot.json`)).signed;
  const files = fs.readdirSync(path.join(dir, BASE));
  const newest = files.map((f) => [fs.statSync(path.join(dir, BASE, f)).mtimeMs, f]);
  const [name, info] = target(newest.reduce((a, b) => (b[0] > a[0] ? b : a))[1]);
  const bin = binName(binOf(name));
  const role = Metadata.fromJSON('targets',
    json(`${snapshot.meta[`${bin}.json`].version}.${bin}.json`)).signed;
  const next = (old, more) => ({ version: old.version + 1, specVersion, expires, ...more });
  const meta = { ...snapshot.meta };
  meta[`${bin}.json`] = publish(bin,
    new Targets(next(role, { targets: { ...role.targets, [name]: info } })), oldKey(keys.transport));
  const listed = publish('snapshot', new Snapshot(next(snapshot, { meta })), oldKey(keys.snapshot));
  publish('timestamp', new Timestamp(next(timestamp, { snapshotMeta: listed })),
    oldKey(keys.timestamp));
}

if (what === 'first') first();
else add();
