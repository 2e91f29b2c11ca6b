// A tree that kiln-tuf made, read by tuf-js: from the first root, every role
// and every target; then what a repository must keep beyond what clients look
// at.  A name starts with the ids of docs/tuf-checklist.md that it tests.
//   node published-tree.js TREE
'use strict';
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { Updater } = require('tuf-js');
const treeRules = require('./tree-rules');

const tree = path.resolve(process.argv[2]);
const asked = [];
let passed = 0,
  failed = 0;

function serve() {
  const server = http.createServer((req, res) => {
    const name = decodeURIComponent(req.url);
    asked.push(name);
    fs.readFile(path.join(tree, path.normalize(name)), (err, data) => {
      res.writeHead(err ? 404 : 200);
      res.end(data);
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

async function t(what, fn) {
  try {
    await fn();
    passed++;
    console.log(`ok ${what}`);
  } catch (e) {
    failed++;
    console.log(`not ok ${what}\n    ${String(e.stack).replaceAll('\n', '\n    ')}`);
  }
}

const json = (name) => JSON.parse(fs.readFileSync(path.join(tree, 'metadata', name)));
const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');

// Every target of every role that the newest snapshot lists.
function listed() {
  const timestamp = json('timestamp.json');
  const snapshot = json(`${timestamp.signed.meta['snapshot.json'].version}.snapshot.json`);
  const all = [];
  for (const [name, meta] of Object.entries(snapshot.signed.meta)) {
    const role = json(`${meta.version}.${name}`);
    for (const [target, info] of Object.entries(role.signed.targets))
      all.push({ role: name.replace(/\.json$/, ''), target, info });
  }
  return all;
}

async function main() {
  const server = await serve();
  const base = `http://127.0.0.1:${server.address().port}`;
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'kiln-interop-'));
  const fresh = (name) => {
    const md = path.join(dir, name);
    fs.mkdirSync(md);
    fs.copyFileSync(path.join(tree, 'metadata', '1.root.json'), path.join(md, 'root.json'));
    return new Updater({
      metadataDir: md,
      metadataBaseUrl: `${base}/metadata`,
      targetDir: dir,
      targetBaseUrl: `${base}/targets`,
      config: { fetchRetries: 0 },
    });
  };
  const targets = listed();
  let updater;

  await t('tuf-js refreshes from the first root', async () => {
    updater = fresh('a');
    await updater.refresh();
  });
  await t('there are images, a kernel and a set', () => {
    const roles = new Set(targets.map((x) => x.role));
    for (const want of ['svc-dns-dhcp', 'svc-ntp', 'svc-kernel', 'sets-edge'])
      assert.ok(roles.has(want), want);
    assert.equal(targets.filter((x) => x.role === 'svc-dns-dhcp').length, 8);
  });
  for (const { role, target, info } of targets) {
    await t(`tuf-js downloads ${target}`, async () => {
      const found = await updater.getTargetInfo(target);
      assert.ok(found, 'not found');
      assert.equal(found.hashes.sha256, info.hashes.sha256);
      if (role.startsWith('svc-')) {
        assert.ok(found.custom.serial >= 1);
        assert.equal(found.custom.service, role.slice(4));
      }
      const file = path.join(dir, 'target');
      await updater.downloadTarget(found, file);
      const data = fs.readFileSync(file);
      assert.equal(sha256(data), info.hashes.sha256);
      assert.equal(data.length, info.length);
      fs.unlinkSync(file);
    });
  }
  await t('a target that nobody lists is not found', async () => {
    assert.equal(await updater.getTargetInfo(`images/ntp/amd64/${'0'.repeat(64)}`), undefined);
    assert.equal(await updater.getTargetInfo('sets/edge/none.json'), undefined);
    assert.equal(await updater.getTargetInfo('elsewhere/x'), undefined);
  });
  await t('a poll that finds nothing costs two requests', async () => {
    asked.length = 0;
    const again = new Updater({
      metadataDir: path.join(dir, 'a'),
      metadataBaseUrl: `${base}/metadata`,
      config: { fetchRetries: 0 },
    });
    await again.refresh();
    assert.deepEqual(asked, ['/metadata/2.root.json', '/metadata/timestamp.json']);
  });
  await treeRules(tree, t);
  server.close();
  fs.rmSync(dir, { recursive: true });
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}

main();
