// One client of ours and one of tuf-js against one repository, each with a
// folder and a log of its own; and the list of cases.
'use strict';
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Updater } = require('tuf-js');
const { Sim, Server } = require('./sim');

const program = path.resolve(process.argv[2] ?? 'out/dev/kiln-agent');
const server = new Server();

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

module.exports = { Case, server, cases, test, started, CHAIN, TOP };
