// The peer of `kiln-agent tuf-client`:
//   node tuf-js.js METADATA-DIR METADATA-URL [TARGET TARGETS-URL FILE]
'use strict';
const { Updater } = require('../interop/node_modules/tuf-js');
const [dir, url, target, targetUrl, file] = process.argv.slice(2);

async function main() {
  const updater = new Updater({
    metadataDir: dir,
    metadataBaseUrl: url,
    targetDir: dir,
    targetBaseUrl: targetUrl,
    config: { fetchRetries: 0 },
  });
  await updater.refresh();
  if (!target) return;
  const info = await updater.getTargetInfo(target);
  if (!info) throw new Error(`${target}: nobody lists it`);
  await updater.downloadTarget(info, file);
}

main().catch((e) => {
  console.error(String(e));
  process.exitCode = 1;
});
