// Checklists 6 and 9 (docs/tuf-checklist.md) on a published tree, file by file
// and with eyes of our own.
'use strict';
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { canonicalize } = require('@tufjs/canonical-json');

const DAY = 86400000;
const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');

// How many of the role's keys signed the file.
function signers(file, role, keys) {
  const bytes = Buffer.from(canonicalize(file.signed));
  const good = new Set();
  for (const { keyid, sig } of file.signatures) {
    if (!role.keyids.includes(keyid)) continue;
    const x = Buffer.from(keys[keyid].keyval.public, 'hex').toString('base64url');
    const key = crypto.createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } });
    if (crypto.verify(null, bytes, key, Buffer.from(sig, 'hex'))) good.add(x);
  }
  return good.size;
}

function walk(value, visit) {
  visit(value);
  if (value && typeof value === 'object')
    for (const [k, v] of Object.entries(value)) {
      if (!Array.isArray(value)) visit(k, true);
      walk(v, visit);
    }
}

// '*' and '?' as TUF 4.5 has them, part by part.
function matches(pattern, target) {
  const p = pattern.split('/');
  const parts = target.split('/');
  const one = (q) => new RegExp(`^${q.replace(/[.+]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.')}$`);
  return p.length === parts.length && p.every((q, i) => one(q).test(parts[i]));
}

// By paths, or by the hash of the target's.
function covers(d, target) {
  if (d.paths) return d.paths.some((p) => matches(p, target));
  return d.path_hash_prefixes.some((p) => sha256(target).startsWith(p));
}

// "3.svc-ntp.json" -> [3, "svc-ntp"]
function parts(name) {
  const m = /^([1-9][0-9]*)\.([a-z][a-z0-9-]*)\.json$/.exec(name);
  return m && [Number(m[1]), m[2]];
}

module.exports = async function treeRules(tree, t) {
  const metadata = path.join(tree, 'metadata');
  const files = fs.readdirSync(metadata).filter((n) => !n.startsWith('.'));
  const text = (name) => fs.readFileSync(path.join(metadata, name));
  const json = (name) => JSON.parse(text(name));
  const versions = (role) =>
    files.map(parts).filter((x) => x?.[1] === role).map((x) => x[0]).sort((a, b) => a - b);
  const last = (role) => json(`${versions(role).at(-1)}.${role}.json`).signed;
  const root = last('root');
  const timestamp = json('timestamp.json').signed;
  const snapshot = json(`${timestamp.meta['snapshot.json'].version}.snapshot.json`).signed;
  const targets = json(`${snapshot.meta['targets.json'].version}.targets.json`).signed;
  // Every delegation with the role that made it; of targets, and of roles below.
  const links = [];
  const follow = (name, signed) => {
    for (const d of signed.delegations?.roles ?? []) {
      links.push({ by: name, keys: signed.delegations.keys, ...d });
      follow(d.name, json(`${snapshot.meta[`${d.name}.json`].version}.${d.name}.json`).signed);
    }
  };
  follow('targets', targets);
  const delegated = links;
  // The bins of transport are under its own key.
  const owner = (role) => (role.startsWith('svc-') ? 'svc' : role.replace(/^(transport)-.*/, '$1'));
  const current = Object.entries(snapshot.meta).map(([n, m]) => [n.slice(0, -5), json(`${m.version}.${n}`).signed]);
  const every = (fn) => { for (const name of files) fn(json(name), name); };

  await t('6.1.1: every root from the first on is there', () => {
    assert.deepEqual(versions('root'), versions('root').map((_, i) => i + 1));
    assert.ok(versions('root').length >= 1);
  });
  await t('6.1.2: each root is signed by the threshold before it and its own', () => {
    for (const v of versions('root')) {
      const file = json(`${v}.root.json`);
      for (const by of v > 1 ? [json(`${v - 1}.root.json`), file] : [file]) {
        const role = by.signed.roles.root;
        assert.ok(signers(file, role, by.signed.keys) >= role.threshold, `${v}`);
      }
    }
  });
  await t('6.2.1: all names but timestamp.json have their version', () => {
    assert.equal(root.consistent_snapshot, true);
    for (const name of files.filter((n) => n !== 'timestamp.json')) {
      assert.ok(parts(name), name);
      assert.equal(json(name).signed.version, parts(name)[0], name);
    }
  });
  await t('6.2.2: metadata names no prefixed file', () => {
    for (const name of Object.keys({ ...snapshot.meta, ...timestamp.meta }))
      assert.ok(!/^[0-9]+\./.test(name), name);
    for (const [, role] of current)
      for (const [target, info] of Object.entries(role.targets))
        assert.ok(!path.basename(target).startsWith(`${info.hashes.sha256}.`), target);
  });
  await t('6.2.3: each target is there as HASH.name, once for each hash', () => {
    let seen = 0;
    for (const [, role] of current)
      for (const [target, info] of Object.entries(role.targets)) {
        for (const [kind, hash] of Object.entries(info.hashes)) {
          const at = path.join(tree, 'targets', path.dirname(target), `${hash}.${path.basename(target)}`);
          const data = fs.readFileSync(at);
          assert.equal(crypto.createHash(kind).update(data).digest('hex'), hash);
          assert.equal(data.length, info.length);
          seen++;
        }
        assert.ok(!fs.existsSync(path.join(tree, 'targets', target)), target);
      }
    assert.ok(seen > 8);
  });
  await t('6.4.1: snapshot lists targets and every delegated role, with length and hash', () => {
    const want = ['targets', ...delegated.map((d) => d.name)].map((n) => `${n}.json`).sort();
    assert.deepEqual(Object.keys(snapshot.meta).sort(), want);
    for (const [name, m] of Object.entries(snapshot.meta)) {
      const bytes = text(`${m.version}.${name}`);
      assert.equal(m.length, bytes.length);
      assert.equal(m.hashes.sha256, sha256(bytes));
    }
  });
  await t('6.4.2: timestamp lists snapshot alone, with length and hash', () => {
    assert.deepEqual(Object.keys(timestamp.meta), ['snapshot.json']);
    const m = timestamp.meta['snapshot.json'];
    const bytes = text(`${m.version}.snapshot.json`);
    assert.equal(m.length, bytes.length);
    assert.equal(m.hashes.sha256, sha256(bytes));
  });
  await t('6.4.3: what snapshot lists never goes down or away', () => {
    let before = {};
    for (const v of versions('snapshot')) {
      const { meta } = json(`${v}.snapshot.json`).signed;
      for (const [name, m] of Object.entries(before)) {
        assert.ok(meta[name], `${v}: ${name} is gone`);
        assert.ok(meta[name].version >= m.version, `${v}: ${name}`);
      }
      before = meta;
    }
  });
  await t('6.5.1: versions grow by one', () => {
    for (const role of new Set(files.map(parts).filter(Boolean).map((x) => x[1]))) {
      const all = versions(role);
      assert.deepEqual(all, all.map((_, i) => all[0] + i), role);
    }
  });
  await t('6.5.2: expiry is as the design has it', () => {
    const left = (s) => (Date.parse(s.expires) - Date.now()) / DAY;
    const near = (s, days) => assert.ok(left(s) <= days + 1 && left(s) > days - 1, `${s._type} ${left(s)}`);
    near(timestamp, 7);
    near(snapshot, 14);
    near(root, 730);
    for (const [name, role] of current) {
      near(role, 365);
      if (name.startsWith('svc-')) assert.match(role.expires, /T00:00:00Z$/);
    }
  });
  await t('6.6.3: no key is in two roles', () => {
    const has = new Map();
    const claim = (role, keyids, keys) => {
      for (const id of keyids) {
        const pub = keys[id].keyval.public;
        const who = owner(role); // rebuilders have all services
        assert.ok((has.get(pub) ?? who) === who, `${role} and ${has.get(pub)}`);
        has.set(pub, who);
      }
    };
    for (const [name, r] of Object.entries(root.roles)) claim(name, r.keyids, root.keys);
    for (const d of delegated) claim(d.name, d.keyids, d.keys);
    assert.ok(has.size >= 9);
  });
  await t('6.7.1: names of delegated roles are unique and never top-level', () => {
    const names = delegated.map((d) => d.name);
    assert.equal(new Set(names).size, names.length);
    for (const n of ['root', 'targets', 'snapshot', 'timestamp']) assert.ok(!names.includes(n));
  });
  await t('6.7.2 6.7.3: each delegation has one kind of paths and says if it terminates', () => {
    for (const d of delegated) {
      assert.notEqual('paths' in d, 'path_hash_prefixes' in d, d.name);
      assert.equal(typeof d.terminating, 'boolean');
      if (d.name.startsWith('svc-')) assert.equal(d.terminating, true);
    }
  });
  await t('6.7.4: patterns have the depth of what they cover', () => {
    for (const [name, role] of current) {
      const d = delegated.find((x) => x.name === name);
      for (const target of Object.keys(role.targets)) assert.ok(covers(d, target), target);
    }
  });
  await t('6.9.1: targets lie in the bins that the hash of their path names', () => {
    const bins = delegated.filter((d) => d.path_hash_prefixes);
    assert.equal(bins.length, 32);
    let seen = 0;
    for (const d of bins) {
      const role = current.find(([name]) => name === d.name)[1];
      for (const target of Object.keys(role.targets)) {
        assert.ok(covers(d, target), target);
        seen++;
      }
    }
    assert.ok(seen > 128);
  });
  await t('6.9.2 6.9.3: there are no hash bins with gaps and none beside plain roles', () => {
    every(({ signed }) => {
      if (!signed.delegations) return;
      assert.ok(!('succinct_roles' in signed.delegations) || !('roles' in signed.delegations));
      const prefixes = (signed.delegations.roles ?? []).flatMap((d) => d.path_hash_prefixes ?? []);
      const share = prefixes.reduce((sum, p) => sum + 16 ** -p.length, 0);
      assert.ok(prefixes.length === 0 || share === 1);
      for (const p of prefixes)
        assert.equal(prefixes.filter((q) => p.startsWith(q)).length, 1);
    });
  });
  await t('6.10: files stay below the limits of other clients', () => {
    const limits = { root: 512000, timestamp: 16384, snapshot: 2000000, targets: 5000000 };
    every(({ signed }, name) => assert.ok(text(name).length < limits[signed._type], name));
    assert.ok(versions('root').length <= 256);
  });

  await t('9.1: no role is named like a number', () => {
    for (const d of delegated) assert.ok(!/^[0-9]+$/.test(d.name));
  });
  await t('9.2: integers are below 2^53', () => {
    every((file) => walk(file, (v) => {
      if (typeof v === 'number') assert.ok(Number.isSafeInteger(v));
    }));
  });
  await t('8.3.2 9.3: members have ASCII names', () => {
    every((file) => walk(file, (v, isKey) => {
      if (isKey) assert.match(v, /^[\x20-\x7e]*$/);
    }));
  });
  await t('9.4: hashes are SHA-256 and SHA-512 alone', () => {
    every((file) => walk(file, (v) => {
      for (const kind of Object.keys(v?.hashes ?? {})) assert.ok(['sha256', 'sha512'].includes(kind));
    }));
  });
  await t('9.5: keys are Ed25519', () => {
    for (const k of Object.values(Object.assign({}, root.keys, ...delegated.map((d) => d.keys)))) {
      assert.equal(k.keytype, 'ed25519');
      assert.equal(k.scheme, 'ed25519');
      assert.match(k.keyval.public, /^[0-9a-f]{64}$/);
    }
  });
  await t('5.10: every keyid is the digest of its key', () => {
    for (const [id, k] of Object.entries(Object.assign({}, root.keys, ...delegated.map((d) => d.keys))))
      assert.equal(id, sha256(canonicalize(k)));
  });
  await t('9.6 9.8: target paths have plain characters and no hidden part', () => {
    for (const [, role] of current)
      for (const target of Object.keys(role.targets)) {
        assert.match(target, /^[A-Za-z0-9._+~\/-]+$/);
        assert.ok(target.split('/').every((x) => x && !x.startsWith('.')), target);
      }
  });
  await t('9.7: patterns are read alike by every client', () => {
    for (const d of delegated)
      for (const p of d.paths ?? []) assert.ok(!/[[\]{}!\\]|\*\*/.test(p), p);
  });
  await t('9.9: no search visits more than 32 roles', () => {
    for (const [, role] of current)
      for (const target of Object.keys(role.targets)) {
        let visited = 1;
        const visit = (by) => {
          for (const d of delegated.filter((x) => x.by === by && covers(x, target))) {
            visited++;
            if (visit(d.name) || d.terminating) return true;
          }
          return false;
        };
        visit('targets');
        assert.ok(visited <= 32, target);
      }
  });
};
