// Delegated roles and the search through them.
'use strict';
const assert = require('node:assert/strict');
const { test } = require('./case');
const { newKey, sha } = require('./sim');

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
  test(`5.6.7.1 5.6.7.2 5.6.7.5: search order: ${name}`, async (c) => {
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
test('5.6.3: a delegated role below its threshold supplies nothing', async (c) => {
  const [a, b] = c.sim.delegate('targets', 'svc', { n: 3, k: 2, terminating: true, paths: ['images/*/*'] });
  c.sim.target('svc', 'images/x/y', 'an image');
  c.sim.putRole('svc', [a]);
  c.sim.publish('targets');
  await c.bothDownload('images/x/y', 1, { word: '1 of 2' });
  c.sim.putRole('svc', [a, b]);
  await c.bothDownload('images/x/y', 0);
  assert.deepEqual(c.targets(), ['an image']);
});
test('5.6.8 6.8.1: a role stored under two keys is refused when one is taken away', async (c) => {
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
test('4.6: both paths and path_hash_prefixes, or neither: refused', async (c) => {
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

test('5.6.1: a delegated role that snapshot does not list supplies nothing', async (c) => {
  c.sim.delegate('targets', 'A', {});
  c.sim.target('A', 'x', 'text');
  c.sim.putRole('A');
  delete c.sim.snapshot.meta['A.json'];
  c.sim.publish('targets');
  await c.bothDownload('x', 1, { word: 'snapshot does not list it' });
});
test('5.6.4: a role of another version than listed is refused', async (c) => {
  c.sim.roles.targets.version = 2;
  c.sim.put('targets', 1, c.sim.sign(c.sim.roles.targets, c.sim.signers.targets));
  await c.both(1, { word: 'mix-and-match' });
});
test('5.6.7.3 9.9: 32 roles are searched and no more', async (c) => {
  for (let i = 0; i < 40; i++) {
    c.sim.delegate('targets', `r${i}`, {});
    c.sim.putRole(`r${i}`);
  }
  c.sim.target('r30', 'near', 'found');
  c.sim.target('r31', 'far', 'not found');
  for (const r of ['r30', 'r31']) c.sim.putRole(r);
  c.sim.publish('targets');
  await c.bothDownload('near', 0);
  assert.equal(await c.download('far'), 1);
  assert.ok(!c.requests.includes('1.r31.json'));
});
test('5.6.7.4: a role is entered only where every link matches', async (c) => {
  c.sim.delegate('targets', 'A', { paths: ['a/*'] });
  c.sim.delegate('A', 'B', { paths: ['*/*'] });
  c.sim.target('B', 'b/x', 'not by A');
  c.sim.target('B', 'a/x', 'by A');
  for (const r of ['A', 'B']) c.sim.putRole(r);
  c.sim.publish('targets');
  await c.bothDownload('b/x', 1);
  await c.bothDownload('a/x', 0);
});
test('5.6.7.6: a role that cannot be verified ends the search', async (c) => {
  c.sim.delegate('targets', 'A', {});
  c.sim.delegate('targets', 'B', {});
  c.sim.target('B', 'x', 'from B');
  c.sim.putRole('A', [newKey()]);
  c.sim.putRole('B');
  c.sim.publish('targets');
  await c.bothDownload('x', 1, { word: 'threshold' });
  assert.ok(!c.requests.includes('1.B.json'));
});
test('6.9.1 6.9.2: hash bins cover every path once', async (c) => {
  const names = Array.from({ length: 12 }, (_, i) => `dir/file-${i}`);
  for (let i = 0; i < 16; i++) {
    const hex = i.toString(16);
    c.sim.delegate('targets', `bin-${hex}`, { prefixes: [hex], terminating: true });
    for (const n of names)
      if (sha('sha256', n)[0] === hex) c.sim.target(`bin-${hex}`, n, n);
    c.sim.putRole(`bin-${hex}`);
  }
  c.sim.publish('targets');
  for (const n of names) {
    await c.bothDownload(n, 0);
    const bin = `1.bin-${sha('sha256', n)[0]}.json`;
    assert.ok(c.requests.filter((r) => r.includes('bin-')).every((r) => r === bin));
  }
});
