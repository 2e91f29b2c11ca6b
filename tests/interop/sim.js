// A TUF repository in memory, and a server that counts what it is asked for.
// Signatures are made over the canonical form of @tufjs/canonical-json, so
// that two implementations of it meet.
'use strict';
const crypto = require('node:crypto');
const http = require('node:http');
const { canonicalize } = require('@tufjs/canonical-json');
const { KeyPair } = require('@tufjs/repo-mock/dist/key');

const DAY = 86400000;
const inDays = (n) =>
  new Date(Date.now() + n * DAY).toISOString().replace(/\.\d+Z$/, 'Z');
const sha = (alg, data) => crypto.createHash(alg).update(data).digest('hex');

// type: ed25519, ecdsa (repo-mock's own key), rsa-pss, rsa-pkcs1
function newKey(type = 'ed25519') {
  let meta, sign;
  if (type === 'ecdsa') {
    const pair = new KeyPair();
    meta = {
      keytype: 'ecdsa-sha2-nistp256',
      scheme: 'ecdsa-sha2-nistp256',
      keyval: { public: pair.publicKey.keyVal.public },
    };
    sign = (data) => pair.sign(data).sig;
  } else if (type === 'ed25519') {
    const { publicKey, privateKey } = crypto.generateKeyPairSync('ed25519');
    const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url');
    meta = {
      keytype: 'ed25519',
      scheme: 'ed25519',
      keyval: { public: raw.toString('hex') },
    };
    sign = (data) => crypto.sign(null, data, privateKey).toString('hex');
  } else {
    const pss = type === 'rsa-pss';
    const { publicKey, privateKey } = crypto.generateKeyPairSync('rsa', {
      modulusLength: 2048,
    });
    meta = {
      keytype: 'rsa',
      scheme: pss ? 'rsassa-pss-sha256' : 'rsa-pkcs1v15-sha256',
      keyval: { public: publicKey.export({ format: 'pem', type: 'spki' }) },
    };
    sign = (data) =>
      crypto
        .sign('sha256', data, {
          key: privateKey,
          padding: pss
            ? crypto.constants.RSA_PKCS1_PSS_PADDING
            : crypto.constants.RSA_PKCS1_PADDING,
        })
        .toString('hex');
  }
  return { id: sha('sha256', canonicalize(meta)), meta, sign };
}

class Sim {
  constructor({ keytype = 'ed25519', consistent = true } = {}) {
    this.keytype = keytype;
    this.signers = {};
    this.files = new Map(); // below metadata/
    this.content = new Map(); // below targets/
    this.hashes = false; // in snapshot and timestamp
    const common = (type) => ({
      _type: type,
      spec_version: '1.0.31',
      version: 1,
      expires: inDays(30),
    });
    this.root = {
      ...common('root'),
      consistent_snapshot: consistent,
      keys: {},
      roles: {},
    };
    this.timestamp = { ...common('timestamp'), meta: {} };
    this.snapshot = { ...common('snapshot'), meta: {} };
    this.roles = { targets: { ...common('targets'), targets: {} } };
    this.newRole = () => ({ ...common('targets'), targets: {} });
    for (const r of ['root', 'timestamp', 'snapshot', 'targets'])
      this.rotate(r);
    this.putRoot();
    this.putAll();
    this.trustedRoot = this.files.get('1.root.json');
  }

  // Fresh keys for a role of root.
  rotate(role, n = 1, threshold = n) {
    const keys = Array.from({ length: n }, () => newKey(this.keytype));
    this.signers[role] = keys;
    this.root.roles[role] = { keyids: keys.map((k) => k.id), threshold };
    for (const k of keys) this.root.keys[k.id] = k.meta;
    return keys;
  }

  addKey(role, key = newKey(this.keytype)) {
    this.signers[role].push(key);
    this.root.roles[role].keyids.push(key.id);
    this.root.keys[key.id] = key.meta;
    return key;
  }

  sign(signed, keys) {
    const data = Buffer.from(canonicalize(signed));
    const signatures = keys.map((k) => ({ keyid: k.id, sig: k.sign(data) }));
    return Buffer.from(JSON.stringify({ signatures, signed }, null, 1));
  }

  entry(version, bytes) {
    if (!this.hashes) return { version };
    return {
      version,
      length: bytes.length,
      hashes: { sha256: sha('sha256', bytes) },
    };
  }

  put(name, version, bytes) {
    const file = `${encodeURIComponent(name)}.json`;
    this.files.set(
      this.root.consistent_snapshot ? `${version}.${file}` : file,
      bytes
    );
  }

  putRoot(keys = this.signers.root) {
    this.files.set(
      `${this.root.version}.root.json`,
      this.sign(this.root, keys)
    );
  }

  nextRoot(oldKeys = []) {
    this.root.version++;
    this.putRoot([...new Set([...oldKeys, ...this.signers.root])]);
  }

  putRole(name, keys = this.signers[name]) {
    const signed = this.roles[name];
    const bytes = this.sign(signed, keys);
    this.put(name, signed.version, bytes);
    this.snapshot.meta[`${name}.json`] = this.entry(signed.version, bytes);
  }

  putSnapshot(keys = this.signers.snapshot) {
    const bytes = this.sign(this.snapshot, keys);
    this.put('snapshot', this.snapshot.version, bytes);
    this.timestamp.meta['snapshot.json'] = this.entry(
      this.snapshot.version,
      bytes
    );
  }

  putTimestamp(keys = this.signers.timestamp) {
    this.files.set('timestamp.json', this.sign(this.timestamp, keys));
  }

  putAll() {
    for (const name of Object.keys(this.roles)) this.putRole(name);
    this.putSnapshot();
    this.putTimestamp();
  }

  // New versions of the named roles, snapshot and timestamp.
  publish(...names) {
    for (const n of names) {
      if (n in this.roles) {
        this.roles[n].version++;
        this.putRole(n);
      }
    }
    this.snapshot.version++;
    this.putSnapshot();
    this.timestamp.version++;
    this.putTimestamp();
  }

  delegate(from, name, { paths, prefixes, terminating = false, n = 1, k = n }) {
    const keys = Array.from({ length: n }, () => newKey(this.keytype));
    const parent = this.roles[from];
    parent.delegations ??= { keys: {}, roles: [] };
    for (const key of keys) parent.delegations.keys[key.id] = key.meta;
    const role = {
      name,
      keyids: keys.map((key) => key.id),
      threshold: k,
      terminating,
    };
    if (prefixes) role.path_hash_prefixes = prefixes;
    else role.paths = paths ?? ['*'];
    parent.delegations.roles.push(role);
    this.signers[name] ??= keys;
    this.roles[name] ??= this.newRole();
    return keys;
  }

  target(role, path, text, algs = ['sha256']) {
    const data = Buffer.from(text);
    const hashes = Object.fromEntries(algs.map((a) => [a, sha(a, data)]));
    this.roles[role].targets[path] = { length: data.length, hashes };
    const at = path.lastIndexOf('/') + 1;
    for (const h of Object.values(hashes))
      this.content.set(`${path.slice(0, at)}${h}.${path.slice(at)}`, data);
    this.content.set(path, data);
  }
}

// Serves sims by the first part of the path, as it is on the wire.
class Server {
  constructor() {
    this.sims = new Map();
    this.log = new Map();
    this.http = http.createServer((req, res) => this.answer(req, res));
    this.http.keepAliveTimeout = 2000;
  }

  async start() {
    await new Promise((done) => this.http.listen(0, '127.0.0.1', done));
    this.base = `http://127.0.0.1:${this.http.address().port}`;
  }

  stop() {
    this.http.closeAllConnections();
    this.http.close();
  }

  answer(req, res) {
    const [, who, kind, ...rest] = req.url.split('/');
    const name = rest.join('/');
    const sim = this.sims.get(who);
    this.log.get(who)?.push(
      `${req.method === 'GET' ? '' : req.method + ' '}` +
        (kind === 'metadata' ? name : `${kind}/${name}`)
    );
    const own = sim?.answer?.(kind, name, req, res);
    if (own) return;
    const body = (kind === 'metadata' ? sim?.files : sim?.content)?.get(name);
    if (!body) {
      res.writeHead(404, { 'Content-Type': 'text/plain' });
      res.end('not here');
      return;
    }
    res.writeHead(200, { 'Content-Length': body.length });
    res.end(body);
  }
}

module.exports = { Sim, Server, newKey, inDays, sha, canonicalize };
