// log.js URL KEY: our log and our statements, judged by sigstore's code: each
// entry's inclusion, the checkpoint's signature, each statement's envelope.  The
// proofs are made here from the bundles alone.
"use strict";
const crypto = require("crypto");
const path = require("path");
const { dsse, crypto: core } = require("@sigstore/core");
const inside = (f) => require(path.join(__dirname, "node_modules/@sigstore/verify/dist/timestamp", f));
const { verifyMerkleInclusion } = inside("merkle.js");
const { verifyCheckpoint } = inside("checkpoint.js");

const [url, hex] = process.argv.slice(2);
const sha256 = (...b) => crypto.createHash("sha256").update(Buffer.concat(b)).digest();
const key = crypto.createPublicKey({ format: "der", type: "spki",
	key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(hex, "hex")]) });

let passed = 0, failed = 0;
const check = (what, f) => {
	try {
		if (f() === false)
			throw new Error("no");
		passed++;
		console.log(`ok ${what}`);
	} catch (e) {
		failed++;
		console.log(`not ok ${what}\n    ${e.message}`);
	}
};
const fails = (f) => {
	try {
		f();
	} catch {
		return true;
	}
	return false;
};
const get = async (where) => {
	const r = await fetch(url + where);
	if (!r.ok)
		throw new Error(`${where}: ${r.status}`);
	return Buffer.from(await r.arrayBuffer());
};

// RFC 6962, 2.1 and 2.1.1, as it stands there.
const split = (n) => { let k = 1; while (2 * k < n) k *= 2; return k; };
const mth = (d) => d.length === 1 ? sha256(Buffer.from([0]), d[0])
	: sha256(Buffer.from([1]), mth(d.slice(0, split(d.length))), mth(d.slice(split(d.length))));
const audit = (m, d) => {
	if (d.length === 1)
		return [];
	const k = split(d.length);
	return m < k ? [...audit(m, d.slice(0, k)), mth(d.slice(k))] : [...audit(m - k, d.slice(k)), mth(d.slice(0, k))];
};

(async () => {
	const note = (await get("/tuf/log/checkpoint")).toString();
	const [origin, count, root] = note.split("\n");
	const size = Number(count), entries = [];

	for (let n = 0; n * 256 < size; n++) {
		const width = Math.min(256, size - n * 256);
		const name = `/tuf/log/tile/entries/${String(n).padStart(3, "0")}${width < 256 ? `.p/${width}` : ""}`;
		for (let b = await get(name); b.length; b = b.subarray(2 + b.readUInt16BE(0)))
			entries.push(b.subarray(2, 2 + b.readUInt16BE(0)));
	}
	check(`the checkpoint counts the ${entries.length} entries`, () => entries.length === size);
	const entry = (i, body) => ({ canonicalizedBody: body || entries[i], integratedTime: "0", inclusionProof: { logIndex: String(i), treeSize: String(size),
		rootHash: Buffer.from(root, "base64"), hashes: audit(i, entries), checkpoint: { envelope: note } } });
	const id = sha256(Buffer.from(`${origin}\n`), Buffer.from([1]), Buffer.from(hex, "hex"));
	const logs = [{ logID: id, publicKey: key, validFor: { start: new Date(0), end: new Date(8e15) } }];

	check("its signature is good to sigstore", () => verifyCheckpoint(entry(0), logs));
	check("and not over another size", () => fails(() => verifyCheckpoint({ ...entry(0),
		inclusionProof: { ...entry(0).inclusionProof, checkpoint: { envelope: note.replace(`\n${size}\n`, `\n${size + 1}\n`) } } }, logs)));
	check("every entry is included to sigstore", () => entries.forEach((_, i) => verifyMerkleInclusion(entry(i))));
	check("and no other is", () => fails(() => verifyMerkleInclusion(entry(1, entries[0]))));

	const tile = await get(`/tuf/log/tile/0/000${size < 256 ? `.p/${size}` : ""}`);
	check("the tile holds the hashes of the leaves", () => entries.slice(0, 256).every((e, i) =>
		tile.subarray(32 * i, 32 * i + 32).equals(sha256(Buffer.from([0]), e))));
	for (const i of [0, size - 1]) {
		const said = JSON.parse(entries[i]);
		const envelope = JSON.parse(await get(`/attestation/${said.statement}`));
		const payload = Buffer.from(envelope.payload, "base64");
		const pae = dsse.preAuthEncoding(envelope.payloadType, payload);

		check(`statement ${i} is the one that the entry names`, () => sha256(payload).toString("hex") === said.statement);
		check(`its envelope is good to sigstore`, () => core.verify(pae, key, Buffer.from(envelope.signatures[0].sig, "base64")));
		check(`its signature is the entry's`, () => Buffer.from(envelope.signatures[0].sig, "base64").toString("hex") === said.sig);
		pae[pae.length - 9] ^= 1;
		check(`a changed one is not good`, () => core.verify(pae, key, Buffer.from(envelope.signatures[0].sig, "base64")) === false);
	}
	console.log(`${passed} passed, ${failed} failed`);
	process.exit(failed ? 1 : 0);
})().catch((e) => {
	console.log(`not ok ${e.stack}\n${passed} passed, ${failed + 1} failed`);
	process.exit(1);
});
